//! Meetings.

use entity::{employee, meeting};

use sea_level::{
    ColumnSet, Comparison, DateTime, DateTimeFilter, ListFilter, Node, PublicId, Record,
    RecordBatch, SortExpr, SortKey, Source, StringFilter, Text, column, filter, many, object,
    order, row,
};

use crate::employee::{Employee, EmployeeFilter};

/// A meeting that employees attend.
#[derive(Clone)]
pub struct Meeting(Record<Meeting>);

impl From<Record<Meeting>> for Meeting {
    fn from(found: Record<Meeting>) -> Self {
        Self(found)
    }
}

row!(Meeting => meeting::Model {
    id,
    topic,
    scheduled_time,
    location,
    version,
});

impl Node for Meeting {
    type Entity = meeting::Entity;

    const NAME: &'static str = "meeting";
    const CONNECTION: &'static str = "A page of meetings.";
    const EDGE: &'static str = "One meeting in a page.";
    const PREFIX: &'static str = "mtg_";
    const ORDER: &'static [SortKey<Self::Entity>] = &[SortKey::ascending("ScheduledTime", |_| {
        SortExpr::Column(meeting::Column::ScheduledTime)
    })];
    type Filter = MeetingFilter;
    type Order = MeetingOrder;
    type ListRow = Self;
    type Preloaded = ();

    fn key(model: &meeting::Model) -> i64 {
        model.id
    }

    fn batch(rows: Vec<meeting::Model>, _: ColumnSet) -> RecordBatch<Self> {
        rows.into()
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
        employees -> Employee => Source::linked::<meeting::Entity>("Meeting.employees"),
        where "Keep only employees that match.",
        order by "Sort keys, most significant first. Default: name ascending.";
    }

    /// Globally unique id, `mtg_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(Meeting::PREFIX, self.0.id)
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

filter! {
    /// Which meetings. Everything given must hold; an empty filter matches all; a null inside is an error.
    MeetingFilter of Meeting {
        /// By topic.
        topic: StringFilter => |topic, context| topic.on(meeting::Column::Topic, context),
        /// By start.
        scheduled_time: DateTimeFilter => |time, context| time.on(column(meeting::Column::ScheduledTime), context),
        /// By location.
        location: StringFilter => |location, context| location.on(meeting::Column::Location, context),
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
        Id => |_| SortExpr::Column(meeting::Column::Id),
        /// Topic.
        Topic => |_| SortExpr::Column(meeting::Column::Topic),
        /// Start.
        ScheduledTime => |_| SortExpr::Column(meeting::Column::ScheduledTime),
        /// Location.
        Location => |_| SortExpr::Column(meeting::Column::Location),
        /// Number of employees attending.
        EmployeeCount => SortExpr::count::<employee::Entity>,
    }
    /// Where nulls go (only LOCATION has any).
    nulls
}
