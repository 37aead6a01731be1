//! The schema: the three roots, and how an operation runs. Builds without a database.

use std::{borrow::Cow, future::ready, panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ID, Interface, MergedObject, ObjectType,
    OutputType, Positioned, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError,
    ServerResult, Value,
    parser::types::{Field, OperationType},
    registry::Registry,
};
use entity::{assignment, employee, meeting, project};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use tokio::task::JoinSet;

use crate::{
    answer::{Answer, Cost, code},
    assignment::{
        Assignment, AssignmentConnection, AssignmentFilter, AssignmentLink, AssignmentMutations,
        AssignmentOrder,
    },
    batch::{Batch, Shortcuts},
    changes::{self, ChangeConnection, ChangeFilter},
    compat::Introspection,
    connection::object,
    context::{Database, Record, batch, find},
    employee::{Employee, EmployeeConnection, EmployeeFilter, EmployeeMutations, EmployeeOrder},
    error::{Error, Result, Vanished, coded},
    executor::Executor,
    feed::{Feed, Subscription},
    guard::{Checked, Guard, Refused, Request},
    json,
    limits::Limits,
    meeting::{Meeting, MeetingConnection, MeetingFilter, MeetingMutations, MeetingOrder},
    nodes::{self, Object},
    page::Source,
    project::{Project, ProjectConnection, ProjectFilter, ProjectMutations, ProjectOrder},
    scalar::{PublicId, key_of},
    user_error::UserError,
};

/// Anything that has a globally unique id and can be fetched again with `node`.
#[derive(Interface, Clone)]
#[graphql(field(
    name = "id",
    ty = "PublicId",
    desc = "Globally unique, readable, stable for the life of the object."
))]
pub enum Node {
    /// `emp_…`
    Employee(Employee),
    /// `mtg_…`
    Meeting(Meeting),
    /// `prj_…`
    Project(Project),
    /// `asg_…`
    Assignment(Assignment),
}

/// The root of what can be read.
pub struct Query;

impl Query {
    /// The root has no key.
    fn key(&self) -> i64 {
        0
    }
}

object! {
    /// Everything that can be read.
    ///
    /// Conventions, true everywhere:
    /// * `id` is globally unique and readable (`emp_1`, `mtg_2`, `prj_1`, `asg_3`). Pass ids back unchanged; do not build them. An id is never used again.
    /// * Every list that can grow is a Relay connection: `first`/`after` or `last`/`before`, default page 20, largest page 1000; a larger one is refused. With neither `first` nor `last` the first 20 are given. `first: 0` is an empty page. `hasNextPage` and `hasPreviousPage` speak of the whole list. `nodes` is the short form of `edges { node }`.
    /// * Order is always total: the id, ascending, is the last sort key; nulls are last unless said otherwise; text sorts by code point. So cursors are stable and both databases agree.
    /// * In filters everything given must hold. A null inside a filter is an error, never «match all»; a null for a whole argument is the same as leaving it out. A condition on a null value is false (`ne` on text: true) and `not` turns false into true.
    /// * An empty `orderBy` is like none. A cursor belongs to one field and one order; parent, filter, `through` and page size may differ. An empty page stands right behind `after` (else at the start), with `last` right before `before` (else at the end).
    /// * An id that is unknown, malformed or of another type gives null, matches nothing in a filter, and is NOT_FOUND in a mutation.
    /// * A `Date` has no time zone. A `DateTime` always has an offset, is cut off at the microsecond and is returned in UTC; years 0001 to 9999. «Now» is one instant per request.
    /// * An assignment runs from `startDate` up to, not including, `endDate`; a null end is open. So two stints that touch do not overlap. «Earliest first» puts a null start first.
    /// * Mutations take one `input`, return one payload, and report everything the user can fix in `userErrors`; then nothing was changed. Top-level `errors` mean the request or the server is at fault. A null for an input that has a default or may be left out without a meaning of its own (`expectedVersion`, `hireDate` when creating, `endDate` of `endAssignment`, lists of links) is like leaving it out, because typed clients send it; a null for anything else that cannot be null is INVALID; so is text with NUL, or text that shows nothing. `endDate` must be after `startDate`. Text is trimmed and stored in Unicode NFC; lengths are in code points; ids given twice count once. Roles are compared exactly, case included, except in filters.
    Query {
        /// All employees.
        employees -> EmployeeConnection from Source::all("Query.employees"),
        where EmployeeFilter: "Keep only employees that match.",
        order by EmployeeOrder: "Sort keys, most significant first. Default: id.";

        /// All meetings.
        meetings -> MeetingConnection from Source::all("Query.meetings"),
        where MeetingFilter: "Keep only meetings that match.",
        order by MeetingOrder: "Sort keys, most significant first. Default: id.";

        /// All projects.
        projects -> ProjectConnection from Source::all("Query.projects"),
        where ProjectFilter: "Keep only projects that match.",
        order by ProjectOrder: "Sort keys, most significant first. Default: id.";

        /// All assignments.
        assignments -> AssignmentConnection from Source::all("Query.assignments"),
        where AssignmentFilter: "Keep only assignments that match.",
        order by AssignmentOrder: "Sort keys, most significant first. Default: id.";
    }

