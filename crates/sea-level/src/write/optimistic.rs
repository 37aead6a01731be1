//! Optimistic locking on PostgreSQL, for mutations that write one row.
//!
//! The mutation reads its rows without locks. Its write is one statement, which locks these rows, requires
//! that none has changed since, writes, and appends the event: two round trips instead of five, with locks
//! held for one of them. If a row has changed, nothing is written, and the mutation starts over in a
//! transaction. A refusal is that of an unlocked read: as current as the answer to a query.

use sea_orm::{DbErr, QueryResult, Statement, Value, sea_query::Expr};

use super::{EventLog, WritableNode, Write, WriteKind, attempt::is_retryable};
use crate::error::database_code;

/// State of a mutation that was begun without a transaction.
#[derive(Default)]
pub(super) struct Optimistic {
    /// Rows that were read, in the order of locks.
    pub(super) guards: Vec<Guard>,
    /// Subject of the viewer.
    pub(super) actor: Option<String>,
    /// True from the moment when the write may have taken effect.
    pub(super) may_be_written: bool,
}

/// Row that was read, and must be unchanged when the mutation writes.
pub(super) struct Guard {
    pub(super) table: &'static str,
    /// Name of the primary key.
    pub(super) id: &'static str,
    pub(super) key: i64,
    /// PostgreSQL's `xmin`, which each version of a row has of its own.
    pub(super) version: String,
}

impl Optimistic {
    /// Returns the guards as parts of a WITH clause, each of which locks its row after the one before. Their
    /// parameters begin with this number.
    fn with_clause(&self, mut parameter: usize) -> String {
        let mut clause = String::new();
        for (number, Guard { table, id, .. }) in self.guards.iter().enumerate() {
            let after = match number {
                0 => String::new(),
                _ => format!(" AND EXISTS (SELECT FROM guard_{})", number - 1),
            };
            clause += &format!(
                "guard_{number} AS MATERIALIZED (SELECT FROM {table} WHERE {id} = ${parameter} \
                 AND xmin::text = ${}{after} FOR UPDATE), ",
                parameter + 1
            );
            parameter += 2;
        }
        clause
    }
}

impl<L: EventLog> Write<L> {
    /// Sends the statement that writes a row of `N`. `write` builds it, with a condition where rows must be
    /// unchanged: then it returns the row's columns. Returns the row, if the statement returns one.
    pub(super) async fn write_row<N: WritableNode<L>>(
        &mut self,
        kind: WriteKind,
        name: &str,
        mut values: Vec<Value>,
        write: impl FnOnce(Option<Expr>) -> Statement,
    ) -> Result<Option<QueryResult>, DbErr> {
        let Some(optimistic) = &self.optimistic else {
            let statement = self.statement(name, values, || write(None));
            return self.transaction.query_row(statement).await;
        };
        if optimistic.may_be_written {
            return Err(DbErr::Custom("it has written a row already".to_owned()));
        }
        let parameter = values.len() + 1;
        let Some(append) = N::append_sql(kind, &format!("${parameter}")) else {
            return Err(restart());
        };
        let mut name = format!("{name}, guarded by");
        values.push(optimistic.actor.clone().into());
        for guard in &optimistic.guards {
            name = name + " " + guard.table;
            values.extend([guard.key.into(), guard.version.clone().into()]);
        }
        let statement = self.statement(&name, values, || {
            let last = optimistic.guards.len().checked_sub(1);
            let unchanged =
                last.map(|last| Expr::cust(format!("EXISTS (SELECT FROM guard_{last})")));
            let sql = format!(
                "WITH {}written AS ({}), {append} SELECT * FROM written CROSS JOIN appended",
                optimistic.with_clause(parameter + 1),
                write(unchanged).sql
            );
            Statement::from_string(self.backend(), sql)
        });
        if optimistic.guards.is_empty() {
            // Nothing was read, which would have found a dead connection.
            self.transaction.ping().await?;
        }
        let row = self.transaction.query_row(statement).await;
        if let Some(optimistic) = &mut self.optimistic {
            optimistic.may_be_written = match &row {
                Ok(row) => row.is_some(),
                Err(error) => !is_undone(error),
            };
        }
        row?.ok_or_else(restart).map(Some)
    }
}

/// Error that makes a mutation start over in a transaction.
fn restart() -> DbErr {
    DbErr::Custom("a row has changed".to_owned())
}

/// True if the statement has written nothing, and may succeed in a transaction: after a conflict, and in a session
/// that is read-only, which one of a former primary is, or of a role whose transactions are by default.
fn is_undone(error: &DbErr) -> bool {
    is_retryable(error) || database_code(error).as_deref() == Some("25006")
}
