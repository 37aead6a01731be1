//! Mutations of the links between employees and meetings, a plain join table.

use std::collections::{BTreeSet, HashSet};

use async_graphql::{Context, Description, ID, InputObject, Object};
use entity::{change::Kind, employee_meeting, meeting};
use sea_level::{
    ListOutput, ObjectOutput, Result, column, find_object, find_objects, write::Abort,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    UpdateMany, sea_query::ExprTrait,
};

use crate::{
    employee::Employee,
    meeting::Meeting,
    outbox::NewChange,
    user_error::{Place, UserError},
    write::{InputMutation, Outcome, Write, keys, mutate, refusal},
};

/// Links of one statement at most.
const LINKS_AT_ONCE: usize = 5_000;

/// Links to add: every employee with every meeting.
#[derive(InputObject)]
pub struct AddAttendeesInput {
    /// Meetings, 1 to 100.
    meeting_ids: Vec<ID>,
    /// Employees, 1 to 100.
    employee_ids: Vec<ID>,
}

/// Links to remove: every employee with every meeting.
#[derive(InputObject)]
pub struct RemoveAttendeesInput {
    /// Meetings, 1 to 100.
    meeting_ids: Vec<ID>,
    /// Employees, 1 to 100.
    employee_ids: Vec<ID>,
}

/// The exact attendance of one meeting.
#[derive(InputObject)]
pub struct SetAttendeesInput {
    /// Which meeting.
    meeting_id: ID,
    /// Who attends, 0 to 1000; an empty list removes everyone.
    employee_ids: Vec<ID>,
    /// Refuse with a `VersionConflictError` unless the meeting still has this version.
    expected_version: Option<i32>,
}

/// The outcome of `addAttendees`.
#[derive(Description)]
pub struct AddAttendeesPayload(Outcome<Crossed>);

#[Object(use_type_description)]
impl AddAttendeesPayload {
    /// The meetings, in the order given; null when refused.
    async fn meetings(&self, ctx: &Context<'_>) -> Option<Result<ListOutput<Meeting>>> {
        Crossed::meetings(&self.0, ctx).await
    }

    /// The employees, in the order given; null when refused.
    async fn employees(&self, ctx: &Context<'_>) -> Option<Result<ListOutput<Employee>>> {
        Crossed::employees(&self.0, ctx).await
    }

    /// Links that were made.
    async fn added_count(&self) -> i32 {
        self.0.as_ref().map_or(0, |crossed| crossed.changed)
    }

