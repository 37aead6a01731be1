//! Lists and objects whose scalar fields are read on the spot, and which are written as JSON at once.
//!
//! async-graphql makes a boxed future of every field of every object, and a tree of values of the
//! answer. Most fields of a list are there already, so [`Nodes`] and [`Object`] poll a field whose
//! type is a leaf once, on the stack, and only what has to wait is kept, to be asked again. What a
//! selection asks is worked out once for all objects it is asked of. And the objects become
//! text as they are read; or a tree of values, where one may have to be merged with another.

use std::{
    any::Any,
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    ptr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Waker},
};

use async_graphql::{
    ContextSelectionSet, Name, ObjectType, OutputType, Pos, Positioned, QueryPathNode,
    QueryPathSegment, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, FragmentDefinition, Selection, SelectionSet, TypeCondition},
    registry::{MetaType, MetaTypeName, Registry},
};
use futures_util::{FutureExt, future::BoxFuture};

use crate::{batch::Batch, json};

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

    fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> impl Future<Output = ServerResult<Value>> + Send {
        resolve(ctx, Objects::List(&self.0))
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

    fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> impl Future<Output = ServerResult<Value>> + Send {
        resolve(ctx, Objects::One(&self.0))
    }
}

/// The root of a query.
pub(crate) async fn root<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    root: &T,
) -> ServerResult<Value> {
    resolve(ctx, Objects::One(root)).await
}

/// What is answered: one object, or a list.
enum Objects<'a, T> {
    One(&'a T),
    List(&'a [T]),
}

async fn resolve<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    objects: Objects<'_, T>,
) -> ServerResult<Value> {
    let batch = ctx.data_unchecked::<Arc<Batch>>();
    let plan = batch.plans().plan::<T>(ctx);
    let objects = &objects;
    if batch.shortcuts.text {
        poll_fn(|context| Poll::Ready(read::<T, Text>(ctx, batch, &plan, objects, context)))
            .await?
            .await
    } else {
        // Boxed, since a future is as large as the largest that it may wait for.
        poll_fn(|context| Poll::Ready(read::<T, Tree>(ctx, batch, &plan, objects, context)))
            .await?
            .boxed()
            .await
    }
}

/// Reads what is there of the objects.
fn read<'a, T: ObjectType, F: Form>(
    ctx: &'a ContextSelectionSet<'_>,
    batch: &Batch,
    plan: &'a Plan,
    objects: &Objects<'a, T>,
    context: &mut TaskContext<'_>,
) -> ServerResult<Level<'a, F>> {
    let (items, is_list) = match *objects {
        Objects::One(object) => (std::slice::from_ref(object), false),
        Objects::List(items) => (items, true),
    };
    let fields = plan.fields(ctx);
    // The root's own fields have been counted before anything ran.
    if ctx.path_node.is_some() {
        let values = items.len().saturating_mul(plan.names.len());
        batch
            .allowance
            .take_values(values, ctx.item.pos)
            .map_err(|error| ctx.set_error_path(error))?;
    }

    let mut counted = 0;
    let mut count = |form: &F, at_once: usize| {
        let written = form.written() - counted;
        if written < at_once {
            return Ok(());
        }
        counted += written;
        batch
            .allowance
            .take_bytes(written, ctx.item.pos)
            .map_err(|error| ctx.set_error_path(error))
    };

    let mut form = F::begin(items.len(), is_list);
    let mut waiting = Vec::new();
    // Of a field that did not have to wait, for the next one.
    let mut place = None;
    for (number, item) in items.iter().enumerate() {
        let index = is_list.then_some(number);
        form.begin_object(plan);
        for (planned, field) in fields.iter().copied() {
            if batch.shortcuts.leaves && planned.is_leaf() {
                let future = pin!(resolve_field(ctx, index, field, item));
                match future.poll(&mut TaskContext::from_waker(Waker::noop())) {
                    Poll::Ready(value) => {
                        form.value(planned, value?);
                        continue;
                    }
                    // Not for the next object either.
                    Poll::Pending => planned.is_leaf.store(false, Ordering::Relaxed),
                }
            }
            let mut future = match place.take() {
                Some(mut place) => {
                    Pin::set(&mut place, resolve_field(ctx, index, field, item));
                    place
                }
                None => {
                    // Made where it stays: it is large, and there are many.
                    let place = Box::new_uninit();
                    Box::into_pin(Box::write(place, resolve_field(ctx, index, field, item)))
                }
            };
            match future.as_mut().poll(context)? {
                Poll::Ready(value) => {
                    form.value(planned, value);
                    place = Some(future);
                }
                Poll::Pending => {
                    form.gap(planned);
                    if waiting.is_empty() {
                        waiting.reserve(items.len() - number);
                    }
                    waiting.push(Waiting::For(future));
                }
            }
        }
        form.end_object();
        count(&form, COUNTED_AT_ONCE)?;
    }
    count(&form, 0)?;
    form.end_objects();
    Ok(Level {
        form,
        is_new: !waiting.is_empty(),
        waiting,
    })
}

