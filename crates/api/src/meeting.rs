//! Meetings.

use entity::{employee, meeting};

use sea_level::{
    DateTime, DateTimeFilter, ListFilter, Node, PublicId, Record, SortExpr, Source, StringFilter,
    Text, filter, object, order,
};

use crate::employee::{Employee, EmployeeFilter};

/// A meeting that employees attend.
#[derive(Clone, Node)]
#[node(
    entity = meeting,
    columns(id, topic, scheduled_time, location, version),
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
    /// Globally unique id, `mtg_…`.
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Meeting::PREFIX, self.0.id)
    }

    /// What the meeting is about.
    #[column]
    async fn topic(&self) -> Text<'_> {
        Text(&self.0.topic)
    }

    /// When it starts.
    #[column]
    async fn scheduled_time(&self) -> DateTime {
        DateTime(self.0.scheduled_time)
    }

    /// Where it takes place, when known.
    #[column]
    async fn location(&self) -> Option<Text<'_>> {
        self.0.location.as_deref().map(Text)
    }

    /// Row version, for `expectedVersion` in mutations. Starts at 1; grows by one in every mutation that changes the meeting or who attends it (createEmployee with meetings and deleteEmployee too); attendance makes ATTENDANCE events only, no MEETING event.
    #[column]
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Employees who attend. Each employee appears once.
    #[connection(
        filter = "Keep only employees that match.",
        order = "Sort keys, most significant first. Default: name ascending."
    )]
    fn employees(&self) -> Source<Employee> {
        Source::linked::<meeting::Entity>("Meeting.employees")
    }
}

/// Which meetings. Everything given must hold; an empty filter matches all; a null inside is an error.
#[filter(of = Meeting)]
pub struct MeetingFilter {
    /// By topic.
    topic: StringFilter,
    /// By start.
    scheduled_time: DateTimeFilter,
    /// By location.
    location: StringFilter,
    /// By employees attending.
    #[many]
    employees: ListFilter<EmployeeFilter>,
}

/// What meetings can be sorted by.
#[order(
    MeetingOrder,
    of = Meeting,
    description = "One sort key for meetings.",
    nulls = "Where nulls go (only LOCATION has any)."
)]
pub enum MeetingOrderField {
    /// Oldest record first.
    Id,
    /// Topic.
    Topic,
    /// Start.
    ScheduledTime,
    /// Location.
    Location,
    /// Number of employees attending.
    #[by(SortExpr::count::<employee::Entity>)]
    EmployeeCount,
}