    /// Fetch anything by id; null when there is no such thing. Try `node(id: "emp_1")`.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id.")] id: ID,
    ) -> Option<Result<Node>> {
        node(ctx, &id).await.transpose()
    }

    /// Fetch several things by id, in the order asked, null for each that does not exist. At most 100.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > 100 {
            return Err(Error::bad_input("ids", "Give at most 100 ids at a time."));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| node(ctx, id))).await
    }

    /// One employee; null when there is none with that id.
    async fn employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`emp_…`")] id: ID,
    ) -> Option<Result<Object<Employee>>> {
        by_id::<employee::Entity>(ctx, &id).await
    }

    /// One meeting; null when there is none with that id.
    async fn meeting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`mtg_…`")] id: ID,
    ) -> Option<Result<Object<Meeting>>> {
        by_id::<meeting::Entity>(ctx, &id).await
    }

    /// One project; null when there is none with that id.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`prj_…`")] id: ID,
    ) -> Option<Result<Object<Project>>> {
        by_id::<project::Entity>(ctx, &id).await
    }

    /// One assignment; null when there is none with that id.
    async fn assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`asg_…`")] id: ID,
    ) -> Option<Result<Object<Assignment>>> {
        by_id::<assignment::Entity>(ctx, &id).await
    }

    /// What has changed, oldest first. The same feed as `Subscription.changes`, for clients that poll.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 50)] first: i32,
        #[graphql(desc = "Continue after this event's `cursor`; from the oldest kept event when omitted. A cursor older than the oldest kept event is an error (`CURSOR_EXPIRED`).")]
        after: Option<String>,
        #[graphql(name = "where", desc = "Keep only events that match.")]
        filter: Option<ChangeFilter>,
    ) -> Result<ChangeConnection> {
        changes::changes(ctx, first, after, filter).await
    }
}

async fn by_id<E: Record>(ctx: &Context<'_>, id: &str) -> Option<Result<Object<E::Object>>> {
    let key = key_of(E::PREFIX, id)?;
    let found = find::<E>(ctx, key).await.transpose()?;
    Some(found.map(|found| Object(found.into())))
}

async fn node(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    let prefixes = [
        employee::Entity::PREFIX,
        meeting::Entity::PREFIX,
        project::Entity::PREFIX,
        assignment::Entity::PREFIX,
    ];
    let read = |prefix| Some((prefix, key_of(prefix, id)?));
    match prefixes.into_iter().find_map(read) {
        Some((prefix, key)) => node_with_key(ctx, prefix, key).await,
        None => Ok(None),
    }
}

/// The thing whose public id is made of these two.
pub async fn node_with_key(ctx: &Context<'_>, prefix: &str, key: i64) -> Result<Option<Node>> {
    async fn of<E: Record<Object: Into<Node>>>(
        ctx: &Context<'_>,
        key: i64,
    ) -> Result<Option<Node>> {
        let found = find::<E>(ctx, key).await?;
        Ok(found.map(|found| E::Object::from(found).into()))
    }
    match prefix {
        employee::Entity::PREFIX => of::<employee::Entity>(ctx, key).await,
        meeting::Entity::PREFIX => of::<meeting::Entity>(ctx, key).await,
        project::Entity::PREFIX => of::<project::Entity>(ctx, key).await,
        assignment::Entity::PREFIX => of::<assignment::Entity>(ctx, key).await,
        _ => Ok(None),
    }
}

/// Everything that can be changed. Each field runs in its own database transaction: it does all of it or none of it.
#[derive(MergedObject)]
pub struct Mutation(
    EmployeeMutations,
    MeetingMutations,
    ProjectMutations,
    AssignmentMutations,
);

/// What mutations are resolved on; it holds nothing.
pub(crate) const MUTATION: Mutation = Mutation(
    EmployeeMutations,
    MeetingMutations,
    ProjectMutations,
    AssignmentMutations,
);

/// The schema, without anything that a resolver would need.
pub(crate) fn builder<Q: ObjectType + 'static>(
    query: Q,
) -> SchemaBuilder<Q, Mutation, Subscription> {
    Schema::build(query, MUTATION, Subscription)
        .register_output_type::<AssignmentLink>()
        .register_output_type::<UserError>()
}