async fn resolve_field<T: ObjectType>(
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

/// Objects whose fields have been read, up to those that wait for a lookup.
struct Level<'a, F> {
    form: F,
    /// All have just been polled.
    is_new: bool,
    /// What goes into the gaps, in their order.
    waiting: Vec<Waiting<'a>>,
}

/// All of it, or the first error. Who waits for a level is woken when all of it is there, so all are
/// asked again, and nobody keeps account of who was woken.
impl<F: Form> Future for Level<'_, F> {
    type Output = ServerResult<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self {
            form,
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
        let values = mem::take(waiting).into_iter().map(value).collect();
        Poll::Ready(Ok(form.finish(values)))
    }
}

/// How many bytes are written before they are counted: an atomic addition for each object would show.
const COUNTED_AT_ONCE: usize = 16 << 10;

/// What the objects become.
trait Form: Send + Unpin {
    /// Begins a list of so many objects, or the only one.
    fn begin(objects: usize, is_list: bool) -> Self;
    fn begin_object(&mut self, plan: &Plan);
    /// A field that is there.
    fn value(&mut self, planned: &Planned, value: Value);
    /// A field that will be among those that are given in the end.
    fn gap(&mut self, planned: &Planned);
    fn end_object(&mut self);
    fn end_objects(&mut self);
    /// How many bytes of JSON have been written so far, without nested objects that are JSON already.
    fn written(&self) -> usize;
    /// All of it, with these values in the gaps, in their order. Asked for once.
    fn finish(&mut self, values: Vec<Value>) -> Value;
}

/// Objects as the library has them.
struct Tree {
    is_list: bool,
    objects: Vec<Value>,
    object: IndexMap<Name, Value>,
    /// The object and the field.
    gaps: Vec<(usize, usize)>,
    written: usize,
}

impl Form for Tree {
    fn begin(objects: usize, is_list: bool) -> Self {
        Self {
            is_list,
            objects: Vec::with_capacity(objects),
            object: IndexMap::new(),
            gaps: Vec::new(),
            written: 0,
        }
    }

    fn begin_object(&mut self, plan: &Plan) {
        self.object = plan.names.clone();
    }

    fn value(&mut self, planned: &Planned, value: Value) {
        let nested = matches!(value, Value::Object(_) | Value::List(_));
        let length = if nested { 0 } else { json::length(&value) };
        self.written += planned.name.len() + length;
        merge(&mut self.object[planned.slot], value);
    }

    fn gap(&mut self, planned: &Planned) {
        self.gaps.push((self.objects.len(), planned.slot));
    }

    fn end_object(&mut self) {
        self.objects
            .push(Value::Object(mem::take(&mut self.object)));
    }

    fn end_objects(&mut self) {}

    fn written(&self) -> usize {
        self.written
    }

    fn finish(&mut self, values: Vec<Value>) -> Value {
        for (&(object, slot), value) in self.gaps.iter().zip(values) {
            if let Value::Object(object) = &mut self.objects[object] {
                merge(&mut object[slot], value);
            }
        }
        if self.is_list {
            Value::List(mem::take(&mut self.objects))
        } else {
            self.objects.pop().unwrap_or_default()
        }
    }
}

/// The most that is reserved ahead for a list; beyond, the text grows as it is written.
const MOST_ROOM: usize = 1 << 20;
/// How large each of [`DRAFTS`] may be.
const MOST_DRAFT: usize = 16 << 10;

