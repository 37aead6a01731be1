//! Lists and objects whose scalar fields are read on the spot.
//!
//! async-graphql makes a boxed future of every field of every object. Most fields of a list are
//! there already, so [`Nodes`] and [`Object`] poll a field whose type is a leaf once, on the stack,
//! and only what has to wait goes the ordinary way. The selection is flattened once for a list, and
//! one template object is cloned for each item.

use std::{
    borrow::Cow,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use async_graphql::{
    Context, ContextSelectionSet, Name, ObjectType, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection},
    registry::{MetaType, MetaTypeName, Registry},
};
use futures_util::future::try_join_all;

use crate::batch::Batch;

/// A list of objects, as `[T!]!`.
pub struct Nodes<T>(pub Vec<T>);

impl<T: ObjectType> OutputType for Nodes<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let items = self
            .0
            .iter()
            .enumerate()
            .map(|(index, item)| (Some(index), item));
        Ok(Value::List(resolve(ctx, items).await?))
    }
}

/// One object, as `T!`.
pub struct Object<T>(pub T);

impl<T: ObjectType> OutputType for Object<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let mut values = resolve(ctx, [(None, &self.0)].into_iter()).await?;
        Ok(values.pop().unwrap_or_default())
    }
}

/// A selected field, and where its value goes in the object.
struct Selected<'a> {
    field: &'a Positioned<Field>,
    slot: usize,
    /// Worth polling on the spot; taken back when the first object has to wait for it.
    leaf: bool,
}

async fn resolve<'a, T: ObjectType + 'a>(
    ctx: &ContextSelectionSet<'_>,
    items: impl ExactSizeIterator<Item = (Option<usize>, &'a T)>,
) -> ServerResult<Vec<Value>> {
    let mut template = IndexMap::new();
    let mut fields = Vec::new();
    flatten::<T>(ctx, &mut template, &mut fields);
    let values = items.len().saturating_mul(template.len());
    let allowance = &ctx.data_unchecked::<Arc<Batch>>().allowance;
    allowance
        .take_values(values, ctx.item.pos)
        .map_err(|error| ctx.set_error_path(error))?;

    let mut objects = Vec::with_capacity(items.len());
    let mut waiting = Vec::new();
    for (index, item) in items {
        let mut object = template.clone();
        for selected in &mut fields {
            let Selected { field, slot, leaf } = *selected;
            if leaf {
                match poll_on_the_spot(ctx, index, field, item) {
                    Poll::Ready(value) => {
                        object[slot] = value?;
                        continue;
                    }
                    Poll::Pending => selected.leaf = false,
                }
            }
            let position = objects.len();
            waiting.push(Box::pin(async move {
                let value = resolve_field(ctx, index, field, item).await?;
                ServerResult::Ok((position, slot, value))
            }));
        }
        objects.push(object);
    }

    for (position, slot, value) in try_join_all(waiting).await? {
        merge(&mut objects[position][slot], value);
    }
    Ok(objects.into_iter().map(Value::Object).collect())
}

fn poll_on_the_spot<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    index: Option<usize>,
    field: &Positioned<Field>,
    item: &T,
) -> Poll<ServerResult<Value>> {
    let future = pin!(resolve_field(ctx, index, field, item));
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

async fn resolve_field<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    index: Option<usize>,
    field: &Positioned<Field>,
    item: &T,
) -> ServerResult<Value> {
    async fn at<T: ObjectType>(ctx: &Context<'_>, item: &T) -> ServerResult<Value> {
        if ctx.item.node.name.node == "__typename" {
            return Ok(Value::String(T::type_name().into_owned()));
        }
        Ok(item.resolve_field(ctx).await?.unwrap_or_default())
    }
    match index {
        Some(index) => at(&ctx.with_index(index).with_field(field), item).await,
        None => at(&ctx.with_field(field), item).await,
    }
}

/// The fields that the selection asks of an object of type `T`, through fragments, in the order of
/// the response; `@skip` and `@include` have been carried out before execution.
fn flatten<'a, T: ObjectType>(
    ctx: &ContextSelectionSet<'a>,
    template: &mut IndexMap<Name, Value>,
    fields: &mut Vec<Selected<'a>>,
) {
    let type_name = T::type_name();
    for selection in &ctx.item.node.items {
        let (condition, selection_set) = match &selection.node {
            Selection::Field(field) => {
                let entry = template.entry(field.node.response_key().node.clone());
                let slot = entry.index();
                entry.or_insert(Value::Null);
                let leaf = is_leaf(&ctx.schema_env.registry, &type_name, &field.node.name.node);
                fields.push(Selected { field, slot, leaf });
                continue;
            }
            Selection::InlineFragment(fragment) => (
                fragment.node.type_condition.as_ref(),
                &fragment.node.selection_set,
            ),
            Selection::FragmentSpread(spread) => {
                // Validation has refused spreads of unknown fragments.
                let Some(fragment) = ctx.query_env.fragments.get(&spread.node.fragment_name.node)
                else {
                    continue;
                };
                (
                    Some(&fragment.node.type_condition),
                    &fragment.node.selection_set,
                )
            }
        };
        let applies = condition.is_none_or(|condition| {
            let on = condition.node.on.node.as_str();
            let interfaces = ctx.schema_env.registry.implements.get(&*type_name);
            on == type_name || interfaces.is_some_and(|interfaces| interfaces.contains(on))
        });
        if applies {
            flatten::<T>(&ctx.with_selection_set(selection_set), template, fields);
        }
    }
}

fn is_leaf(registry: &Registry, type_name: &str, field_name: &str) -> bool {
    if field_name == "__typename" {
        return true;
    }
    let field = registry
        .types
        .get(type_name)
        .and_then(|ty| ty.field_by_name(field_name));
    field.is_some_and(|field| {
        let concrete = MetaTypeName::concrete_typename(&field.ty);
        matches!(
            registry.types.get(concrete),
            Some(MetaType::Scalar { .. } | MetaType::Enum { .. })
        )
    })
}

/// Puts a value where one may be already, because its response key was selected more than once.
/// Both answer the same question, so lists have the same length and leaves are equal.
fn merge(target: &mut Value, value: Value) {
    match (target, value) {
        (Value::Object(target), Value::Object(value)) => {
            for (key, value) in value {
                match target.get_mut(&key) {
                    Some(target) => merge(target, value),
                    None => {
                        target.insert(key, value);
                    }
                }
            }
        }
        (Value::List(target), Value::List(value)) => {
            for (target, value) in target.iter_mut().zip(value) {
                merge(target, value);
            }
        }
        (target, value) => *target = value,
    }
}
