//! What all queries read with: connections that are lent to one statement after the other.

use std::{fmt, sync::Arc, time::Duration};

use sea_orm::{
    DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Value,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Executor, IntoArguments, Pool, Postgres, Sqlite},
};
use sea_query_sqlx::SqlxValues;

use crate::{
    error::Result,
    kept::SharedKept,
    lending::{Connections, Lendable, Lending},
    rows::Rows,
    together::Kinds,
};

/// How many bytes of SQL are kept, to be sent again with other values.
const WRITTEN: usize = 1 << 20;

/// What all queries read with. All clones are one.
#[derive(Clone)]
pub struct Reader {
    connections: Connections,
    observer: Option<Arc<Observer>>,
    written: SharedKept<Rows>,
    /// What all operations look up together.
    pub together: Kinds,
}

type Observer = dyn Fn(&Statement) + Send + Sync;

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

impl Reader {
    /// Reads with all connections of the pool; a statement is stopped after this time.
    pub fn sqlite(pool: Pool<Sqlite>, deadline: Option<Duration>) -> Self {
        let most = pool.options().get_max_connections();
        Connections::sqlite(pool, most, deadline).into()
    }

    /// Reads with this many connections of the pool, which others use too.
    pub fn postgres(pool: Pool<Postgres>, most: u32) -> Self {
        Connections::postgres(pool, most).into()
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        match self.connections {
            Connections::Sqlite(_) => DbBackend::Sqlite,
            Connections::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// Shows every statement before it is sent.
    pub fn observe(&mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// The SELECT of this name, whose text depends on nothing else; written when it is not known yet.
    pub fn written(&self, name: &str, write: impl FnOnce() -> Result<Rows>) -> Result<Rows> {
        self.written.get_or_make(name, Rows::size, write)
    }

    /// The row that the statement brings, if it brings any.
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
        match &self.connections {
            Connections::Sqlite(lending) => query_optional(lending, statement, values).await,
            Connections::Postgres(lending) => query_optional(lending, statement, values).await,
        }
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

impl From<Connections> for Reader {
    fn from(connections: Connections) -> Self {
        Self {
            connections,
            observer: None,
            written: SharedKept::new(WRITTEN),
            together: Kinds::default(),
        }
    }
}

async fn query_optional<DB: Lendable>(
    lending: &Lending<DB>,
    statement: Arc<str>,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, DbErr>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    let mut borrowed = lending.borrow().await?;
    let found = sqlx::query_with(AssertSqlSafe(statement), SqlxValues(Values(values)))
        .fetch_optional(&mut *borrowed.lent.connection)
        .await;
    // After anything else, or when nobody waits any more, the pool shall look at it.
    let is_sound = match &found {
        Ok(_) => true,
        // PostgreSQL's class 57P is the end of the connection too.
        Err(SqlxError::Database(error)) => {
            error.code().is_some_and(|code| !code.starts_with("57P"))
        }
        Err(_) => false,
    };
    if is_sound {
        borrowed.keep();
    }
    let querying = |error: SqlxError| DbErr::Query(RuntimeErr::SqlxError(error.into()));
    found
        .map(|row| row.map(QueryResult::from))
        .map_err(querying)
}