thread_local! {
    /// Where short text is written before it is copied: each parent that waits holds its own, which
    /// is then no larger than it has to be. As many as there are objects inside of each other.
    static DRAFTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Objects as JSON: no tree is built, walked and torn down. See [`json`].
struct Text {
    /// Written to the draft until the objects end.
    text: Vec<u8>,
    is_list: bool,
    is_first: bool,
    is_first_field: bool,
    /// How many are to come.
    left: usize,
    /// Where in the text.
    gaps: Vec<usize>,
    /// How much of the text has been written, and counted, by nested objects.
    copied: usize,
}

impl Text {
    fn name(&mut self, planned: &Planned) {
        let comma = usize::from(mem::take(&mut self.is_first_field));
        self.text
            .extend_from_slice(&planned.name.as_bytes()[comma..]);
    }
}

impl Form for Text {
    fn begin(objects: usize, is_list: bool) -> Self {
        let mut text = DRAFTS.with_borrow_mut(Vec::pop).unwrap_or_default();
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
            gaps: Vec::new(),
            copied: 0,
        }
    }

    fn begin_object(&mut self, _plan: &Plan) {
        if !self.is_first {
            self.text.push(b',');
        }
        self.text.push(b'{');
        self.is_first_field = true;
    }

    fn value(&mut self, planned: &Planned, value: Value) {
        self.name(planned);
        if let Value::Binary(json) = &value {
            self.copied += json.len();
        }
        json::write(&value, &mut self.text);
        json::reuse(value);
    }

    fn gap(&mut self, planned: &Planned) {
        self.name(planned);
        if self.gaps.is_empty() {
            self.gaps.reserve(self.left);
        }
        self.gaps.push(self.text.len());
    }

    fn end_object(&mut self) {
        self.text.push(b'}');
        self.left -= 1;
        if mem::take(&mut self.is_first) {
            // Room for the others, if they are like the first; who sends one that is large and many
            // that are small shall not hold more than that.
            let room = (self.text.len() * 5 / 4).saturating_mul(self.left);
            self.text.reserve(room.min(MOST_ROOM));
        }
    }

    fn end_objects(&mut self) {
        if self.is_list {
            self.text.push(b']');
        }
        if self.text.capacity() <= MOST_DRAFT {
            let text = self.text.as_slice().into();
            let draft = mem::replace(&mut self.text, text);
            DRAFTS.with_borrow_mut(|drafts| drafts.push(draft));
        }
    }

    fn written(&self) -> usize {
        self.text.len() - self.copied
    }

    fn finish(&mut self, values: Vec<Value>) -> Value {
        if self.gaps.is_empty() {
            return json::text(mem::take(&mut self.text));
        }
        let room: usize = values.iter().map(json::length).sum();
        let mut text = Vec::with_capacity(self.text.len() + room);
        let mut written = 0;
        for (&gap, value) in self.gaps.iter().zip(&values) {
            text.extend_from_slice(&self.text[written..gap]);
            json::write(value, &mut text);
            written = gap;
        }
        text.extend_from_slice(&self.text[written..]);
        json::text(text)
    }
}

/// What a selection asks of objects of one type.
struct Plan {
    type_name: Cow<'static, str>,
    selected: Vec<Selected>,
    /// The names in the response, in its order.
    names: IndexMap<Name, Value>,
}

/// What one selection of a selection set comes to, and which one it is.
struct Selected {
    place: usize,
    what: What,
}

enum What {
    Field(Planned),
    /// A fragment for objects of this type.
    Fragment(Vec<Selected>),
}

/// A field that is asked. The document has the field itself.
struct Planned {
    /// Which of the plan's names.
    slot: usize,
    /// The name, as in JSON behind another field: `,"name":`.
    name: String,
    /// Worth polling on the spot; taken back when it has to wait.
    is_leaf: AtomicBool,
}

/// The plans of an operation, by where in memory the selection is: it stays there while the operation
/// runs.
#[derive(Default)]
pub struct Plans {
    plans: foldhash::HashMap<usize, Vec<Arc<Plan>>>,
    kept: Option<Arc<KeptPlans>>,
    /// By where the field is.
    shared: foldhash::HashMap<usize, Arc<dyn Any + Send + Sync>>,
}

/// The plans of a document that is executed as it is, by where in its text the selection begins.
#[derive(Default)]
pub struct KeptPlans(Mutex<foldhash::HashMap<Pos, Vec<Arc<Plan>>>>);

impl Plans {
    /// Of an operation of a document that keeps its plans, or does not.
    pub fn new(kept: Option<Arc<KeptPlans>>) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    fn plan<T: ObjectType>(&mut self, ctx: &ContextSelectionSet<'_>) -> Arc<Plan> {
        let place = ptr::from_ref(ctx.item).addr();
        let plans = self.plans.entry(place).or_default();
        find_or_make::<T>(plans, || match self.kept.as_deref() {
            Some(KeptPlans(kept)) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                find_or_make::<T>(kept.entry(ctx.item.pos).or_default(), || {
                    Plan::new::<T>(ctx)
                })
            }
            None => Plan::new::<T>(ctx),
        })
    }

    /// What was made of the arguments of this field for another parent: they are the same for all.
    pub fn shared<S: Any + Send + Sync>(&self, field: &Positioned<Field>) -> Option<Arc<S>> {
        let shared = self.shared.get(&ptr::from_ref(field).addr())?;
        shared.clone().downcast().ok()
    }

    /// Keeps for the other parents what was made of the arguments of this field.
    pub fn share<S: Any + Send + Sync>(&mut self, field: &Positioned<Field>, made: Arc<S>) {
        self.shared.insert(ptr::from_ref(field).addr(), made);
    }
}

