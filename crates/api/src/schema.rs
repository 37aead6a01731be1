//! The schema: the three roots, and how an operation runs. Builds without a database.

use std::sync::Arc;

use async_graphql::{
    Context, Data, Executor, ID, Interface, MergedObject, Request, Response, SDLExportOptions,
    Schema, SchemaBuilder, ServerError, Value, parser::types::OperationType,
};
use entity::{assignment, employee, meeting, project};
use futures_util::{
    StreamExt,
    future::ready,
    stream::{self, BoxStream},
};

use crate::{
    assignment::{
        Assignment, AssignmentConnection, AssignmentFilter, AssignmentLink, AssignmentMutations,
        AssignmentOrder,
    },
    batch::Batch,
    changes::{self, ChangeConnection, ChangeFilter},
    context::{Database, Record, find},
    employee::{Employee, EmployeeConnection, EmployeeFilter, EmployeeMutations, EmployeeOrder},
    error::{Error, Result, Vanished},
    feed::{Feed, Subscription},
    fold::{TooLarge, fold, operation},
    meeting::{Meeting, MeetingConnection, MeetingFilter, MeetingMutations, MeetingOrder},
    nodes::Object,
    page::{Source, object},
    project::{Project, ProjectConnection, ProjectFilter, ProjectMutations, ProjectOrder},
    scalar::key_of,
    user_error::UserError,
};

/// Anything that has a globally unique id and can be fetched again with `node`.
#[derive(Interface, Clone)]
#[graphql(field(
    name = "id",
    ty = "ID",
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
    /// * Mutations take one `input`, return one payload, and report everything the user can fix in `userErrors`; then nothing was changed. Top-level `errors` mean the request or the server is at fault. A null for an input that cannot be null is INVALID; so is text with NUL. `endDate` must be after `startDate`. Text is trimmed; lengths are in code points; ids given twice count once. Roles are compared exactly, case included, except in filters.
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

type Built = Schema<Query, Mutation, Subscription>;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    let mutation = Mutation(
        EmployeeMutations,
        MeetingMutations,
        ProjectMutations,
        AssignmentMutations,
    );
    Schema::build(Query, mutation, Subscription)
        .register_output_type::<AssignmentLink>()
        .register_output_type::<UserError>()
}

/// The schema in GraphQL's schema definition language. Needs no database.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .include_specified_by()
        .sorted_enum_items();
    builder().finish().sdl_with_options(options)
}

/// The API: the schema, the database, and the only way to run an operation.
///
/// The schema itself is not to be had, so nothing can run without the [batch](crate::batch).
#[derive(Clone)]
pub struct Roster {
    schema: Built,
    database: Database,
    feed: Feed,
}

impl Roster {
    /// The API on this database. Subscribers hear of changes while [`Feed::follow`] runs.
    pub fn new(database: Database) -> Self {
        let feed = Feed::new(database.reader.clone());
        Self {
            schema: builder().data(database.clone()).data(feed.clone()).finish(),
            database,
            feed,
        }
    }

    /// The change feed of this server.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// One attempt. The batch tells what it took.
    async fn attempt(&self, request: Request) -> (Response, Arc<Batch>) {
        let batch = Arc::new(Batch::default());
        let operation = self.schema.execute(request.data(batch.clone()));
        let response = batch.drive(&self.database.reader, operation).await;
        (response, batch)
    }
}

impl Executor for Roster {
    async fn execute(&self, mut request: Request) -> Response {
        if let Some(kind @ OperationType::Mutation) = kind(&mut request) {
            return match prepared(request, kind) {
                // Once, whatever comes of it.
                Ok(request) => without_vanished(self.attempt(request).await.0),
                Err(error) => Response::from_errors(vec![error]),
            };
        }
        // Each statement sees its own snapshot: a row that another refers to may have vanished in
        // between. Nobody has seen an answer yet, so the query can begin anew.
        for _ in 1..ATTEMPTS {
            let again = Request::new(&request.query).variables(request.variables.clone());
            let again = match &request.operation_name {
                Some(name) => again.operation_name(name),
                None => again,
            };
            let (response, batch) = self.attempt(again).await;
            if !batch.something_vanished() {
                return response;
            }
        }
        self.attempt(request).await.0
    }

    fn execute_stream(
        &self,
        mut request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let Some(kind @ OperationType::Subscription) = kind(&mut request) else {
            let roster = self.clone();
            return stream::once(async move { roster.execute(request).await }).boxed();
        };
        let request = match prepared(request, kind) {
            Ok(request) => request,
            Err(error) => {
                return stream::once(ready(Response::from_errors(vec![error]))).boxed();
            }
        };
        let batch = Arc::new(Batch::default());
        let request = request.data(batch.clone());
        let session_data = session_data.unwrap_or_default();
        let events = self
            .schema
            .execute_stream_with_session_data(request, session_data);
        batch
            .drive_stream(&self.database.reader, events)
            .map(without_vanished)
            .boxed()
    }
}

/// How often a query is run whose rows vanish while it reads.
const ATTEMPTS: usize = 3;

/// What the operation is, when the document parses and it is clear which operation is meant.
fn kind(request: &mut Request) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    Some(operation(document, name.as_deref())?.ty)
}

/// The request with each root field once.
fn prepared(mut request: Request, kind: OperationType) -> Result<Request, ServerError> {
    let mut document = request.parsed_query()?.clone();
    let refused = |code: &str, message: &str| {
        let mut error = ServerError::new(message, None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", code);
        error
    };
    let name = request.operation_name.as_deref();
    let fields = fold(&mut document, name, &request.variables).map_err(|TooLarge| {
        refused(
            "LIMIT_EXCEEDED",
            "The operation selects too much at its root. Send it in parts.",
        )
    })?;
    if kind == OperationType::Subscription && fields > 1 {
        return Err(refused(
            "GRAPHQL_VALIDATION_FAILED",
            "A subscription must have one root field only.",
        ));
    }
    request.set_parsed_query(document);
    Ok(request)
}

/// What was written or told of cannot be read again as it was: a thing that has vanished while the
/// answer was made counts as deleted, where that can be said.
fn without_vanished(mut response: Response) -> Response {
    if response.data != Value::Null {
        let vanished = |error: &ServerError| error.source::<Vanished>().is_some();
        response.errors.retain(|error| !vanished(error));
    }
    response
}
