//! Lists and objects, written as JSON while their fields are resolved.
//!
//! async-graphql boxes a future for every field of every object and builds a tree of values. Here the allocation of
//! a future that did not wait is used again for the next one, and each object is written as soon as its fields
//! are known. `tests/shortcuts.rs` leaves the writing out and compares the answers.

use std::{
    borrow::Cow,
    cell::RefCell,
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use async_graphql::{
    ContextSelectionSet, OutputType, Pos, Positioned, QueryPathNode, QueryPathSegment,
    ServerResult, Value,
    parser::types::{Field, Selection},
    registry::Registry,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};

use crate::{
    compat::{Plan, number},
    fields::{FieldWriter, ObjectFields},
    json,
    operation::Operation,
};

/// A list of objects, as `[T!]!`.
pub struct ListOutput<T>(pub Vec<T>);

impl<T: ObjectFields> OutputType for ListOutput<T> {
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
        resolve(ctx, Objects::List(&self.0)).await
    }
}

/// One object, as `T!`.
pub struct ObjectOutput<T>(pub T);

impl<T: ObjectFields> OutputType for ObjectOutput<T> {
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
        object(ctx, &self.0).await
    }
}

/// Resolves one object, which may be the root of a query.
pub(crate) async fn object<T: ObjectFields>(
    ctx: &ContextSelectionSet<'_>,
    object: &T,
) -> ServerResult<Value> {
    resolve(ctx, Objects::One(object)).await
}

/// One object or a list.
enum Objects<'a, T> {
    One(&'a T),
    List(&'a [T]),
}

impl<'a, T> Objects<'a, T> {
    /// Returns the objects, and true if they are a list.
    fn items(&self) -> (&'a [T], bool) {
        match *self {
            Self::One(object) => (std::slice::from_ref(object), false),
            Self::List(items) => (items, true),
        }
    }
}

async fn resolve<T: ObjectFields>(
    ctx: &ContextSelectionSet<'_>,
    objects: Objects<'_, T>,
) -> ServerResult<Value> {
    if !ctx.data_unchecked::<Arc<Operation>>().shortcuts.text {
        // Boxed, because a future is as large as the largest future that it awaits.
        return resolve_plainly(ctx, objects).boxed().await;
    }
    poll_fn(|context| Poll::Ready(read(ctx, &objects, context)))
        .await?
        .await
}

/// Resolves without shortcuts: a future for each field, and a tree of values.
async fn resolve_plainly<T: ObjectFields>(
    ctx: &ContextSelectionSet<'_>,
    objects: Objects<'_, T>,
) -> ServerResult<Value> {
    let (items, is_list) = objects.items();
    let operation = ctx.data_unchecked::<Arc<Operation>>();
    let plan = operation.plan(number(ctx.item));
    count_values(ctx, operation, plan, items.len())?;
    let object = async |(number, item)| {
        let index = is_list.then_some(number);
        let fields = ctx
            .item
            .node
            .items
            .iter()
            .filter_map(|selection| match &selection.node {
                Selection::Field(field) => Some(field),
                _ => None,
            });
        let resolved = fields.map(async |field| {
            let key = field.node.response_key().node.clone();
            let value = resolve_field(ctx, index, field, item).await;
            value.map(|value| (key, value))
        });
        let fields = try_join_all(resolved).await?;
        ServerResult::Ok(Value::Object(fields.into_iter().collect()))
    };
    let mut objects = try_join_all(items.iter().enumerate().map(object)).await?;
    Ok(match is_list {
        true => Value::List(objects),
        false => objects.pop().unwrap_or_default(),
    })
}

fn count_values(
    ctx: &ContextSelectionSet<'_>,
    operation: &Operation,
    plan: &Plan,
    objects: usize,
) -> ServerResult<()> {
    // Fields of the root are counted before execution.
    if ctx.path_node.is_none() {
        return Ok(());
    }
    let values = objects.saturating_mul(plan.json_names.len());
    let counted = operation.budget.charge_values(values, plan.at);
    counted.map_err(|error| ctx.set_error_path(error))
}

/// Resolves all fields that do not wait.
fn read<'a, T: ObjectFields>(
    ctx: &'a ContextSelectionSet<'_>,
    objects: &Objects<'a, T>,
    context: &mut TaskContext<'_>,
) -> ServerResult<Level<'a>> {
    let (items, is_list) = objects.items();
    let operation = ctx.data_unchecked::<Arc<Operation>>();
    let plan = operation.plan(number(ctx.item));
    count_values(ctx, operation, plan, items.len())?;

    let mut counted = 0;
    let mut count = |writer: &ObjectWriter, at_once: usize| {
        let written = writer.written() - counted;
        if written < at_once {
            return Ok(());
        }
        counted += written;
        operation
            .budget
            .charge_bytes(written, plan.at)
            .map_err(|error| ctx.set_error_path(error))
    };

    let mut writer = ObjectWriter::begin(items.len(), is_list);
    let mut waiting = Vec::new();
    // Allocation of a future that did not wait, reused for the next one.
    let mut place = None;
    for (number, item) in items.iter().enumerate() {
        let index = is_list.then_some(number);
        writer.begin_object();
        for (name, selection) in plan.json_names.iter().zip(&ctx.item.node.items) {
            let Selection::Field(field) = &selection.node else {
                continue;
            };
            if operation.shortcuts.fields && writer.write(name, operation, &field.node, item) {
                continue;
            }
            let mut future = match place.take() {
                Some(mut place) => {
                    Pin::set(&mut place, resolve_field(ctx, index, field, item));
                    place
                }
                None => {
                    // Written to the heap directly: the future is large.
                    let place = Box::new_uninit();
                    Box::into_pin(Box::write(place, resolve_field(ctx, index, field, item)))
                }
            };
            match future.as_mut().poll(context)? {
                Poll::Ready(value) => {
                    writer.value(name, value);
                    place = Some(future);
                }
                Poll::Pending => {
                    writer.placeholder(name);
                    if waiting.is_empty() {
                        waiting.reserve(items.len() - number);
                    }
                    waiting.push(Waiting::For(future));
                }
            }
        }
        writer.end_object();
        count(&writer, COUNTED_AT_ONCE)?;
    }
    count(&writer, 0)?;
    writer.end_objects();
    Ok(Level {
        writer,
        is_new: !waiting.is_empty(),
        waiting,
    })
}

