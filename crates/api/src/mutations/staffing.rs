//! Writes of the link between employees and projects, shared by the mutations of both.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::{Enum, ID};
use chrono::Utc;
use entity::{assignment, change::Kind};
use sea_level::{
    DateTime, Node, Record, RecordBatch, Result, column,
    scalar::public_id,
    write::{Abort, same},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Condition, IntoCondition, NullOrdering, Order as Direction},
};

use crate::{
    assignment::Assignment,
    outbox::NewChange,
    period::overlaps,
    user_error::{DuplicateAssignmentError, OverlapError, Place, StillReferencedError, UserError},
    write::{IdInput, Write, keys},
};

/// Assignments that an [`OverlapError`] lists at most.
const MOST_CONFLICTING: u64 = 20;

/// What to do with assignments when their employee or project is deleted.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletePolicy {
    /// Delete them too, unless there are more than the server loads for one operation; then nothing is deleted.
    #[default]
    Cascade,
    /// Refuse with a `StillReferencedError` if there are any.
    Restrict,
}

/// What to do about overlapping assignments of one employee.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// Allow any overlap.
    #[default]
    Allow,
    /// Refuse with an `OverlapError` if the overlap is on the same project.
    RejectSameProject,
    /// Refuse with an `OverlapError` on any overlap.
    Reject,
}

/// Deleted row, with its assignments.
pub struct Deleted {
    /// Public id of the row.
    pub id: ID,
    /// Primary keys of the assignments.
    pub assignments: Vec<i64>,
}

/// Changes of the assignments of one row.
pub struct Relinked {
    /// Primary key of the row.
    pub of: i64,
    /// Primary keys of the inserted assignments.
    pub added: Vec<i64>,
    /// Primary keys of the deleted assignments.
    pub deleted: Vec<i64>,
}

/// Columns in which no two assignments are equal, nulls counting as equal.
pub const UNIQUE_COLUMNS: [assignment::Column; 4] = [
    assignment::Column::EmployeeId,
    assignment::Column::ProjectId,
    assignment::Column::Role,
    assignment::Column::StartDate,
];

/// Role and period of an assignment.
#[derive(Clone)]
pub struct Stint {
    /// The role.
    pub role: Option<String>,
    /// The start.
    pub start: Option<chrono::DateTime<Utc>>,
    /// The end, not included.
    pub end: Option<chrono::DateTime<Utc>>,
}

impl Stint {
    /// Validates the fields of an input.
    pub fn read(
        write: &mut Write<'_>,
        place: &Place,
        role: Option<&String>,
        start: Option<DateTime>,
        end: Option<DateTime>,
    ) -> Self {
        let stint = Self {
            role: write.optional_text(place.at("role"), role, 100),
            start: start.map(|start| start.0),
            end: end.map(|end| end.0),
        };
        stint.check_dates(write, place.at("endDate"));
        stint
    }

    /// Reports an end that is not after the start. Returns true if it is.
    pub fn check_dates(&self, write: &mut Write<'_>, place: Place) -> bool {
        let sound = self
            .end
            .is_none_or(|end| self.start.is_none_or(|start| start < end));
        if !sound {
            write.invalid(place, "The end must be after the start.");
        }
        sound
    }

    /// Values in which no two assignments of one employee on one project are equal; `None` if the role is
    /// invalid.
    pub fn identity(&self) -> Option<(Option<String>, Option<chrono::DateTime<Utc>>)> {
        (self.role.as_deref() != Some("")).then(|| (self.role.clone(), self.start))
    }

    /// Row of the assignment.
    pub fn row(self, employee: i64, project: i64) -> assignment::ActiveModel {
        assignment::ActiveModel {
            role: Set(self.role),
            start_date: Set(self.start),
            end_date: Set(self.end),
            employee_id: Set(employee),
            project_id: Set(project),
            ..Default::default()
        }
    }

    /// Inserts the assignment.
    pub async fn insert(
        self,
        write: &mut Write<'_>,
        employee: i64,
        project: i64,
    ) -> Result<i64, DbErr> {
        let row = self.row(employee, project);
        Ok(write.insert::<Assignment>(row).await?.id)
    }

