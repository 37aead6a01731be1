//! Statements that only read, each on a connection of its own from the pool.

use std::{fmt, sync::Arc};

use sea_orm::{
    DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Value,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Executor, IntoArguments},
};
use sea_query_sqlx::SqlxValues;

use super::{
    pool::{Backend, DatabasePool, Fault, Observer, Pool},
    statement::RowQuery,
};
use crate::{
    cache::Cache,
    error::Result,
    statement_log::{SentStatement, StatementLog},
};

/// Bytes of SQL that are cached, to be sent again with other parameters.
const STATEMENT_CACHE: usize = 1 << 20;

/// Reading side of a database. Clones share the pool.
#[derive(Clone)]
pub struct Reader {
    pool: DatabasePool,
    observer: Option<Arc<Observer>>,
    statements: Arc<Cache<RowQuery>>,
    /// Set on the reader of an operation whose statements are logged.
    log: Option<StatementLog>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

impl Reader {
    /// Creates a reader on this pool.
    pub fn new(pool: impl Into<DatabasePool>) -> Self {
        Self {
            pool: pool.into(),
            observer: None,
            statements: Arc::new(Cache::new(STATEMENT_CACHE)),
            log: None,
        }
    }

    /// Returns the kind of database.
    pub fn backend(&self) -> DbBackend {
        self.pool.backend()
    }

    /// Returns a reader on the same pool that logs its statements here.
    pub(crate) fn with_log(&self, log: Option<StatementLog>) -> Self {
        Self {
            log,
            ..self.clone()
        }
    }

    /// Returns the log of the operation, if it has one.
    pub(crate) fn log(&self) -> Option<&StatementLog> {
        self.log.as_ref()
    }

    /// Calls the observer with each statement before it is sent.
    pub fn observe(&mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// Returns the cached statement of this name, on which its text alone depends; builds it if it is
    /// not cached.
    pub fn cached_statement(
        &self,
        name: &str,
        build: impl FnOnce() -> Result<RowQuery>,
    ) -> Result<RowQuery> {
        self.statements.get_or_make(name, RowQuery::size, build)
    }

    /// Returns the first row of a statement that only reads. Sends the statement once more if its
    /// connection is closed.
    pub async fn query_optional(
        &self,
        statement: Arc<str>,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, DbErr> {
        let (row, sent) = self.send(statement, values).await?;
        sent.received(usize::from(row.is_some()));
        Ok(row)
    }

    /// As [`query_optional`](Self::query_optional), for a row that holds many. The caller logs their
    /// number.
    pub(super) async fn send(
        &self,
        statement: Arc<str>,
        values: Vec<Value>,
    ) -> Result<(Option<QueryResult>, SentStatement), DbErr> {
        if let Some(observer) = &self.observer {
            let (statement, values) = (&*statement, values.clone());
            observer(&Statement::from_sql_and_values(
                self.backend(),
                statement,
                values,
            ));
        }
        match &self.pool {
            DatabasePool::Sqlite(pool) => send(pool, self.log(), statement, values).await,
            DatabasePool::Postgres(pool) => send(pool, self.log(), statement, values).await,
        }
    }

    /// Returns the number of open connections and of idle ones.
    pub fn size(&self) -> (usize, usize) {
        self.pool.size()
    }

    /// Waits for the connections in use, then closes all. The caller bounds the wait.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn send<DB: Backend>(
    pool: &Pool<DB>,
    log: Option<&StatementLog>,
    statement: Arc<str>,
    values: Vec<Value>,
) -> Result<(Option<QueryResult>, SentStatement), DbErr>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    let querying = |error: SqlxError| DbErr::Query(RuntimeErr::SqlxError(error.into()));
    let mut is_retry = false;
    loop {
        let mut connection = pool.get().await?;
        let values = SqlxValues(Values(values.clone()));
        let query = sqlx::query_with(AssertSqlSafe(statement.clone()), values);
        let generation = connection.generation();
        let sent = SentStatement::new(log, &statement);
        let found = query.fetch_optional(connection.get_mut().map_err(querying)?);
        let error = match pool.within(generation, found).await {
            Ok(row) => {
                connection.release();
                return Ok((row.map(QueryResult::from), sent));
            }
            Err(error) => error,
        };
        let fault = Fault::of(&error);
        if fault == Fault::Statement {
            connection.release();
        }
        if is_retry || !fault.is_retryable() {
            return Err(querying(error));
        }
        is_retry = true;
    }
}