async fn resolve_field<T: ObjectFields>(
    ctx: &ContextSelectionSet<'_>,
    index: Option<usize>,
    field: &Positioned<Field>,
    item: &T,
) -> ServerResult<Value> {
    let of_item = index.map(|index| QueryPathNode {
        parent: ctx.path_node.as_ref(),
        segment: QueryPathSegment::Index(index),
    });
    let mut ctx = ctx.with_field(field);
    if let (Some(node), Some(of_item)) = (&mut ctx.path_node, &of_item) {
        node.parent = Some(of_item);
    }
    if field.node.name.node == "__typename" {
        return Ok(Value::String(T::type_name().into_owned()));
    }
    Ok(item.resolve_field(&ctx).await?.unwrap_or_default())
}

enum Waiting<'a> {
    For(BoxFuture<'a, ServerResult<Value>>),
    Done(Value),
}

/// Objects of which some fields wait for loads.
struct Level<'a> {
    writer: ObjectWriter,
    /// True if all waiting futures have just been polled.
    is_new: bool,
    /// Values of the placeholders, in their order.
    waiting: Vec<Waiting<'a>>,
}

/// Resolves to all objects, or to the first error. A level of loads ends as a whole, so each wake-up
/// polls all waiting futures; no record of wake-ups is kept.
impl Future for Level<'_> {
    type Output = ServerResult<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self {
            writer,
            is_new,
            waiting,
        } = &mut *self;
        if mem::take(is_new) {
            return Poll::Pending;
        }
        let mut ready = true;
        for one in &mut *waiting {
            if let Waiting::For(future) = one {
                match future.as_mut().poll(context)? {
                    Poll::Ready(value) => *one = Waiting::Done(value),
                    Poll::Pending => ready = false,
                }
            }
        }
        if !ready {
            return Poll::Pending;
        }
        let value = |one| match one {
            Waiting::Done(value) => value,
            Waiting::For(_) => Value::Null,
        };
        let values: Vec<_> = mem::take(waiting).into_iter().map(value).collect();
        Poll::Ready(Ok(writer.finish(&values)))
    }
}

/// Bytes written before they are charged: an atomic addition for each object is measurable.
const COUNTED_AT_ONCE: usize = 16 << 10;