    /// Links that existed already.
    async fn unchanged_count(&self) -> i32 {
        self.0.as_ref().map_or(0, |crossed| crossed.unchanged)
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `removeAttendees`.
#[derive(Description)]
pub struct RemoveAttendeesPayload(Outcome<Crossed>);

#[Object(use_type_description)]
impl RemoveAttendeesPayload {
    /// The meetings, in the order given; null when refused.
    async fn meetings(&self, ctx: &Context<'_>) -> Option<Result<ListOutput<Meeting>>> {
        Crossed::meetings(&self.0, ctx).await
    }

    /// The employees, in the order given; null when refused.
    async fn employees(&self, ctx: &Context<'_>) -> Option<Result<ListOutput<Employee>>> {
        Crossed::employees(&self.0, ctx).await
    }

    /// Links that were removed.
    async fn removed_count(&self) -> i32 {
        self.0.as_ref().map_or(0, |crossed| crossed.changed)
    }

    /// Links that did not exist.
    async fn unchanged_count(&self) -> i32 {
        self.0.as_ref().map_or(0, |crossed| crossed.unchanged)
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `setAttendees`.
#[derive(Description)]
pub struct SetAttendeesPayload(Outcome<Attended>);

#[Object(use_type_description)]
impl SetAttendeesPayload {
    /// The meeting as it now is; null when refused.
    async fn meeting(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Meeting>>> {
        find_object::<Meeting>(ctx, self.0.as_ref().ok().map(|done| done.meeting)).await
    }

    /// Who was added.
    async fn added(&self, ctx: &Context<'_>) -> Result<ListOutput<Employee>> {
        let added = self.0.as_ref().map_or(&[][..], |done| &done.added);
        find_objects::<Employee>(ctx, added).await
    }

    /// Who was removed.
    async fn removed(&self, ctx: &Context<'_>) -> Result<ListOutput<Employee>> {
        let removed = self.0.as_ref().map_or(&[][..], |done| &done.removed);
        find_objects::<Employee>(ctx, removed).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// Changes of the links between all given meetings and all given employees.
pub struct Crossed {
    meetings: Vec<i64>,
    employees: Vec<i64>,
    changed: i32,
    unchanged: i32,
}

impl Crossed {
    async fn meetings(
        outcome: &Outcome<Self>,
        ctx: &Context<'_>,
    ) -> Option<Result<ListOutput<Meeting>>> {
        let meetings = &outcome.as_ref().ok()?.meetings;
        Some(find_objects::<Meeting>(ctx, meetings).await)
    }

    async fn employees(
        outcome: &Outcome<Self>,
        ctx: &Context<'_>,
    ) -> Option<Result<ListOutput<Employee>>> {
        let employees = &outcome.as_ref().ok()?.employees;
        Some(find_objects::<Employee>(ctx, employees).await)
    }
}

/// Changes of the attendance of one meeting.
pub struct Attended {
    meeting: i64,
    added: Vec<i64>,
    removed: Vec<i64>,
}

/// Mutations of attendance.
#[derive(Default)]
pub struct AttendanceMutations;

/// Mutations of attendance.
#[Object]
impl AttendanceMutations {
    /// Link every given employee to every given meeting. Links that exist already are left alone, so it is safe to repeat.
    async fn add_attendees(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom and where.")] input: AddAttendeesInput,
    ) -> Result<AddAttendeesPayload> {
        mutate(ctx, input).await.map(AddAttendeesPayload)
    }

    /// Unlink every given employee from every given meeting. Links that do not exist are left alone, so it is safe to repeat.
    async fn remove_attendees(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom and where.")] input: RemoveAttendeesInput,
    ) -> Result<RemoveAttendeesPayload> {
        mutate(ctx, input).await.map(RemoveAttendeesPayload)
    }

    /// Make a meeting's attendance exactly this list: adds who is missing, removes who is not listed.
    async fn set_attendees(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom and where.")] input: SetAttendeesInput,
    ) -> Result<SetAttendeesPayload> {
        mutate(ctx, input).await.map(SetAttendeesPayload)
    }
}

impl InputMutation for AddAttendeesInput {
    type Done = Crossed;

    async fn run(&self, write: &mut Write<'_>) -> Result<Crossed, Abort<()>> {
        cross(write, &self.meeting_ids, &self.employee_ids, Kind::Created).await
    }
}

impl InputMutation for RemoveAttendeesInput {
    type Done = Crossed;

    async fn run(&self, write: &mut Write<'_>) -> Result<Crossed, Abort<()>> {
        cross(write, &self.meeting_ids, &self.employee_ids, Kind::Deleted).await
    }
}

/// Inserts or deletes the links between all given meetings and all given employees.
async fn cross(
    write: &mut Write<'_>,
    meetings: &[ID],
    employees: &[ID],
    kind: Kind,
) -> Result<Crossed, Abort<()>> {
    let input = Place::input();
    let meetings = write.ids::<Meeting>(input.at("meetingIds"), meetings, 1..=100);
    let employees = write.ids::<Employee>(input.at("employeeIds"), employees, 1..=100);
    write.lock_all::<Employee>(&employees).await?;
    write.lock_all::<Meeting>(&meetings).await?;
    write.ensure_valid()?;

    let (meetings, employees) = (keys(&meetings), keys(&employees));
    let existing = employee_meeting::Entity::find()
        .filter(write.among(column(employee_meeting::Column::MeetingId), &meetings))
        .filter(write.among(column(employee_meeting::Column::EmployeeId), &employees))
        .all(write.transaction())
        .await?;
    let existing: HashSet<_> = existing
        .iter()
        .map(|link| (link.employee_id, link.meeting_id))
        .collect();
    let all = meetings
        .iter()
        .flat_map(|meeting| employees.iter().map(|employee| (*employee, *meeting)));
    // Existing links are deleted, missing ones are inserted.
    let (changed, unchanged): (Vec<_>, Vec<_>) =
        all.partition(|link| existing.contains(link) == (kind == Kind::Deleted));
    if kind == Kind::Deleted {
        change_attendance(write, &changed, &[]).await?;
    } else {
        change_attendance(write, &[], &changed).await?;
    }
    // At most 100 × 100.
    let count = |links: &[(i64, i64)]| i32::try_from(links.len()).unwrap_or(i32::MAX);
    Ok(Crossed {
        changed: count(&changed),
        unchanged: count(&unchanged),
        meetings,
        employees,
    })
}

impl InputMutation for SetAttendeesInput {
    type Done = Attended;

    async fn run(&self, write: &mut Write<'_>) -> Result<Attended, Abort<()>> {
        let input = Place::input();
        let employees =
            write.ids::<Employee>(input.at("employeeIds"), &self.employee_ids, 0..=1000);
        write.lock_all::<Employee>(&employees).await?;
        let meeting = write
            .lock_one::<Meeting>(input.at("meetingId"), &self.meeting_id)
            .await?;
        write.expect_version::<Meeting>(meeting.as_ref(), self.expected_version);
        write.ensure_valid()?;

        let meeting = meeting.ok_or(Abort::Refused(()))?.id;
        let listed = keys(&employees);
        let existing = attendees(write, input.at("meetingId"), meeting).await?;
        let (listed_set, existing_set): (HashSet<_>, HashSet<_>) =
            (listed.iter().collect(), existing.iter().collect());
        let without = |from: &[i64], others: &HashSet<&i64>| -> Vec<i64> {
            let left = from.iter().filter(|employee| !others.contains(employee));
            left.copied().collect()
        };
        let removed = without(&existing, &listed_set);
        let added = without(&listed, &existing_set);
        let links = |employees: &[i64]| -> Vec<_> {
            employees
                .iter()
                .map(|employee| (*employee, meeting))
                .collect()
        };
        change_attendance(write, &links(&removed), &links(&added)).await?;
        Ok(Attended {
            meeting,
            added,
            removed,
        })
    }
}

/// Returns the keys of the attendees of a meeting. Refuses at `place` if there are too many.
pub async fn attendees(
    write: &mut Write<'_>,
    place: Place,
    meeting: i64,
) -> Result<Vec<i64>, Abort<()>> {
    let employees = employee_meeting::Entity::find()
        .select_only()
        .column(employee_meeting::Column::EmployeeId)
        .filter(employee_meeting::Column::MeetingId.eq(meeting))
        .order_by_asc(employee_meeting::Column::EmployeeId)
        .limit(write.row_limit())
        .into_tuple()
        .all(write.transaction())
        .await?;
    write.check_rows(place, employees.len(), "attendees")?;
    Ok(employees)
}

/// Deletes existing links and inserts missing ones, each an (employee, meeting). The meetings are
/// locked.
pub async fn change_attendance(
    write: &mut Write<'_>,
    removed: &[(i64, i64)],
    added: &[(i64, i64)],
) -> Result<(), DbErr> {
    use employee_meeting::Column::{EmployeeId, MeetingId};
    let touched = removed.iter().chain(added).map(|(_, meeting)| *meeting);
    let touched: BTreeSet<i64> = touched.collect();
    for meeting in &touched {
        let of_meeting = removed.iter().filter(|(_, of)| of == meeting);
        let employees: Vec<i64> = of_meeting.map(|(employee, _)| *employee).collect();
        if !employees.is_empty() {
            employee_meeting::Entity::delete_many()
                .filter(MeetingId.eq(*meeting))
                .filter(write.among(column(EmployeeId), &employees))
                .exec(write.transaction())
                .await?;
        }
    }
    for (employee, meeting) in removed {
        write.record(NewChange::attendance(Kind::Deleted, *employee, *meeting));
    }
    insert_links(write, added).await?;
    let touched: Vec<i64> = touched.into_iter().collect();
    grow_versions(write, &touched).await
}

/// Inserts links, each an (employee, meeting).
pub async fn insert_links(write: &mut Write<'_>, links: &[(i64, i64)]) -> Result<(), DbErr> {
    for chunk in links.chunks(LINKS_AT_ONCE) {
        let rows = chunk
            .iter()
            .map(|(employee, meeting)| employee_meeting::ActiveModel {
                employee_id: Set(*employee),
                meeting_id: Set(*meeting),
            });
        employee_meeting::Entity::insert_many(rows)
            .exec_without_returning(write.transaction())
            .await?;
    }
    for (employee, meeting) in links {
        write.record(NewChange::attendance(Kind::Created, *employee, *meeting));
    }
    Ok(())
}

/// Statement that adds one to the version of meetings whose attendees change.
pub fn more_versions(write: &Write<'_>, meetings: &[i64]) -> UpdateMany<meeting::Entity> {
    let version = meeting::Column::Version;
    meeting::Entity::update_many()
        .col_expr(version, column(version).add(1))
        .filter(write.among(column(meeting::Column::Id), meetings))
}

/// Adds one to the version of meetings whose attendees have changed.
async fn grow_versions(write: &mut Write<'_>, meetings: &[i64]) -> Result<(), DbErr> {
    if meetings.is_empty() {
        return Ok(());
    }
    let rows = more_versions(write, meetings)
        .exec_with_returning(write.transaction())
        .await?;
    write.know::<Meeting>(&rows);
    Ok(())
}