/// The schema in GraphQL's schema definition language. Needs no database.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .include_specified_by()
        .sorted_enum_items();
    let sdl = builder(Query).finish().sdl_with_options(options);
    // The library has no place for it.
    let described = format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{");
    sdl.replacen("\nschema {", &described, 1)
}

/// Description of the schema as a whole.
const DESCRIPTION: &str = "Roster: who works on which project, in which role and when, and who \
    attends which meeting. What holds everywhere stands in the description of `Query`.";

/// The root of queries: [`Query`], and what the schema says of itself.
pub(crate) struct Root;

impl OutputType for Root {
    fn type_name() -> Cow<'static, str> {
        Query::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Query::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        nodes::object(ctx, self).await
    }
}

impl ContainerType for Root {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if ctx.item.node.name.node.starts_with("__") {
            return introspected(ctx);
        }
        Query.resolve_field(ctx).await
    }
}

impl ObjectType for Root {}

/// Answers `__schema` or `__type`. An error makes `__type` null, and the whole answer if the field
/// is `__schema`, which is never null.
fn introspected(ctx: &Context<'_>) -> ServerResult<Option<Value>> {
    match batch(ctx).introspected(ctx) {
        Some(Err(error)) if ctx.item.node.name.node == "__type" => {
            ctx.add_error(ctx.set_error_path(error.clone()));
            Ok(None)
        }
        Some(Err(error)) => Err(ctx.set_error_path(error.clone())),
        Some(Ok(answer)) => Ok(Some(answer.clone())),
        None => Ok(None),
    }
}

/// The API: the schema, the database, and the only way to run an operation.
///
/// The schema itself is not to be had, and only what the [guard](crate::guard) has checked is run,
/// with the [batch](crate::batch).
#[derive(Clone)]
pub struct Roster {
    executor: Executor,
    database: Database,
    feed: Feed,
    guard: Arc<Guard>,
    shortcuts: Shortcuts,
}

impl Roster {
    /// The API on this database. Subscribers hear of changes while [`Feed::follow`] runs.
    pub fn new(database: Database) -> Self {
        Self::with_limits(database, Limits::DEFAULT)
    }

    /// The API on this database, with limits of one's own.
    pub fn with_limits(database: Database, limits: Limits) -> Self {
        let feed = Feed::new(database.clone(), &limits);
        Self {
            executor: Executor::new(database.clone(), feed.clone()),
            database,
            feed,
            guard: Arc::new(Guard::new(&sdl(), limits)),
            shortcuts: Shortcuts::ALL,
        }
    }

    /// The same, with these shortcuts only.
    #[must_use]
    pub fn with_shortcuts(self, shortcuts: Shortcuts) -> Self {
        Self { shortcuts, ..self }
    }

    /// The change feed of this server.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Everything that can be told before the operation runs.
    pub fn check(&self, request: Request) -> Result<Checked, Box<Answer>> {
        let checked = self.guard.check(request);
        checked.map_err(|refused| Box::new(self.refuse(refused)))
    }

    fn refuse(&self, refused: Refused) -> Answer {
        Answer::refused(refused, self.guard.limits().document.cost)
    }

    /// Runs a query or a mutation.
    pub async fn run(&self, checked: &Checked) -> Answer {
        if let Err(errors) = checked.authorize() {
            return Answer::ran(Response::from_errors(errors), self.cost(checked, None));
        }
        match AssertUnwindSafe(self.try_to_run(checked))
            .catch_unwind()
            .await
        {
            Ok(answer) => answer,
            Err(_) => self.panicked(checked),
        }
    }