    /// Loads the assignment that equals this one in [`UNIQUE_COLUMNS`].
    pub async fn twin(
        &self,
        write: &Write<'_>,
        employee: i64,
        project: i64,
    ) -> Result<Option<assignment::Model>, DbErr> {
        let row = self.clone().row(employee, project);
        assignment::Entity::find()
            .filter(same::<assignment::Entity>(&row, &UNIQUE_COLUMNS))
            .one(write.transaction())
            .await
    }

    /// Reports overlapping assignments, if the policy refuses them. The employee is locked, so that no
    /// other transaction adds one before the commit.
    pub async fn check_overlaps(
        &self,
        write: &mut Write<'_>,
        policy: OverlapPolicy,
        employee: i64,
        project: i64,
        except: Option<i64>,
    ) -> Result<(), DbErr> {
        use assignment::Column::{EmployeeId, EndDate, Id, ProjectId, StartDate};
        let on_project = match policy {
            OverlapPolicy::Allow => return Ok(()),
            OverlapPolicy::Reject => Condition::all(),
            OverlapPolicy::RejectSameProject => ProjectId.eq(project).into_condition(),
        };
        let conflicting = assignment::Entity::find()
            .filter(EmployeeId.eq(employee))
            .filter(on_project)
            .filter(overlaps(
                column(StartDate),
                column(EndDate),
                self.start.map(DateTime),
                self.end.map(DateTime),
            ))
            .filter(Id.ne(except.unwrap_or_default()))
            .order_by_with_nulls(StartDate, Direction::Asc, NullOrdering::First)
            .order_by_asc(Id)
            .limit(MOST_CONFLICTING)
            .all(write.transaction())
            .await?;
        if !conflicting.is_empty() {
            let conflicting = Arc::new(RecordBatch::from(conflicting));
            write.report(OverlapError::report(
                Place::input(),
                "The employee has another assignment in some of this time.",
                Record::<Assignment>::objects(&conflicting),
            ));
        }
        Ok(())
    }
}

impl DuplicateAssignmentError {
    /// Error for an assignment that is given twice in one request.
    pub fn twice(place: Place) -> UserError {
        let message =
            "The same assignment, in the same role and with the same start, is given twice.";
        Self::report(place, message, None)
    }

    /// Error for an assignment that exists.
    pub fn of(existing: assignment::Model) -> UserError {
        let existing = Record::<Assignment>::single(existing);
        let message =
            "This employee has an assignment on this project in this role with this start already.";
        Self::report(Place::input(), message, Some(existing.into()))
    }
}

/// Makes the rows on the other side of a locked row exactly these locked ones.
pub async fn relink(
    write: &mut Write<'_>,
    place: Place,
    side: Side,
    own: i64,
    others: &[IdInput],
) -> Result<Relinked, Abort<()>> {
    let others = keys(others);
    let assignments = lock_assignments_of(write, place, side, own).await?;
    let listed: HashSet<i64> = others.iter().copied().collect();
    let linked: HashSet<i64> = assignments.iter().map(|keys| side.other(keys)).collect();
    let mut orphans = assignments;
    orphans.retain(|keys| !listed.contains(&side.other(keys)));
    let deleted = delete_assignments(write, &orphans).await?;
    let new = others.into_iter().filter(|other| !linked.contains(other));
    let new: Vec<_> = new.map(|other| side.pair(own, other)).collect();
    Ok(Relinked {
        of: own,
        added: bare_assignments(write, &new).await?,
        deleted,
    })
}

/// Keys of an assignment: its own, the employee's, the project's. A deletion reads no other columns,
/// because the number of assignments can be large.
type AssignmentKeys = (i64, i64, i64);

/// Side of the link whose assignments a mutation changes.
#[derive(Clone, Copy)]
pub enum Side {
    /// The assignments of one employee.
    Employee,
    /// The assignments of one project.
    Project,
}

