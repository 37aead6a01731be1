//! The three roots of the schema.

use std::ops::Deref;

use async_graphql::{Context, Description, ID, MergedObject, OutputType, registry::Registry};
use futures_util::future::try_join_all;
use sea_level::{
    Database, Domain, Engine, Error, Limits, ObjectOutput, Result, Shortcuts, Source, find_by_id,
    object, operation,
};

use crate::{
    assignment::{Assignment, RoleTotals},
    changes::{self, ChangeConnection, ChangeFilter},
    employee::Employee,
    feed::{Feed, Subscription},
    meeting::Meeting,
    mutations::{
        AssignmentMutations, AttendanceMutations, EmployeeMutations, MeetingMutations,
        ProjectMutations,
    },
    node::{AnyNode, node},
    outbox::Outbox,
    project::{BudgetTotals, Project},
    staffing::register_interface,
    user_error::UserError,
    viewer::ViewerObject,
};

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
#[derive(Default, Description)]
pub struct Query;

#[object(root)]
impl Query {
    /// Who is asking: what the token says, and what may be done with it.
    async fn viewer(&self, ctx: &Context<'_>) -> ViewerObject {
        ViewerObject(operation(ctx).viewer.clone())
    }

    /// Fetch anything by id; null when there is no such thing. Try `node(id: "emp_1")`.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id.")] id: ID,
    ) -> Option<Result<AnyNode>> {
        node(ctx, &id).await.transpose()
    }

    /// Fetch several things by id, in the order asked, null for each that does not exist. At most 100.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<AnyNode>>> {
        if ids.len() > 100 {
            return Err(Error::bad_input("ids", "Give at most 100 ids at a time."));
        }
        try_join_all(ids.iter().map(|id| node(ctx, id))).await
    }

    /// One employee; null when there is none with that id.
    async fn employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`emp_…`")] id: ID,
    ) -> Option<Result<ObjectOutput<Employee>>> {
        find_by_id::<Employee>(ctx, &id).await
    }

    /// One meeting; null when there is none with that id.
    async fn meeting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`mtg_…`")] id: ID,
    ) -> Option<Result<ObjectOutput<Meeting>>> {
        find_by_id::<Meeting>(ctx, &id).await
    }

    /// One project; null when there is none with that id.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`prj_…`")] id: ID,
    ) -> Option<Result<ObjectOutput<Project>>> {
        find_by_id::<Project>(ctx, &id).await
    }

    /// One assignment; null when there is none with that id.
    async fn assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`asg_…`")] id: ID,
    ) -> Option<Result<ObjectOutput<Assignment>>> {
        find_by_id::<Assignment>(ctx, &id).await
    }

    /// What has changed, oldest first. The same feed as `Subscription.changes`, for clients that poll.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 50)] first: i32,
        #[graphql(
            desc = "Continue after this event's `cursor`; from the oldest kept event when omitted. A cursor older than the oldest kept event is an error (`CURSOR_EXPIRED`)."
        )]
        after: Option<String>,
        #[graphql(name = "where", desc = "Keep only events that match.")] filter: Option<
            ChangeFilter,
        >,
    ) -> Result<ChangeConnection> {
        changes::changes(ctx, first, after, filter).await
    }

    /// All employees.
    #[connection(
        filter = "Keep only employees that match.",
        order = "Sort keys, most significant first. Default: id."
    )]
    fn employees(&self) -> Source<Employee> {
        Source::all("Query.employees")
    }

    /// All meetings.
    #[connection(
        filter = "Keep only meetings that match.",
        order = "Sort keys, most significant first. Default: id."
    )]
    fn meetings(&self) -> Source<Meeting> {
        Source::all("Query.meetings")
    }

    /// All projects.
    #[connection(
        link = BudgetTotals,
        filter = "Keep only projects that match.",
        order = "Sort keys, most significant first. Default: id."
    )]
    fn projects(&self) -> Source<Project> {
        Source::all("Query.projects")
    }

    /// All assignments.
    #[connection(
        link = RoleTotals,
        filter = "Keep only assignments that match.",
        order = "Sort keys, most significant first. Default: id."
    )]
    fn assignments(&self) -> Source<Assignment> {
        Source::all("Query.assignments")
    }
}

/// Everything that can be changed. Each field runs in its own database transaction: it does all of it or none of it.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct MutationRoot(
    EmployeeMutations,
    MeetingMutations,
    AttendanceMutations,
    ProjectMutations,
    AssignmentMutations,
);

/// The staffing domain.
pub struct StaffingDomain;

impl Domain for StaffingDomain {
    type Query = Query;
    type Mutation = MutationRoot;
    type Subscription = Subscription;
    type Log = Outbox;

    const DESCRIPTION: &'static str = "Roster: who works on which project, in which role and when, and who attends which meeting. What holds everywhere stands in the description of `Query`.";

    fn register(registry: &mut Registry) {
        register_interface(registry);
        UserError::create_type_info(registry);
    }
}

/// Returns the schema in GraphQL's schema definition language. Needs no database.
pub fn sdl() -> String {
    sea_level::sdl::<StaffingDomain>()
}

/// The API on one database. Dereferences to the engine that runs its operations.
#[derive(Clone)]
pub struct Roster {
    engine: Engine<StaffingDomain>,
    feed: Feed,
}

impl Roster {
    /// Creates the API with default limits. Subscribers receive changes while [`Feed::follow`] runs.
    pub fn new(database: Database) -> Self {
        Self::with_limits(database, Limits::DEFAULT)
    }

    /// Creates the API.
    pub fn with_limits(database: Database, limits: Limits) -> Self {
        let outbox = Outbox::default();
        let feed = Feed::new(database.clone(), outbox.clone());
        Self {
            engine: Engine::new(database, limits, outbox, feed.clone()),
            feed,
        }
    }

    /// Leaves out optimizations, for tests.
    #[must_use]
    pub fn with_shortcuts(self, shortcuts: Shortcuts) -> Self {
        Self {
            engine: self.engine.with_shortcuts(shortcuts),
            ..self
        }
    }

    /// The change feed of this server.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }
}

impl Deref for Roster {
    type Target = Engine<StaffingDomain>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}
