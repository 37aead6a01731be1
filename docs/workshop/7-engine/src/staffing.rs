//! The link between employees and projects: the assignments between the two, on the edge.

use std::borrow::Cow;

use async_graphql::{Context, Object};
use sea_level::{
    Columns, EdgeRow, LinkFields, ListOutput, Loader, NoFields, Reader, Record, RecordBatch,
    Result, column, key_part, link_condition, operation, records_per_key,
};
use sea_orm::sea_query::{ExprTrait, NullOrdering, Order, Query};

use crate::{
    assignment::{Assignment, AssignmentFilter},
    employee::Employee,
    entity::assignment,
    project::Project,
};

/// Link between employees and projects, in both directions.
pub struct Staffing;

impl LinkFields<Project> for Staffing {
    type Through = AssignmentFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = StaffingFields;

    fn name() -> Cow<'static, str> {
        "EmployeeProject".into()
    }
}

impl LinkFields<Employee> for Staffing {
    type Through = AssignmentFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = StaffingFields;

    fn name() -> Cow<'static, str> {
        "ProjectEmployee".into()
    }
}

/// Fields of an edge between an employee and a project.
pub struct StaffingFields {
    loader: PairAssignments,
    /// Primary keys of employee and project.
    pair: (i64, i64),
}

impl From<EdgeRow<Project, AssignmentFilter>> for StaffingFields {
    fn from(row: EdgeRow<Project, AssignmentFilter>) -> Self {
        Self {
            loader: PairAssignments::matching(row.page.scope().through()),
            pair: (row.page.parent, row.record().key()),
        }
    }
}

impl From<EdgeRow<Employee, AssignmentFilter>> for StaffingFields {
    fn from(row: EdgeRow<Employee, AssignmentFilter>) -> Self {
        Self {
            loader: PairAssignments::matching(row.page.scope().through()),
            pair: (row.record().key(), row.page.parent),
        }
    }
}

#[Object]
impl StaffingFields {
    /// The assignments between the two, earliest first. Only those that match `through`, if it is given.
    async fn assignments(&self, ctx: &Context<'_>) -> Result<ListOutput<Assignment>> {
        let found = operation(ctx).load(&self.loader, self.pair).await?;
        Ok(ListOutput(Record::objects(&found)))
    }
}

/// Loader of the assignments of many pairs, in one statement.
#[derive(Clone, PartialEq)]
struct PairAssignments {
    through: Option<AssignmentFilter>,
}

impl PairAssignments {
    fn matching(through: Option<&AssignmentFilter>) -> Self {
        Self {
            through: through.cloned(),
        }
    }
}

impl Loader for PairAssignments {
    type Key = (i64, i64);
    type Value = RecordBatch<Assignment>;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<Self::Value>> {
        use assignment::Column::{EmployeeId, Id, ProjectId, StartDate};
        let columns = Assignment::COLUMNS.iter();
        let select = Query::select()
            .columns(columns.map(|column| (assignment::Entity, *column)))
            .from(assignment::Entity)
            .and_where(column(EmployeeId).eq(key_part(0)))
            .and_where(column(ProjectId).eq(key_part(1)))
            .cond_where(link_condition(self.through.as_ref(), db.backend())?)
            .order_by_with_nulls(
                (assignment::Entity, StartDate),
                Order::Asc,
                NullOrdering::First,
            )
            .order_by((assignment::Entity, Id), Order::Asc)
            .limit(MOST)
            .take();
        records_per_key(db, &select, pairs).await
    }
}

/// Assignments of one pair at most.
const MOST: u64 = 100;