/// Bytes reserved ahead for a list at most.
const MAX_RESERVED: usize = 1 << 20;
/// Bytes of a scratch buffer at most.
const MAX_SCRATCH: usize = 16 << 10;

thread_local! {
    /// Scratch buffers, one for each level of objects that are being written. Short text is copied out of
    /// them, so that a parent that waits holds no more memory than its text.
    static SCRATCH_BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Writer of one object or a list as JSON, with placeholders for fields that wait.
struct ObjectWriter {
    /// A scratch buffer until the objects end.
    text: Vec<u8>,
    is_list: bool,
    is_first: bool,
    is_first_field: bool,
    /// Objects that follow.
    left: usize,
    /// Offsets into the text.
    placeholders: Vec<usize>,
    /// Bytes of the text that nested objects have written and charged.
    copied: usize,
}

impl ObjectWriter {
    fn name(&mut self, name: &str) {
        let comma = usize::from(mem::take(&mut self.is_first_field));
        self.text.extend_from_slice(&name.as_bytes()[comma..]);
    }

    /// Begins a list of this many objects, or one object.
    fn begin(objects: usize, is_list: bool) -> Self {
        let mut text = SCRATCH_BUFFERS
            .with_borrow_mut(Vec::pop)
            .unwrap_or_default();
        text.clear();
        if is_list {
            text.push(b'[');
        }
        Self {
            text,
            is_list,
            is_first: true,
            is_first_field: true,
            left: objects,
            placeholders: Vec::new(),
            copied: 0,
        }
    }

    fn begin_object(&mut self) {
        if !self.is_first {
            self.text.push(b',');
        }
        self.text.push(b'{');
        self.is_first_field = true;
    }

    /// Writes a field that needs no future. Returns false for any other.
    fn write<T: ObjectFields>(
        &mut self,
        name: &str,
        operation: &Operation,
        field: &Field,
        item: &T,
    ) -> bool {
        let (start, is_first) = (self.text.len(), self.is_first_field);
        self.name(name);
        let values = FieldWriter::write(item, field, &mut self.text);
        // If the charge is refused, the field is resolved to an error with its path.
        let charge = |values| operation.budget.charge_values(values, Pos::default());
        if values.is_some_and(|values| values == 0 || charge(values).is_ok()) {
            return true;
        }
        self.text.truncate(start);
        self.is_first_field = is_first;
        false
    }

    /// Writes a field.
    fn value(&mut self, name: &str, value: Value) {
        self.name(name);
        if let Value::Binary(json) = &value {
            self.copied += json.len();
        }
        json::write(&value, &mut self.text);
    }

    /// Writes the name of a field and a placeholder for its value.
    fn placeholder(&mut self, name: &str) {
        self.name(name);
        if self.placeholders.is_empty() {
            self.placeholders.reserve(self.left);
        }
        self.placeholders.push(self.text.len());
    }

    fn end_object(&mut self) {
        self.text.push(b'}');
        self.left -= 1;
        if mem::take(&mut self.is_first) {
            // Reserves for the remaining objects, assuming they are as long as the first. Capped, so that
            // one long first object cannot reserve too much.
            let room = (self.text.len() * 5 / 4).saturating_mul(self.left);
            self.text.reserve(room.min(MAX_RESERVED));
        }
    }

    fn end_objects(&mut self) {
        if self.is_list {
            self.text.push(b']');
        }
        if self.text.capacity() <= MAX_SCRATCH {
            let text = self.text.as_slice().into();
            let scratch = mem::replace(&mut self.text, text);
            SCRATCH_BUFFERS.with_borrow_mut(|buffers| buffers.push(scratch));
        }
    }

    /// Bytes written so far, without nested objects that are JSON already.
    fn written(&self) -> usize {
        self.text.len() - self.copied
    }

    /// Returns the JSON with these values for the placeholders, in their order. Called once.
    fn finish(&mut self, values: &[Value]) -> Value {
        if self.placeholders.is_empty() {
            return json::text(mem::take(&mut self.text));
        }
        let room: usize = values.iter().map(json::length).sum();
        let mut text = Vec::with_capacity(self.text.len() + room);
        let mut written = 0;
        for (&placeholder, value) in self.placeholders.iter().zip(values) {
            text.extend_from_slice(&self.text[written..placeholder]);
            json::write(value, &mut text);
            written = placeholder;
        }
        text.extend_from_slice(&self.text[written..]);
        json::text(text)
    }
}