    /// Runs any operation; a subscription answers more than once.
    pub fn run_stream(&self, checked: Checked) -> BoxStream<'static, Answer> {
        let roster = self.clone();
        if checked.kind() != OperationType::Subscription {
            return async move { roster.run(&checked).await }
                .into_stream()
                .boxed();
        }
        if let Err(errors) = checked.authorize() {
            let refused = Answer::ran(Response::from_errors(errors), self.cost(&checked, None));
            return ready(refused).into_stream().boxed();
        }
        let batch = self.batch(&checked, Vec::new());
        let events = self.executor.subscribe(&checked, batch.clone());
        let events = batch.clone().drive_stream(&self.database.reader, events);
        let subscription = Running {
            roster,
            checked,
            batch,
            events: events.boxed(),
        };
        stream::unfold(Some(subscription), |subscription| async move {
            let mut subscription = subscription?;
            // In a task of its own, which ends when this stream is dropped: an event that is being
            // resolved holds connections, also while the client does not read and nothing polls this.
            let mut task = JoinSet::new();
            task.spawn(async move { (subscription.next().await, subscription) });
            let (answer, subscription) = task.join_next().await?.ok()?;
            let answer = answer?;
            // An answer that was not executed is the last one.
            let next = answer.executed.then_some(subscription);
            Some((answer, next))
        })
        .boxed()
    }

    async fn try_to_run(&self, checked: &Checked) -> Answer {
        // Each statement sees its own snapshot: a row that another refers to may have vanished in
        // between. Nobody has seen an answer yet, so a query can begin anew. A mutation cannot.
        let attempts = match checked.kind() {
            OperationType::Query => ATTEMPTS,
            _ => 1,
        };
        let introspection = match self.guard.introspect(checked) {
            Ok(answers) => answers,
            Err(refused) => return self.refuse(refused),
        };
        let mut attempt = 1;
        loop {
            let batch = self.batch(checked, introspection.clone());
            let operation = self.executor.execute(checked, batch.clone());
            let response = batch.drive(&self.database.reader, operation).await;
            if attempt < attempts && batch.something_vanished() {
                attempt += 1;
                continue;
            }
            return self.answer(checked, response, &batch);
        }
    }

    fn answer(&self, checked: &Checked, mut response: Response, batch: &Batch) -> Answer {
        if checked.kind() != OperationType::Query && response.data != Value::Null {
            // What was written or told of cannot be read again as it was: a thing that has vanished
            // meanwhile counts as deleted, where that can be said.
            let vanished = |error: &ServerError| error.source::<Vanished>().is_some();
            response.errors.retain(|error| !vanished(error));
        }
        let length = json::length(&response.data);
        if let Err(error) = batch.allowance.check_bytes(length, None) {
            response.errors.push(error);
        }
        let mut answer = Answer::ran(response, self.cost(checked, Some(batch)));
        if batch.allowance.is_exceeded() {
            answer.keep_only("LIMIT_EXCEEDED");
        }
        answer
    }

    fn panicked(&self, checked: &Checked) -> Answer {
        tracing::error!("a resolver panicked");
        let error = coded("INTERNAL", "Something went wrong on the server.", None);
        Answer::failed(error, Some(self.cost(checked, None)))
    }

    fn cost(&self, checked: &Checked, batch: Option<&Batch>) -> Cost {
        Cost {
            requested: checked.cost,
            limit: self.guard.limits().document.cost,
            loaded: batch.map_or(0, |batch| batch.allowance.loaded()),
            statements: batch.map_or(0, Batch::statements),
        }
    }

    fn batch(&self, checked: &Checked, introspection: Introspection) -> Arc<Batch> {
        Arc::new(Batch::new(
            self.guard.limits(),
            self.shortcuts,
            checked.operation.clone(),
            introspection,
        ))
    }
}

/// A subscription, event by event.
struct Running {
    roster: Roster,
    checked: Checked,
    batch: Arc<Batch>,
    events: BoxStream<'static, Response>,
}

impl Running {
    /// The next event. One that our side could not resolve is resolved again or ends the
    /// subscription, so that the client resumes at its last cursor: it is never delivered in part.
    async fn next(&mut self) -> Option<Answer> {
        let Self {
            roster,
            checked,
            batch,
            events,
        } = self;
        loop {
            let event = tokio::select! {
                biased;
                event = AssertUnwindSafe(events.next()).catch_unwind() => event,
                () = batch.delivery.overdue() => {
                    let message = "This event took too long to read. Resume after the last one.";
                    let error = coded("TIMEOUT", message, None);
                    return Some(ended(roster.cost(checked, Some(batch)), error));
                }
            };
            let mut answer = match event {
                Ok(response) => roster.answer(checked, response?, batch),
                Err(_) => roster.panicked(checked),
            };
            let failed = |error: &ServerError| {
                matches!(code(error), Some("UNAVAILABLE" | "TIMEOUT" | "INTERNAL"))
            };
            let Some(error) = answer.response.errors.iter().position(failed) else {
                batch.delivery.end();
                return Some(answer);
            };
            let error = answer.response.errors.swap_remove(error);
            if code(&error) == Some("INTERNAL") || !batch.delivery.repeat().await {
                return Some(ended(answer.cost.unwrap_or_default(), error));
            }
        }
    }
}

/// The last answer of a subscription that an error ends.
fn ended(cost: Cost, error: ServerError) -> Answer {
    Answer {
        executed: false,
        ..Answer::failed(error, Some(cost))
    }
}

/// How often a query is run whose rows vanish while it reads.
const ATTEMPTS: usize = 3;
