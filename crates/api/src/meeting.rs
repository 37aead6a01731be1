//! All that GraphQL says about meetings.

mod mutations;

use entity::{employee, meeting};

use crate::{
    columns::ColumnSet,
    connection::{connection, edge, object},
    context::{Found, Loaded, Record},
    employee::{EmployeeConnection, EmployeeFilter, EmployeeOrder},
    filter::{Comparison, DateTimeFilter, ListFilter, StringFilter, column, filter, many},
    order::{By, SortKey, order},
    page::Source,
    rows::row,
    scalar::{DateTime, PublicId, Text},
};

pub use mutations::*;

/// A meeting that employees attend.
#[derive(Clone)]
pub struct Meeting(Found<meeting::Entity>);

impl From<Found<meeting::Entity>> for Meeting {
    fn from(found: Found<meeting::Entity>) -> Self {
        Self(found)
    }
}

row!(meeting::Model {
    id,
    topic,
    scheduled_time,
    location,
    version,
});

impl Record for meeting::Entity {
    const PREFIX: &'static str = "mtg_";
    const ID: meeting::Column = meeting::Column::Id;
    const ORDER: &'static [SortKey<Self>] = &[SortKey::ascending("ScheduledTime", |_| {
        By::Column(meeting::Column::ScheduledTime)
    })];
    type Object = Meeting;
    type Listed = meeting::Model;
    type Beside = ();

    fn key(model: &meeting::Model) -> i64 {
        model.id
    }

    fn loaded(listed: Vec<meeting::Model>, _: ColumnSet) -> Loaded<Self> {
        listed.into()
    }
}

impl Meeting {
    fn key(&self) -> i64 {
        self.0.key()
    }
}

object! {
    /// A meeting that employees attend.
    Meeting {
        /// Employees who attend. Each employee appears once.
        employees -> EmployeeConnection from Source::linked::<meeting::Entity>("Meeting.employees"),
        where EmployeeFilter: "Keep only employees that match.",
        order by EmployeeOrder: "Sort keys, most significant first. Default: name ascending.";
    }

    /// Globally unique id, `mtg_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(meeting::Entity::PREFIX, self.0.id)
    }

    /// What the meeting is about.
    async fn topic(&self) -> Text<'_> {
        Text(&self.0.topic)
    }

    /// When it starts.
    async fn scheduled_time(&self) -> DateTime {
        DateTime(self.0.scheduled_time)
    }

    /// Where it takes place, when known.
    async fn location(&self) -> Option<Text<'_>> {
        self.0.location.as_deref().map(Text)
    }

    /// Row version, for `expectedVersion` in mutations. Starts at 1; grows by one in every mutation that changes the meeting or who attends it (createEmployee with meetings and deleteEmployee too); attendance makes ATTENDANCE events only, no MEETING event.
    async fn version(&self) -> i32 {
        self.0.version
    }
}

connection! {
    /// A page of meetings.
    MeetingConnection of MeetingEdge, Meeting, MeetingFilter {}
}

edge! {
    /// One meeting in a page.
    MeetingEdge of Meeting, MeetingFilter
}

filter! {
    /// Which meetings. Everything given must hold; an empty filter matches all; a null inside is an error.
    MeetingFilter of meeting::Entity {
        /// By topic.
        topic: StringFilter => |topic, reading| topic.on(meeting::Column::Topic, reading),
        /// By start.
        scheduled_time: DateTimeFilter => |time, reading| time.on(column(meeting::Column::ScheduledTime), reading),
        /// By location.
        location: StringFilter => |location, reading| location.on(meeting::Column::Location, reading),
        /// By employees attending.
        employees: ListFilter<EmployeeFilter> => many::<meeting::Entity, _>,
    }
}

order! {
    /// One sort key for meetings.
    MeetingOrder of meeting::Entity,
    /// What meetings can be sorted by.
    MeetingOrderField {
        /// Oldest record first.
        Id => |_| By::Column(meeting::Column::Id),
        /// Topic.
        Topic => |_| By::Column(meeting::Column::Topic),
        /// Start.
        ScheduledTime => |_| By::Column(meeting::Column::ScheduledTime),
        /// Location.
        Location => |_| By::Column(meeting::Column::Location),
        /// Number of employees attending.
        EmployeeCount => By::count::<employee::Entity>,
    }
    /// Where nulls go (only LOCATION has any).
    nulls
}
