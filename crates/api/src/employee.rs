//! Employees.

use async_graphql::Context;
use entity::{assignment, employee, meeting, project};

use sea_level::{
    ColumnSet, Comparison, Connection, Date, DateFilter, ListFilter, ListOutput, Node,
    ObjectOutput, PageArguments, PublicId, Record, RecordBatch, Result, SortExpr, SortKey, Source,
    StringFilter, Text, column, filter, many, object, order, row,
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
#[derive(Clone)]
pub struct Employee(Record<Employee>);

impl From<Record<Employee>> for Employee {
    fn from(found: Record<Employee>) -> Self {
        Self(found)
    }
}

row!(Employee => employee::Model {
    id,
    name,
    hire_date,
    version,
});

impl Node for Employee {
    type Entity = employee::Entity;

    const NAME: &'static str = "employee";
    const CONNECTION: &'static str = "A page of employees.";
    const EDGE: &'static str = "One employee in a page.";
    const PREFIX: &'static str = "emp_";
    const ORDER: &'static [SortKey<Self::Entity>] = &[SortKey::ascending("Name", |_| {
        SortExpr::Column(employee::Column::Name)
    })];
    type Filter = EmployeeFilter;
    type Order = EmployeeOrder;
    type ListRow = Self;
    type Preloaded = ();

    fn key(model: &employee::Model) -> i64 {
        model.id
    }

    fn batch(rows: Vec<employee::Model>, _: ColumnSet) -> RecordBatch<Self> {
        rows.into()
    }
}

impl Employee {
    fn key(&self) -> i64 {
        self.0.key()
    }
}

object! {
    /// A person on staff.
    Employee {
        /// Meetings this employee attends. Each meeting appears once.
        meetings -> Meeting => Source::linked::<employee::Entity>("Employee.meetings"),
        where "Keep only meetings that match.",
        order by "Sort keys, most significant first. Default: scheduledTime ascending.";

        /// Every assignment of this employee, past, present and future.
        assignments -> Assignment, RoleTotals => Source::linked::<employee::Entity>("Employee.assignments"),
        where "Keep only assignments that match.",
        order by "Sort keys, most significant first. Default: earliest first (startDate ascending, a null start first).";

        /// Projects this employee works on. Each project appears ONCE however many assignments link them; the assignments are on the edge.
        projects -> Project, Staffing => Source::linked::<employee::Entity>("Employee.projects"),
        where "Keep only projects that match.",
        through AssignmentFilter: "Keep only projects linked by at least one matching assignment; `edge.assignments` then holds just the matching ones.",
        order by "Sort keys, most significant first. Default: title ascending.";
    }

    /// Globally unique id, `emp_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(Employee::PREFIX, self.0.id)
    }

    /// Full name. Not unique.
    async fn name(&self) -> Text<'_> {
        Text(&self.0.name)
    }

    /// First day of employment.
    async fn hire_date(&self) -> Date {
        Date(self.0.hire_date)
    }

    /// People who share at least one project or meeting with this employee (never the employee themself). Each colleague appears once, with what is shared on the edge.
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
    async fn assignment_overlaps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Keep only overlaps that share an instant with this range.")]
        during: Option<DateTimeRangeInput>,
    ) -> Result<ListOutput<AssignmentOverlap>> {
        overlaps::assignment_overlaps(ctx, self.key(), during.as_ref()).await
    }

    /// Pairs of this employee's meetings that start at most `withinMinutes` apart, earliest first (by the first one, then the second one). At most 100 are returned.
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
    async fn version(&self) -> i32 {
        self.0.version
    }
}

filter! {
    /// Which employees. Everything given must hold; an empty filter matches all; a null inside is an error.
    EmployeeFilter of Employee {
        /// By name.
        name: StringFilter => |name, context| name.on(employee::Column::Name, context),
        /// By first day of employment.
        hire_date: DateFilter => |date, context| date.on(column(employee::Column::HireDate), context),
        /// By meetings attended.
        meetings: ListFilter<MeetingFilter> => many::<employee::Entity, _>,
        /// By distinct projects worked on.
        projects: ListFilter<ProjectFilter> => many::<employee::Entity, _>,
        /// By assignments.
        assignments: ListFilter<AssignmentFilter> => many::<employee::Entity, _>,
    }
}

order! {
    /// One sort key for employees.
    EmployeeOrder of employee::Entity,
    /// What employees can be sorted by.
    EmployeeOrderField {
        /// Oldest record first.
        Id => |_| SortExpr::Column(employee::Column::Id),
        /// Name.
        Name => |_| SortExpr::Column(employee::Column::Name),
        /// First day of employment.
        HireDate => |_| SortExpr::Column(employee::Column::HireDate),
        /// Number of meetings attended.
        MeetingCount => SortExpr::count::<meeting::Entity>,
        /// Number of distinct projects.
        ProjectCount => SortExpr::count::<project::Entity>,
        /// Number of assignments.
        AssignmentCount => SortExpr::count::<assignment::Entity>,
    }
}