impl Side {
    /// Column with the key of this side.
    fn column(self) -> assignment::Column {
        match self {
            Self::Employee => assignment::Column::EmployeeId,
            Self::Project => assignment::Column::ProjectId,
        }
    }

    /// Orders two keys as employee and project.
    pub fn pair(self, own: i64, other: i64) -> (i64, i64) {
        match self {
            Self::Employee => (own, other),
            Self::Project => (other, own),
        }
    }

    /// Key of the other side of an assignment.
    fn other(self, (_, employee, project): &AssignmentKeys) -> i64 {
        match self {
            Self::Employee => *project,
            Self::Project => *employee,
        }
    }
}

/// Locks the assignments of a row, by id. Refuses at `place` if there are too many.
async fn lock_assignments_of(
    write: &mut Write<'_>,
    place: Place,
    side: Side,
    key: i64,
) -> Result<Vec<AssignmentKeys>, Abort<()>> {
    use assignment::Column::{EmployeeId, Id, ProjectId};
    let keys: Vec<AssignmentKeys> = assignment::Entity::find()
        .select_only()
        .columns([Id, EmployeeId, ProjectId])
        .filter(side.column().eq(key))
        .order_by_asc(Id)
        .limit(write.row_limit())
        .lock_exclusive()
        .into_tuple()
        .all(write.transaction())
        .await?;
    write.charge_reported_rows(place, keys.len(), "assignments")?;
    Ok(keys)
}

/// Locks the assignments to delete with a row. Reports their number instead if the policy is to refuse.
pub async fn lock_dependents(
    write: &mut Write<'_>,
    policy: DeletePolicy,
    side: Side,
    key: i64,
) -> Result<Vec<AssignmentKeys>, Abort<()>> {
    let place = Place::input().at("id");
    if policy == DeletePolicy::Cascade {
        return lock_assignments_of(write, place, side, key).await;
    }
    let count = assignment::Entity::find().filter(side.column().eq(key));
    let count = count.count(write.transaction()).await?;
    if count > 0 {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        write.report(StillReferencedError::report(
            place,
            format!("It still has assignments: {count}. Delete them first, or choose CASCADE."),
            count,
        ));
    }
    Ok(Vec::new())
}

/// Deletes locked assignments. Returns their primary keys.
pub async fn delete_assignments(
    write: &mut Write<'_>,
    assignments: &[AssignmentKeys],
) -> Result<Vec<i64>, DbErr> {
    let ids: Vec<i64> = assignments.iter().map(|(id, ..)| *id).collect();
    if !ids.is_empty() {
        assignment::Entity::delete_many()
            .filter(write.among(column(assignment::Column::Id), &ids))
            .exec(write.transaction())
            .await?;
    }
    for &(id, employee, project) in assignments {
        write.record(NewChange::assignment(Kind::Deleted, id, employee, project));
    }
    Ok(ids)
}

/// Public ids of assignments.
pub fn assignment_ids(keys: &[i64]) -> Vec<ID> {
    let id = |key: &i64| public_id(Assignment::PREFIX, *key);
    keys.iter().map(id).collect()
}

/// Inserts an assignment without role and period for each (employee, project). Returns the primary keys
/// in this order.
async fn bare_assignments(write: &mut Write<'_>, pairs: &[(i64, i64)]) -> Result<Vec<i64>, DbErr> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = pairs
        .iter()
        .map(|(employee, project)| assignment::ActiveModel {
            employee_id: Set(*employee),
            project_id: Set(*project),
            ..Default::default()
        });
    let rows = assignment::Entity::insert_many(rows)
        .exec_with_returning(write.transaction())
        .await?;
    write.know::<Assignment>(&rows);
    let key = |row: assignment::Model| ((row.employee_id, row.project_id), row);
    let mut rows: HashMap<_, _> = rows.into_iter().map(key).collect();
    let mut keys = Vec::with_capacity(pairs.len());
    for row in pairs.iter().filter_map(|pair| rows.remove(pair)) {
        write.record(NewChange::assignment(
            Kind::Created,
            row.id,
            row.employee_id,
            row.project_id,
        ));
        keys.push(row.id);
    }
    Ok(keys)
}
