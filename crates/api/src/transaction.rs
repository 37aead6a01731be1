//! Transactions that write, on connections that are lent to one after the other. To SeaORM a
//! [`Transaction`] is a connection.

use std::{convert::Infallible, fmt, time::Duration};

use async_graphql::async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, SqlxError, Statement,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Connection as _, Executor, Pool, Postgres, Sqlite},
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use crate::{
    kept::SharedKept,
    lending::{Borrowed, Connections},
};

/// How many bytes of SQL are kept, to be sent again with other values.
const WRITTEN: usize = 1 << 16;

/// What all transactions are made on. All clones are one.
#[derive(Clone)]
pub struct Transactions {
    connections: Connections,
    written: SharedKept<String>,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transactions")
    }
}

impl Transactions {
    /// On the only connection of the pool; a transaction is stopped after this time.
    pub fn sqlite(pool: Pool<Sqlite>, deadline: Option<Duration>) -> Self {
        Connections::sqlite(pool, 1, deadline).into()
    }

    /// On so many connections of the pool, which others use too.
    pub fn postgres(pool: Pool<Postgres>, most: u32) -> Self {
        Connections::postgres(pool, most).into()
    }

    /// A connection for one transaction.
    pub async fn connection(&self) -> Result<Connection<'_>, DbErr> {
        Ok(match &self.connections {
            Connections::Sqlite(lending) => Connection::Sqlite(lending.borrow().await?),
            Connections::Postgres(lending) => Connection::Postgres(lending.borrow().await?),
        })
    }

    /// The SQL of this name, which depends on nothing else; written when it is not known yet.
    pub fn written(&self, name: &str, write: impl FnOnce() -> String) -> String {
        let write = || Ok::<_, Infallible>(write());
        let Ok(sql) = self.written.get_or_make(name, String::len, write);
        sql
    }

    /// How many connections the pool has, and how many of them do nothing.
    pub fn size(&self) -> (u32, usize) {
        self.connections.size()
    }

    /// Gives every connection back and closes the pool.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

impl From<Connections> for Transactions {
    fn from(connections: Connections) -> Self {
        Self {
            connections,
            written: SharedKept::new(WRITTEN),
        }
    }
}

/// A connection that is lent to a transaction.
pub enum Connection<'l> {
    /// Of SQLite.
    Sqlite(Borrowed<'l, Sqlite>),
    /// Of PostgreSQL.
    Postgres(Borrowed<'l, Postgres>),
}

impl Connection<'_> {
    /// Begins; on SQLite it waits here until nobody else writes.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, DbErr> {
        let (backend, begun) = match self {
            Self::Sqlite(borrowed) => {
                let begun = borrowed.lent.connection.begin_with("BEGIN IMMEDIATE");
                (DbBackend::Sqlite, begun.await.map(Begun::Sqlite))
            }
            Self::Postgres(borrowed) => {
                let begun = borrowed.lent.connection.begin();
                (DbBackend::Postgres, begun.await.map(Begun::Postgres))
            }
        };
        Ok(Transaction {
            backend,
            begun: Mutex::new(begun.map_err(querying)?),
        })
    }

    /// For the next transaction: this one has come to its end in good order.
    pub fn keep(self) {
        match self {
            Self::Sqlite(borrowed) => borrowed.keep(),
            Self::Postgres(borrowed) => borrowed.keep(),
        }
    }
}

/// A transaction. Dropped, it is rolled back.
pub struct Transaction<'c> {
    backend: DbBackend,
    begun: Mutex<Begun<'c>>,
}

enum Begun<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    Postgres(sqlx::Transaction<'c, Postgres>),
}

impl Transaction<'_> {
    /// All of it is safe from here on.
    pub async fn commit(self) -> Result<(), DbErr> {
        let committed = match self.begun.into_inner() {
            Begun::Sqlite(transaction) => transaction.commit().await,
            Begun::Postgres(transaction) => transaction.commit().await,
        };
        committed.map_err(querying)
    }

    /// Nothing of it has been.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let rolled_back = match self.begun.into_inner() {
            Begun::Sqlite(transaction) => transaction.rollback().await,
            Begun::Postgres(transaction) => transaction.rollback().await,
        };
        rolled_back.map_err(querying)
    }
}

/// Runs the statement on whatever connection it is.
macro_rules! run {
    ($transaction:expr, $statement:ident, $run:ident, $into:expr) => {{
        let Statement { sql, values, .. } = $statement;
        let values = SqlxValues(values.unwrap_or(Values(Vec::new())));
        match &mut *$transaction.begun.lock().await {
            Begun::Sqlite(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), values);
                query.$run(&mut **connection).await.map($into)
            }
            Begun::Postgres(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), values);
                query.$run(&mut **connection).await.map($into)
            }
        }
    }};
}

#[async_trait]
impl ConnectionTrait for Transaction<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        run!(self, statement, execute, Into::into).map_err(executing)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = AssertSqlSafe(sql.to_owned());
        let executed = match &mut *self.begun.lock().await {
            Begun::Sqlite(connection) => connection.execute(sql).await.map(Into::into),
            Begun::Postgres(connection) => connection.execute(sql).await.map(Into::into),
        };
        executed.map_err(executing)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        run!(self, statement, fetch_optional, |row| row.map(Into::into)).map_err(querying)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = run!(self, statement, fetch_all, |rows| rows
            .into_iter()
            .map(Into::into)
            .collect());
        rows.map_err(querying)
    }
}

fn querying(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn executing(error: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}
