//! Meetings.

use sea_level::{
    DateTime, DateTimeFilter, ListFilter, Node, PublicId, Record, Source, StringFilter, Text,
    filter, object, order,
};

use crate::{
    employee::{Employee, EmployeeFilter},
    entity::meeting,
};

/// An appointment that employees attend.
#[derive(Clone, Node)]
#[node(
    entity = meeting,
    columns(id, topic, scheduled_time, location),
    prefix = "mtg_",
    sorted_by(scheduled_time),
    filter = MeetingFilter,
    order = MeetingOrder,
    connection = "A page of meetings.",
    edge = "One meeting in a page."
)]
pub struct Meeting(Record<Meeting>);

#[object]
impl Meeting {
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Meeting::PREFIX, self.0.id)
    }

    #[column]
    async fn topic(&self) -> Text<'_> {
        Text(&self.0.topic)
    }

    #[column]
    async fn scheduled_time(&self) -> DateTime {
        DateTime(self.0.scheduled_time)
    }

    #[column]
    async fn location(&self) -> Option<Text<'_>> {
        self.0.location.as_deref().map(Text)
    }

    /// Employees who attend this meeting.
    #[connection(filter = "Keep only employees that match.", order = "Default: name.")]
    fn employees(&self) -> Source<Employee> {
        Source::linked::<meeting::Entity>("Meeting.employees")
    }
}

#[filter(of = Meeting)]
pub struct MeetingFilter {
    topic: StringFilter,
    scheduled_time: DateTimeFilter,
    #[many]
    employees: ListFilter<EmployeeFilter>,
}

#[order(MeetingOrder, of = Meeting, description = "One sort key for meetings.")]
pub enum MeetingOrderField {
    Topic,
    ScheduledTime,
}
