//! Statements of queries, each on a connection of the pool for itself.

use std::{fmt, sync::Arc};

use sea_orm::{
    DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Value,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Executor, IntoArguments},
};
use sea_query_sqlx::SqlxValues;

use crate::{
    error::Result,
    kept::SharedKept,
    pool::{Backend, DatabasePool, Fault, Observer, Pool},
    rows::Rows,
    together::Kinds,
};

/// How many bytes of SQL are kept, to be sent again with other values.
const WRITTEN: usize = 1 << 20;

/// What all queries read with. All clones are one.
#[derive(Clone)]
pub struct Reader {
    pool: DatabasePool,
    observer: Option<Arc<Observer>>,
    written: SharedKept<Rows>,
    /// What all operations look up together.
    pub together: Kinds,
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

impl Reader {
    /// Reads on connections of this pool.
    pub fn new(pool: impl Into<DatabasePool>) -> Self {
        Self {
            pool: pool.into(),
            observer: None,
            written: SharedKept::new(WRITTEN),
            together: Kinds::default(),
        }
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.pool.backend()
    }

    /// Shows every statement before it is sent.
    pub fn observe(&mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// The SELECT of this name, whose text depends on nothing else; written when it is not known yet.
    pub fn written(&self, name: &str, write: impl FnOnce() -> Result<Rows>) -> Result<Rows> {
        self.written.get_or_make(name, Rows::size, write)
    }

    /// The first row of a statement that only reads, if it has any. A connection that turns out to be
    /// closed is replaced, and the statement sent once more.
    pub async fn query_optional(
        &self,
        statement: Arc<str>,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, DbErr> {
        if let Some(observer) = &self.observer {
            let (statement, values) = (&*statement, values.clone());
            observer(&Statement::from_sql_and_values(
                self.backend(),
                statement,
                values,
            ));
        }
        match &self.pool {
            DatabasePool::Sqlite(pool) => query_optional(pool, statement, values).await,
            DatabasePool::Postgres(pool) => query_optional(pool, statement, values).await,
        }
    }

    /// How many connections are open, and how many of them are free.
    pub fn size(&self) -> (usize, usize) {
        self.pool.size()
    }

    /// Waits for the connections in use, then closes all.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn query_optional<DB: Backend>(
    pool: &Pool<DB>,
    statement: Arc<str>,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, DbErr>
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
        let found = query.fetch_optional(connection.get_mut().map_err(querying)?);
        let error = match pool.within(generation, found).await {
            Ok(row) => {
                connection.release();
                return Ok(row.map(QueryResult::from));
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
