//! Outbox: the rows of `changes`, written in the transaction of the change.
//!
//! The number of a row is the order of commit. On PostgreSQL numbers are given under one lock that is held
//! until the commit; SQLite has one writer. The table is never empty: its first row marks the start.

use std::sync::{Arc, LazyLock};

use chrono::Utc;
use entity::change::{Column, KEYS, Kind, Subject};
use sea_level::{
    Transaction,
    auth::Viewer,
    write::{EventLog, WriteKind},
};
use sea_orm::{ActiveEnum, ConnectionTrait, DbBackend, DbErr, IdenStatic, Statement};
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

/// Channel that each commit notifies on PostgreSQL.
pub const CHANNEL: &str = "roster_changes";

/// The one lock of the feed on PostgreSQL. "feedlock" in ASCII.
const LOCK: &str = "pg_advisory_xact_lock(x'666565646c6f636b'::bigint)";

/// Columns of `changes` that a change gives.
static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let keys = KEYS.map(|column| column.as_str()).join(", ");
    format!("occurred_at, actor, subject, kind, {keys}")
});

/// Changes of one statement at most, which bounds the memory for their text.
const APPENDED_AT_ONCE: usize = 5_000;

/// Outbox of this server. All clones are one.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Notify>);

impl Outbox {
    /// Waits for the next commit since the last wait.
    pub async fn committed(&self) {
        self.0.notified().await;
    }
}

impl EventLog for Outbox {
    type Event = NewChange;

    /// On PostgreSQL the statements take the one lock of the feed, after all row locks.
    async fn append(
        changes: &[NewChange],
        viewer: &Viewer,
        transaction: &Transaction,
    ) -> Result<(), DbErr> {
        for batch in changes.chunks(APPENDED_AT_ONCE) {
            append_batch(batch, viewer.subject.as_deref(), transaction).await?;
        }
        Ok(())
    }

    fn wake(&self) {
        self.0.notify_one();
    }
}

/// Change to append. Keys are numbers, or columns of the row that the statement itself writes.
#[derive(Clone, Copy)]
pub struct NewChange<K = i64> {
    subject: Subject,
    kind: Kind,
    /// What the change touches, in the order of [`KEYS`].
    keys: [Option<K>; KEYS.len()],
}

impl<K: Copy> NewChange<K> {
    fn of(subject: Subject, kind: Kind, touched: &[(Column, K)]) -> Self {
        let keys = KEYS.map(|column| {
            let mut touched = touched.iter();
            let (_, key) = touched.find(|(touched, _)| touched.as_str() == column.as_str())?;
            Some(*key)
        });
        debug_assert_eq!(
            keys.iter().flatten().count(),
            touched.len(),
            "a column is missing in `KEYS`"
        );
        Self {
            subject,
            kind,
            keys,
        }
    }

    /// Change of an employee.
    pub fn employee(kind: Kind, id: K) -> Self {
        Self::of(Subject::Employee, kind, &[(Column::EmployeeId, id)])
    }

    /// Change of a meeting itself.
    pub fn meeting(kind: Kind, id: K) -> Self {
        Self::of(Subject::Meeting, kind, &[(Column::MeetingId, id)])
    }

    /// Change of a project.
    pub fn project(kind: Kind, id: K) -> Self {
        Self::of(Subject::Project, kind, &[(Column::ProjectId, id)])
    }

    /// Change of an assignment.
    pub fn assignment(kind: Kind, id: K, employee: K, project: K) -> Self {
        let touched = [
            (Column::AssignmentId, id),
            (Column::EmployeeId, employee),
            (Column::ProjectId, project),
        ];
        Self::of(Subject::Assignment, kind, &touched)
    }

    /// Change of a link between an employee and a meeting.
    pub fn attendance(kind: Kind, employee: K, meeting: K) -> Self {
        let touched = [(Column::EmployeeId, employee), (Column::MeetingId, meeting)];
        Self::of(Subject::Attendance, kind, &touched)
    }
}

impl NewChange<&'static str> {
    /// Appends the change in the statement that writes the row: see
    /// [`append_sql`](sea_level::write::WritableNode::append_sql).
    pub fn append_sql(&self, actor: &str) -> String {
        let keys = self.keys.map(|column| column.unwrap_or("NULL::bigint"));
        format!(
            "locked AS MATERIALIZED (SELECT written.*, {LOCK} FROM written), \
             logged AS (INSERT INTO changes ({}) \
             SELECT clock_timestamp(), {actor}, '{}', '{}', {} FROM locked RETURNING seq), \
             appended AS (SELECT pg_notify('{CHANNEL}', '') FROM logged)",
            *COLUMNS,
            self.subject.to_value(),
            self.kind.to_value(),
            keys.join(", ")
        )
    }
}

async fn append_batch(
    changes: &[NewChange],
    actor: Option<&str>,
    transaction: &Transaction,
) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    let values = changes.iter().map(|change| {
        let labels = [
            json!(change.subject.to_value()),
            json!(change.kind.to_value()),
        ];
        let keys = change.keys.map(|key| json!(key));
        labels.into_iter().chain(keys).collect::<Json>()
    });
    let values = values.collect::<Json>().to_string();
    let places = |key: fn(usize) -> String| {
        let places = (2..2 + KEYS.len()).map(key);
        places.collect::<Vec<_>>().join(", ")
    };
    let columns = &*COLUMNS;
    let statement = match backend {
        DbBackend::Sqlite => Statement::from_sql_and_values(
            backend,
            format!(
                "INSERT INTO changes ({columns}) \
                 SELECT ?, ?, value ->> 0, value ->> 1, {} \
                 FROM json_each(?) ORDER BY key",
                places(|place| format!("value ->> {place}"))
            ),
            [
                chrono::SubsecRound::trunc_subsecs(Utc::now(), 6).into(),
                actor.into(),
                values.into(),
            ],
        ),
        // The database's clock, which all servers share.
        _ => Statement::from_sql_and_values(
            backend,
            format!(
                "WITH l AS MATERIALIZED (SELECT {LOCK}), i AS (INSERT INTO changes ({columns}) \
                     SELECT clock_timestamp(), $2, v ->> 0, v ->> 1, {} \
                     FROM l CROSS JOIN json_array_elements($1::json) WITH ORDINALITY AS c (v, n) \
                     ORDER BY n RETURNING seq) \
                     SELECT pg_notify('{CHANNEL}', '') FROM i LIMIT 1",
                places(|place| format!("(v ->> {place})::bigint"))
            ),
            [values.into(), actor.into()],
        ),
    };
    transaction.execute_raw(statement).await?;
    Ok(())
}

/// Converts the engine's kind of change.
pub fn kind(kind: WriteKind) -> Kind {
    match kind {
        WriteKind::Created => Kind::Created,
        WriteKind::Updated => Kind::Updated,
        WriteKind::Deleted => Kind::Deleted,
    }
}
