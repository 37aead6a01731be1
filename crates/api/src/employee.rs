//! Employees.

use async_graphql::Context;
use entity::{assignment, employee, meeting, project};

use sea_level::{
    Connection, Date, DateFilter, ListFilter, ListOutput, Node, ObjectOutput, PageArguments,
    PublicId, Record, Result, SortExpr, Source, StringFilter, Text, filter, object, order,
};

use crate::{
    assignment::{Assignment, AssignmentFilter, RoleTotals},
    colleagues::{self, ColleagueOrder, ColleagueVia, Colleagues},
    meeting::{Meeting, MeetingFilter},
    overlaps::{self, AssignmentOverlap, MeetingClash},
    period::DateTimeRangeInput,
    project::{Project, ProjectFilter},
    staffing::Staffing,
};

/// A person on staff.
#[derive(Clone, Node)]
#[node(
    entity = employee,
    columns(id, name, hire_date, version),
    prefix = "emp_",
    sorted_by(name),
    filter = EmployeeFilter,
    order = EmployeeOrder,
    connection = "A page of employees.",
    edge = "One employee in a page."
)]
pub struct Employee(Record<Employee>);

#[object]
impl Employee {
    /// Globally unique id, `emp_…`.
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Employee::PREFIX, self.0.id)
    }

    /// Full name. Not unique.
    #[column]
    async fn name(&self) -> Text<'_> {
        Text(&self.0.name)
    }

    /// First day of employment.
    #[column]
    async fn hire_date(&self) -> Date {
        Date(self.0.hire_date)
    }

    /// People who share at least one project or meeting with this employee (never the employee themself). Each colleague appears once, with what is shared on the edge.
    #[reads(id)]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the arguments of the field"
    )]
    async fn colleagues(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many items from the start of the list. Not together with `last`. At most 1000; 20 when neither is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(
            desc = "How many items from the end of the list. Not together with `first`. At most 1000."
        )]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(name = "where", desc = "Keep only colleagues that match.")] filter: Option<
            Box<EmployeeFilter>,
        >,
        #[graphql(
            desc = "Count only projects on which both have an assignment that matches, for example `{active: {at: \"2023-07-01T00:00:00Z\"}}`; the shared projects on the edge are the same ones. Refused together with `via: MEETINGS`."
        )]
        through: Option<Box<AssignmentFilter>>,
        #[graphql(desc = "What makes a colleague.", default)] via: ColleagueVia,
        #[graphql(desc = "Sort keys. Default: most shared first, then name.")] order_by: Option<
            Vec<ColleagueOrder>,
        >,
    ) -> Result<ObjectOutput<Connection<Employee, Colleagues>>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        colleagues::connection(
            ctx,
            self.key(),
            via,
            arguments,
            filter,
            through,
            order_by.unwrap_or_default(),
        )
    }

    /// Pairs of this employee's assignments that are active at the same time, earliest first (by start of the shared time, then by id). At most 100 are returned.
    #[reads(id)]
    async fn assignment_overlaps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Keep only overlaps that share an instant with this range.")]
        during: Option<DateTimeRangeInput>,
    ) -> Result<ListOutput<AssignmentOverlap>> {
        overlaps::assignment_overlaps(ctx, self.key(), during.as_ref()).await
    }

    /// Pairs of this employee's meetings that start at most `withinMinutes` apart, earliest first (by the first one, then the second one). At most 100 are returned.
    #[reads(id)]
    async fn meeting_clashes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Meetings have no duration, so nearness of start times stands for one. 0 means the very same time. Largest value 1440.",
            default = 60
        )]
        within_minutes: i32,
    ) -> Result<ListOutput<MeetingClash>> {
        overlaps::meeting_clashes(ctx, self.key(), within_minutes).await
    }

    /// Row version, for `expectedVersion` in mutations. Starts at 1; grows by one with every change of the record itself, not of its links. A mutation that changes nothing leaves it.
    #[column]
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Meetings this employee attends. Each meeting appears once.
    #[connection(
        filter = "Keep only meetings that match.",
        order = "Sort keys, most significant first. Default: scheduledTime ascending."
    )]
    fn meetings(&self) -> Source<Meeting> {
        Source::linked::<employee::Entity>("Employee.meetings")
    }

    /// Every assignment of this employee, past, present and future.
    #[connection(
        link = RoleTotals,
        filter = "Keep only assignments that match.",
        order = "Sort keys, most significant first. Default: earliest first (startDate ascending, a null start first)."
    )]
    fn assignments(&self) -> Source<Assignment> {
        Source::linked::<employee::Entity>("Employee.assignments")
    }

    /// Projects this employee works on. Each project appears ONCE however many assignments link them; the assignments are on the edge.
    #[connection(
        link = Staffing,
        filter = "Keep only projects that match.",
        through = "Keep only projects linked by at least one matching assignment; `edge.assignments` then holds just the matching ones.",
        order = "Sort keys, most significant first. Default: title ascending."
    )]
    fn projects(&self) -> Source<Project> {
        Source::linked::<employee::Entity>("Employee.projects")
    }
}

/// Which employees. Everything given must hold; an empty filter matches all; a null inside is an error.
#[filter(of = Employee)]
pub struct EmployeeFilter {
    /// By name.
    name: StringFilter,
    /// By first day of employment.
    hire_date: DateFilter,
    /// By meetings attended.
    #[many]
    meetings: ListFilter<MeetingFilter>,
    /// By distinct projects worked on.
    #[many]
    projects: ListFilter<ProjectFilter>,
    /// By assignments.
    #[many]
    assignments: ListFilter<AssignmentFilter>,
}

/// What employees can be sorted by.
#[order(
    EmployeeOrder,
    of = Employee,
    description = "One sort key for employees."
)]
pub enum EmployeeOrderField {
    /// Oldest record first.
    Id,
    /// Name.
    Name,
    /// First day of employment.
    HireDate,
    /// Number of meetings attended.
    #[by(SortExpr::count::<meeting::Entity>)]
    MeetingCount,
    /// Number of distinct projects.
    #[by(SortExpr::count::<project::Entity>)]
    ProjectCount,
    /// Number of assignments.
    #[by(SortExpr::count::<assignment::Entity>)]
    AssignmentCount,
}
