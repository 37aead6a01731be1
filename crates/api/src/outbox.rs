//! Outbox: the rows of `changes`, written in the transaction of the change.
//!
//! The number of a row is the order of commit. On PostgreSQL numbers are given under one lock that is held
//! until the commit; SQLite has one writer. The table is never empty: its first row marks the start.

use std::sync::Arc;

use chrono::Utc;
use entity::change::{Kind, Subject};
use sea_level::{
    Transaction,
    auth::Viewer,
    write::{EventLog, WriteKind},
};
use sea_orm::{ActiveEnum, ConnectionTrait, DbBackend, DbErr, Statement};
use serde_json::json;
use tokio::sync::Notify;

/// Channel that each commit notifies on PostgreSQL.
pub const CHANNEL: &str = "roster_changes";

/// The one lock of the feed on PostgreSQL. "feedlock" in ASCII.
const LOCK: &str = "pg_advisory_xact_lock(x'666565646c6f636b'::bigint)";

/// Columns of `changes` that a change gives.
const COLUMNS: &str =
    "occurred_at, actor, subject, kind, employee_id, meeting_id, project_id, assignment_id";

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
    employee: Option<K>,
    meeting: Option<K>,
    project: Option<K>,
    assignment: Option<K>,
}

impl<K> NewChange<K> {
    fn of(subject: Subject, kind: Kind) -> Self {
        Self {
            subject,
            kind,
            employee: None,
            meeting: None,
            project: None,
            assignment: None,
        }
    }

    /// Change of an employee.
    pub fn employee(kind: Kind, id: K) -> Self {
        Self {
            employee: Some(id),
            ..Self::of(Subject::Employee, kind)
        }
    }

    /// Change of a meeting itself.
    pub fn meeting(kind: Kind, id: K) -> Self {
        Self {
            meeting: Some(id),
            ..Self::of(Subject::Meeting, kind)
        }
    }

    /// Change of a project.
    pub fn project(kind: Kind, id: K) -> Self {
        Self {
            project: Some(id),
            ..Self::of(Subject::Project, kind)
        }
    }

    /// Change of an assignment.
    pub fn assignment(kind: Kind, id: K, employee: K, project: K) -> Self {
        Self {
            assignment: Some(id),
            employee: Some(employee),
            project: Some(project),
            ..Self::of(Subject::Assignment, kind)
        }
    }

    /// Change of a link between an employee and a meeting.
    pub fn attendance(kind: Kind, employee: K, meeting: K) -> Self {
        Self {
            employee: Some(employee),
            meeting: Some(meeting),
            ..Self::of(Subject::Attendance, kind)
        }
    }
}

impl NewChange<&'static str> {
    /// Appends the change in the statement that writes the row: see
    /// [`append_sql`](sea_level::write::WritableNode::append_sql).
    pub fn append_sql(&self, actor: &str) -> String {
        let key = |column: Option<&'static str>| column.unwrap_or("NULL::bigint");
        format!(
            "locked AS MATERIALIZED (SELECT written.*, {LOCK} FROM written), \
             logged AS (INSERT INTO changes ({COLUMNS}) \
             SELECT clock_timestamp(), {actor}, '{}', '{}', {}, {}, {}, {} FROM locked RETURNING seq), \
             appended AS (SELECT pg_notify('{CHANNEL}', '') FROM logged)",
            self.subject.to_value(),
            self.kind.to_value(),
            key(self.employee),
            key(self.meeting),
            key(self.project),
            key(self.assignment)
        )
    }
}

async fn append_batch(
    changes: &[NewChange],
    actor: Option<&str>,
    transaction: &Transaction,
) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    let values: Vec<_> = changes
        .iter()
        .map(|change| {
            json!([
                change.subject.to_value(),
                change.kind.to_value(),
                change.employee,
                change.meeting,
                change.project,
                change.assignment
            ])
        })
        .collect();
    let values = serde_json::Value::Array(values).to_string();
    let statement = match backend {
        DbBackend::Sqlite => Statement::from_sql_and_values(
            backend,
            format!(
                "INSERT INTO changes ({COLUMNS}) \
                 SELECT ?, ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
                 FROM json_each(?) ORDER BY key"
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
                "WITH l AS MATERIALIZED (SELECT {LOCK}), i AS (INSERT INTO changes ({COLUMNS}) \
                     SELECT clock_timestamp(), $2, v ->> 0, v ->> 1, (v ->> 2)::bigint, \
                     (v ->> 3)::bigint, (v ->> 4)::bigint, (v ->> 5)::bigint \
                     FROM l CROSS JOIN json_array_elements($1::json) WITH ORDINALITY AS c (v, n) \
                     ORDER BY n RETURNING seq) \
                     SELECT pg_notify('{CHANNEL}', '') FROM i LIMIT 1"
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