/// A selection has a plan for each type that it is asked of.
fn find_or_make<T: ObjectType>(
    plans: &mut Vec<Arc<Plan>>,
    make: impl FnOnce() -> Arc<Plan>,
) -> Arc<Plan> {
    let type_name = T::type_name();
    if let Some(plan) = plans.iter().find(|plan| plan.type_name == type_name) {
        return plan.clone();
    }
    let plan = make();
    plans.push(plan.clone());
    plan
}

impl Planned {
    fn is_leaf(&self) -> bool {
        self.is_leaf.load(Ordering::Relaxed)
    }
}

impl Plan {
    fn new<T: ObjectType>(ctx: &ContextSelectionSet<'_>) -> Arc<Self> {
        let type_name = T::type_name();
        let mut names = IndexMap::new();
        let planning = Planning {
            registry: &ctx.schema_env.registry,
            fragments: &ctx.query_env.fragments,
            object: ctx.schema_env.registry.types.get(&*type_name),
            type_name: &type_name,
        };
        Arc::new(Self {
            selected: planning.selected(&ctx.item.node, &mut names),
            names,
            type_name,
        })
    }

    /// The fields of the selection that it was made of.
    fn fields<'a>(
        &'a self,
        ctx: &ContextSelectionSet<'a>,
    ) -> Vec<(&'a Planned, &'a Positioned<Field>)> {
        fn add<'a>(
            fields: &mut Vec<(&'a Planned, &'a Positioned<Field>)>,
            selected: &'a [Selected],
            set: &'a SelectionSet,
            fragments: &'a Fragments,
        ) {
            for Selected { place, what } in selected {
                match (what, &set.items[*place].node) {
                    (What::Field(planned), Selection::Field(field)) => {
                        fields.push((planned, field))
                    }
                    (What::Fragment(inside), Selection::InlineFragment(fragment)) => {
                        add(fields, inside, &fragment.node.selection_set.node, fragments);
                    }
                    (What::Fragment(inside), Selection::FragmentSpread(spread)) => {
                        let fragment = &fragments[&spread.node.fragment_name.node];
                        add(fields, inside, &fragment.node.selection_set.node, fragments);
                    }
                    _ => unreachable!("a plan is used with the selection that it was made of"),
                }
            }
        }
        let mut fields = Vec::with_capacity(self.names.len());
        let (set, fragments) = (&ctx.item.node, &ctx.query_env.fragments);
        add(&mut fields, &self.selected, set, fragments);
        fields
    }
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

struct Planning<'a> {
    registry: &'a Registry,
    fragments: &'a Fragments,
    type_name: &'a str,
    object: Option<&'a MetaType>,
}

impl Planning<'_> {
    /// What a selection set comes to; `@skip` and `@include` have been carried out before execution.
    fn selected(&self, set: &SelectionSet, names: &mut IndexMap<Name, Value>) -> Vec<Selected> {
        let selections = set.items.iter().enumerate();
        let what = |(place, selection): (usize, &Positioned<Selection>)| {
            let what = match &selection.node {
                Selection::Field(field) => {
                    let name = &field.node.response_key().node;
                    let entry = names.entry(name.clone());
                    let slot = entry.index();
                    entry.or_insert(Value::Null);
                    What::Field(Planned {
                        slot,
                        name: format!(",\"{name}\":"),
                        is_leaf: self.is_leaf(&field.node.name.node).into(),
                    })
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    if let Some(condition) = &fragment.type_condition
                        && !self.applies(&condition.node)
                    {
                        return None;
                    }
                    What::Fragment(self.selected(&fragment.selection_set.node, names))
                }
                Selection::FragmentSpread(spread) => {
                    // Validation has refused spreads of unknown fragments.
                    let fragment = &self.fragments.get(&spread.node.fragment_name.node)?.node;
                    if !self.applies(&fragment.type_condition.node) {
                        return None;
                    }
                    What::Fragment(self.selected(&fragment.selection_set.node, names))
                }
            };
            Some(Selected { place, what })
        };
        selections.filter_map(what).collect()
    }

    fn applies(&self, condition: &TypeCondition) -> bool {
        let on = condition.on.node.as_str();
        let interfaces = self.registry.implements.get(self.type_name);
        on == self.type_name || interfaces.is_some_and(|names| names.contains(on))
    }

    fn is_leaf(&self, field_name: &str) -> bool {
        if field_name == "__typename" {
            return true;
        }
        let field = self
            .object
            .and_then(|object| object.field_by_name(field_name));
        field.is_some_and(|field| {
            let concrete = MetaTypeName::concrete_typename(&field.ty);
            matches!(
                self.registry.types.get(concrete),
                Some(MetaType::Scalar { .. } | MetaType::Enum { .. })
            )
        })
    }
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
