//! Mutations of meetings.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object};
use entity::{change::Kind, meeting};
use sea_level::{
    DateTime, Node, ObjectOutput, Result, find_object,
    scalar::public_id,
    write::{Abort, WritableNode, WriteKind},
};
use sea_orm::ActiveValue::Set;

use super::attendance::{attendees, insert_links};
use crate::{
    employee::Employee,
    meeting::Meeting,
    outbox::{self, NewChange, Outbox},
    user_error::{Place, UserError},
    write::{InputMutation, Outcome, Write, is_empty, keys, mutate, refusal},
};

impl WritableNode<Outbox> for Meeting {
    const FOLDED: &'static [meeting::Column] = &[meeting::Column::Topic, meeting::Column::Location];

    fn version(model: &mut meeting::Model) -> &mut i32 {
        &mut model.version
    }

    fn event(kind: WriteKind, model: &meeting::Model) -> NewChange {
        NewChange::meeting(outbox::kind(kind), model.id)
    }

    fn append_sql(kind: WriteKind, actor: &str) -> Option<String> {
        Some(NewChange::meeting(outbox::kind(kind), "id").append_sql(actor))
    }
}

/// A meeting to add.
#[derive(InputObject)]
pub struct CreateMeetingInput {
    /// Topic, 1 to 200 characters.
    topic: String,
    /// Start.
    scheduled_time: DateTime,
    /// Location, 1 to 200 characters.
    location: Option<String>,
    /// Employees who attend. At most 100.
    employee_ids: Option<Vec<ID>>,
}

/// What to change in a meeting. Fields left out stay as they are.
#[derive(InputObject)]
pub struct UpdateMeetingInput {
    /// Which meeting.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// New topic.
    topic: MaybeUndefined<String>,
    /// New start.
    scheduled_time: MaybeUndefined<DateTime>,
    /// New location; null clears it.
    location: MaybeUndefined<String>,
}

/// Which meeting to delete.
#[derive(InputObject)]
pub struct DeleteMeetingInput {
    /// Which meeting.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
}

/// The outcome of `createMeeting`.
#[derive(Description)]
pub struct CreateMeetingPayload(Outcome<i64>);

#[Object(use_type_description)]
impl CreateMeetingPayload {
    /// The new meeting; null when refused.
    async fn meeting(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Meeting>>> {
        find_object::<Meeting>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `updateMeeting`.
#[derive(Description)]
pub struct UpdateMeetingPayload(Outcome<i64>);

#[Object(use_type_description)]
impl UpdateMeetingPayload {
    /// The meeting as it now is; null when refused.
    async fn meeting(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Meeting>>> {
        find_object::<Meeting>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `deleteMeeting`.
#[derive(Description)]
pub struct DeleteMeetingPayload(Outcome<ID>);

#[Object(use_type_description)]
impl DeleteMeetingPayload {
    /// Id of what was deleted; null when refused.
    async fn deleted_id(&self) -> Option<&ID> {
        self.0.as_ref().ok()
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// Mutations of meetings.
#[derive(Default)]
pub struct MeetingMutations;

/// Mutations of meetings.
#[Object]
impl MeetingMutations {
    /// Add a meeting, optionally with the employees who attend, all or nothing.
    async fn create_meeting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to create.")] input: CreateMeetingInput,
    ) -> Result<CreateMeetingPayload> {
        mutate(ctx, input).await.map(CreateMeetingPayload)
    }

    /// Change a meeting. Only the fields you give change.
    async fn update_meeting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateMeetingInput,
    ) -> Result<UpdateMeetingPayload> {
        mutate(ctx, input).await.map(UpdateMeetingPayload)
    }

    /// Delete a meeting and its links to employees.
    async fn delete_meeting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteMeetingInput,
    ) -> Result<DeleteMeetingPayload> {
        mutate(ctx, input).await.map(DeleteMeetingPayload)
    }
}

impl InputMutation for CreateMeetingInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        is_empty(self.employee_ids.as_ref())
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let topic = write.text(input.at("topic"), &self.topic, 200);
        let location = write.optional_text(input.at("location"), self.location.as_ref(), 200);
        let place = input.at("employeeIds");
        let ids = self.employee_ids.as_deref().unwrap_or_default();
        let employees = write.ids::<Employee>(place, ids, 0..=100);
        write.lock_all::<Employee>(&employees).await?;
        write.ensure_valid()?;

        let row = meeting::ActiveModel {
            topic: Set(topic),
            scheduled_time: Set(self.scheduled_time.0),
            location: Set(location),
            ..Default::default()
        };
        let meeting = write.insert::<Meeting>(row).await?.id;
        let links: Vec<_> = keys(&employees)
            .into_iter()
            .map(|employee| (employee, meeting))
            .collect();
        // The version of a new meeting is 1, with its attendees.
        insert_links(write, &links).await?;
        Ok(meeting)
    }
}

impl InputMutation for UpdateMeetingInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        true
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let before = write
            .lock_subject::<Meeting>(&self.id, self.expected_version)
            .await?;
        let topic = write.given_text(input.at("topic"), &self.topic, 200);
        let time = write.given(input.at("scheduledTime"), &self.scheduled_time);
        let location = self.location.as_opt_ref();
        let location =
            location.map(|location| write.optional_text(input.at("location"), location, 200));
        write.ensure_valid()?;

        let before = before.ok_or(Abort::Refused(()))?;
        let mut after = before.clone();
        if let Some(topic) = topic {
            after.topic = topic;
        }
        if let Some(time) = time {
            after.scheduled_time = time.0;
        }
        if let Some(location) = location {
            after.location = location;
        }
        write.update::<Meeting>(&before, after).await?;
        Ok(before.id)
    }
}

impl InputMutation for DeleteMeetingInput {
    type Done = ID;

    async fn run(&self, write: &mut Write<'_>) -> Result<ID, Abort<()>> {
        let meeting = write
            .lock_subject::<Meeting>(&self.id, self.expected_version)
            .await?;
        write.ensure_valid()?;

        let meeting = meeting.ok_or(Abort::Refused(()))?;
        for employee in attendees(write, Place::input().at("id"), meeting.id).await? {
            write.record(NewChange::attendance(Kind::Deleted, employee, meeting.id));
        }
        // The foreign key deletes the links.
        write
            .delete::<Meeting>(std::slice::from_ref(&meeting))
            .await?;
        Ok(public_id(Meeting::PREFIX, meeting.id))
    }
}
