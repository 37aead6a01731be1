//! Lists and objects whose scalar fields are read on the spot, and which are written as JSON at once.
//!
//! async-graphql makes a boxed future of every field of every object, and a tree of values of the
//! answer. Most fields of a list are there already, so [`Nodes`] and [`Object`] poll a field whose
//! type is a leaf once, on the stack, and only what has to wait is kept, to be asked again. What a
//! selection asks is worked out once for all objects it is asked of, and the objects become text as
//! they are read.

use std::{
    borrow::Cow,
    cell::RefCell,
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use async_graphql::{
    ContextSelectionSet, ObjectType, OutputType, Positioned, QueryPathNode, QueryPathSegment,
    ServerResult, Value,
    parser::types::{Field, Selection},
    registry::Registry,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};

use crate::{
    batch::Batch,
    compat::{Plan, PlannedField, number},
    json,
};

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
        resolve(ctx, Objects::List(&self.0)).await
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
        object(ctx, &self.0).await
    }
}

/// One object, which may be the root of a query.
pub(crate) async fn object<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    object: &T,
) -> ServerResult<Value> {
    resolve(ctx, Objects::One(object)).await
}

/// What is answered: one object, or a list.
enum Objects<'a, T> {
    One(&'a T),
    List(&'a [T]),
}

impl<'a, T> Objects<'a, T> {
    /// The objects, and whether they are a list.
    fn items(&self) -> (&'a [T], bool) {
        match *self {
            Self::One(object) => (std::slice::from_ref(object), false),
            Self::List(items) => (items, true),
        }
    }
}

async fn resolve<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    objects: Objects<'_, T>,
) -> ServerResult<Value> {
    if !ctx.data_unchecked::<Arc<Batch>>().shortcuts.text {
        // Boxed, since a future is as large as the largest that it may wait for.
        return resolve_plainly(ctx, objects).boxed().await;
    }
    poll_fn(|context| Poll::Ready(read(ctx, &objects, context)))
        .await?
        .await
}

/// The same without any shortcut: a future for each field, and values as the library has them.
async fn resolve_plainly<T: ObjectType>(
    ctx: &ContextSelectionSet<'_>,
    objects: Objects<'_, T>,
) -> ServerResult<Value> {
    let (items, is_list) = objects.items();
    let batch = ctx.data_unchecked::<Arc<Batch>>();
    let plan = batch.plan(number(ctx.item));
    count_values(ctx, batch, plan, items.len())?;
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
    batch: &Batch,
    plan: &Plan,
    objects: usize,
) -> ServerResult<()> {
    // Fields of the root are counted before execution.
    if ctx.path_node.is_none() {
        return Ok(());
    }
    let values = objects.saturating_mul(plan.fields.len());
    let counted = batch.allowance.take_values(values, plan.at);
    counted.map_err(|error| ctx.set_error_path(error))
}

/// Reads what is there of the objects.
fn read<'a, T: ObjectType>(
    ctx: &'a ContextSelectionSet<'_>,
    objects: &Objects<'a, T>,
    context: &mut TaskContext<'_>,
) -> ServerResult<Level<'a>> {
    let (items, is_list) = objects.items();
    let batch = ctx.data_unchecked::<Arc<Batch>>();
    let plan = batch.plan(number(ctx.item));
    count_values(ctx, batch, plan, items.len())?;

    let mut counted = 0;
    let mut count = |text: &Text, at_once: usize| {
        let written = text.written() - counted;
        if written < at_once {
            return Ok(());
        }
        counted += written;
        batch
            .allowance
            .take_bytes(written, plan.at)
            .map_err(|error| ctx.set_error_path(error))
    };

    let mut text = Text::begin(items.len(), is_list);
    let mut waiting = Vec::new();
    // Of a field that did not have to wait, for the next one.
    let mut place = None;
    for (number, item) in items.iter().enumerate() {
        let index = is_list.then_some(number);
        text.begin_object();
        for (planned, selection) in plan.fields.iter().zip(&ctx.item.node.items) {
            let Selection::Field(field) = &selection.node else {
                continue;
            };
            if batch.shortcuts.leaves && planned.is_leaf() {
                let future = pin!(resolve_field(ctx, index, field, item));
                match future.poll(&mut TaskContext::from_waker(Waker::noop())) {
                    Poll::Ready(value) => {
                        text.value(planned, value?);
                        continue;
                    }
                    Poll::Pending => planned.set_waits(),
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
                    text.value(planned, value);
                    place = Some(future);
                }
                Poll::Pending => {
                    text.gap(planned);
                    if waiting.is_empty() {
                        waiting.reserve(items.len() - number);
                    }
                    waiting.push(Waiting::For(future));
                }
            }
        }
        text.end_object();
        count(&text, COUNTED_AT_ONCE)?;
    }
    count(&text, 0)?;
    text.end_objects();
    Ok(Level {
        text,
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
        return Ok(json::string(&[&T::type_name()]));
    }
    Ok(item.resolve_field(&ctx).await?.unwrap_or_default())
}

enum Waiting<'a> {
    For(BoxFuture<'a, ServerResult<Value>>),
    Done(Value),
}

/// Objects whose fields have been read, up to those that wait for a lookup.
struct Level<'a> {
    text: Text,
    /// All have just been polled.
    is_new: bool,
    /// What goes into the gaps, in their order.
    waiting: Vec<Waiting<'a>>,
}

/// All of it, or the first error. Who waits for a level is woken when all of it is there, so all are
/// asked again, and nobody keeps account of who was woken.
impl Future for Level<'_> {
    type Output = ServerResult<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self {
            text,
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
        Poll::Ready(Ok(text.finish(&values)))
    }
}

/// How many bytes are written before they are counted: an atomic addition for each object would show.
const COUNTED_AT_ONCE: usize = 16 << 10;

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
    fn name(&mut self, planned: &PlannedField) {
        let comma = usize::from(mem::take(&mut self.is_first_field));
        self.text
            .extend_from_slice(&planned.json_name.as_bytes()[comma..]);
    }

    /// Begins a list of so many objects, or the only one.
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

    fn begin_object(&mut self) {
        if !self.is_first {
            self.text.push(b',');
        }
        self.text.push(b'{');
        self.is_first_field = true;
    }

    /// A field that is there.
    fn value(&mut self, planned: &PlannedField, value: Value) {
        self.name(planned);
        if let Value::Binary(json) = &value {
            self.copied += json.len();
        }
        json::write(&value, &mut self.text);
        json::reuse(value);
    }

    /// A field that will be among those that are given in the end.
    fn gap(&mut self, planned: &PlannedField) {
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

    /// How many bytes have been written so far, without nested objects that are JSON already.
    fn written(&self) -> usize {
        self.text.len() - self.copied
    }

    /// All of it, with these values in the gaps, in their order. Asked for once.
    fn finish(&mut self, values: &[Value]) -> Value {
        if self.gaps.is_empty() {
            return json::text(mem::take(&mut self.text));
        }
        let room: usize = values.iter().map(json::length).sum();
        let mut text = Vec::with_capacity(self.text.len() + room);
        let mut written = 0;
        for (&gap, value) in self.gaps.iter().zip(values) {
            text.extend_from_slice(&self.text[written..gap]);
            json::write(value, &mut text);
            written = gap;
        }
        text.extend_from_slice(&self.text[written..]);
        json::text(text)
    }
}
