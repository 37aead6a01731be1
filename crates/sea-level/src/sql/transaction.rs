//! Transactions that write, each on a connection of its own from the pool. SeaORM sees a
//! [`Transaction`] as a connection.

use std::{convert::Infallible, fmt, sync::Arc};

use async_graphql::async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, SqlxError, Statement,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Connection, Executor, Postgres, Sqlite},
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::pool::{Backend, DatabasePool, Fault, Observer, Pool, PooledConnection};
use crate::{
    cache::Cache,
    statement_log::{SentStatement, StatementLog},
};

/// Bytes of SQL that are cached, to be sent again with other parameters.
const STATEMENT_CACHE: usize = 1 << 16;

/// Writing side of a database. Clones share the pool.
#[derive(Clone)]
pub struct Transactions {
    pool: DatabasePool,
    observer: Option<Arc<Observer>>,
    statements: Arc<Cache<String>>,
    /// Set for an operation whose statements are logged.
    log: Option<StatementLog>,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transactions")
    }
}

impl Transactions {
    /// Creates the writing side on this pool. SQLite has one writer, so that one connection is enough.
    pub fn new(pool: impl Into<DatabasePool>) -> Self {
        Self {
            pool: pool.into(),
            observer: None,
            statements: Arc::new(Cache::new(STATEMENT_CACHE)),
            log: None,
        }
    }

    /// Returns the writing side on the same pool that logs its statements here.
    pub(crate) fn with_log(&self, log: Option<StatementLog>) -> Self {
        Self {
            log,
            ..self.clone()
        }
    }

    /// Calls the observer with each statement before it is sent, except those that begin and end
    /// transactions.
    pub fn observe(&mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// Begins a transaction. On SQLite it waits until no other connection writes.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let log = self.log.as_ref();
        if let Some(log) = log {
            log.begin_level();
        }
        let connection = match &self.pool {
            DatabasePool::Sqlite(pool) => {
                WriterConnection::Sqlite(begin(pool, log).await?, pool.clone())
            }
            DatabasePool::Postgres(pool) => {
                WriterConnection::Postgres(begin(pool, log).await?, pool.clone())
            }
        };
        Ok(self.transaction(connection, true))
    }

    /// Returns a connection without a transaction, on which each statement commits by itself; `None` on
    /// SQLite, where a transaction costs no round trips.
    pub(crate) async fn without_transaction(&self) -> Result<Option<Transaction>, DbErr> {
        let DatabasePool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        if let Some(log) = &self.log {
            log.begin_level();
        }
        let connection = WriterConnection::Postgres(pool.get().await?, pool.clone());
        Ok(Some(self.transaction(connection, false)))
    }

    fn transaction(&self, connection: WriterConnection, is_begun: bool) -> Transaction {
        Transaction {
            backend: self.pool.backend(),
            connection: Mutex::new(connection),
            is_begun,
            observer: self.observer.clone(),
            log: self.log.clone(),
        }
    }

    /// Returns the cached SQL of this name, on which its text alone depends; builds it if it is not
    /// cached.
    pub fn cached_statement(&self, name: &str, build: impl FnOnce() -> String) -> String {
        let build = || Ok::<_, Infallible>(build());
        let Ok(sql) = self.statements.get_or_make(name, String::len, build);
        sql
    }

    /// Returns the number of open connections and of idle ones.
    pub fn size(&self) -> (usize, usize) {
        self.pool.size()
    }

    /// Waits for the running transactions, then closes all connections. The caller bounds the wait.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Returns a connection with a transaction begun. A closed connection is replaced once.
async fn begin<DB: Backend>(
    pool: &Pool<DB>,
    log: Option<&StatementLog>,
) -> Result<PooledConnection<DB>, DbErr>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut is_retry = false;
    loop {
        let mut connection = pool.get().await?;
        let generation = connection.generation();
        let _sent = SentStatement::new(log, DB::BEGIN);
        let begun = connection.get_mut().map_err(querying)?.execute(DB::BEGIN);
        let error = match pool.within(generation, begun).await {
            Ok(_) => {
                // The wait for SQLite's lock does not count.
                connection.restart_deadline();
                return Ok(connection);
            }
            Err(error) => error,
        };
        if is_retry || !Fault::of(&error).is_retryable() {
            return Err(querying(error));
        }
        is_retry = true;
    }
}

/// Transaction. A drop before its end rolls it back and closes its connection.
pub struct Transaction {
    backend: DbBackend,
    connection: Mutex<WriterConnection>,
    /// False if each statement commits by itself. Then [`ConnectionTrait`] refuses statements.
    is_begun: bool,
    observer: Option<Arc<Observer>>,
    log: Option<StatementLog>,
}

enum WriterConnection {
    Sqlite(PooledConnection<Sqlite>, Pool<Sqlite>),
    Postgres(PooledConnection<Postgres>, Pool<Postgres>),
}

/// Runs a statement on the connection of either database.
macro_rules! run {
    ($transaction:expr, $statement:ident, $run:ident, $into:expr) => {{
        if let Some(observer) = &$transaction.observer {
            observer(&$statement);
        }
        let Statement { sql, values, .. } = $statement;
        let values = SqlxValues(values.unwrap_or(Values(Vec::new())));
        match &mut *$transaction.connection.lock().await {
            WriterConnection::Sqlite(connection, pool) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), values);
                let generation = connection.generation();
                let running = query.$run(connection.get_mut().map_err(querying)?);
                pool.within(generation, running).await.map($into)
            }
            WriterConnection::Postgres(connection, pool) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), values);
                let generation = connection.generation();
                let running = query.$run(connection.get_mut().map_err(querying)?);
                pool.within(generation, running).await.map($into)
            }
        }
    }};
}

impl Transaction {
    /// Commits. After an error the outcome is unknown.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.end("COMMIT").await
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.end("ROLLBACK").await
    }

    /// Returns the connection to the pool, where no transaction was begun.
    pub(crate) fn release(self) {
        match self.connection.into_inner() {
            WriterConnection::Sqlite(connection, _) => connection.release(),
            WriterConnection::Postgres(connection, _) => connection.release(),
        }
    }

    /// Checks that the connection is alive.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        let WriterConnection::Postgres(connection, pool) = &mut *self.connection.lock().await
        else {
            return Ok(());
        };
        let generation = connection.generation();
        let ping = connection.get_mut().map_err(querying)?.ping();
        pool.within(generation, ping).await.map_err(querying)
    }

    /// Sends a statement, also where no transaction was begun: then it commits by itself.
    pub(crate) async fn query_row(
        &self,
        statement: Statement,
    ) -> Result<Option<QueryResult>, DbErr> {
        let sent = self.sent(&statement.sql);
        let row: Option<QueryResult> =
            run!(self, statement, fetch_optional, |row| row.map(Into::into)).map_err(querying)?;
        sent.received(usize::from(row.is_some()));
        Ok(row)
    }

    /// Closes the connection on failure: SQLite ends the transaction by itself if its disk is full or
    /// a deadline stopped a statement, and then refuses the next one.
    async fn end(self, statement: &'static str) -> Result<(), DbErr> {
        async fn end<DB: Backend>(
            mut connection: PooledConnection<DB>,
            pool: Pool<DB>,
            statement: &'static str,
        ) -> Result<(), SqlxError>
        where
            for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        {
            let generation = connection.generation();
            let ending = connection.get_mut()?.execute(statement);
            pool.within(generation, ending).await?;
            connection.release();
            Ok(())
        }
        let _sent = self.sent(statement);
        let ended = match self.connection.into_inner() {
            WriterConnection::Sqlite(connection, pool) => end(connection, pool, statement).await,
            WriterConnection::Postgres(connection, pool) => end(connection, pool, statement).await,
        };
        ended.map_err(querying)
    }

    fn ensure_begun(&self) -> Result<(), DbErr> {
        if self.is_begun {
            return Ok(());
        }
        Err(DbErr::Custom("it needs a transaction".to_owned()))
    }

    fn sent(&self, sql: &str) -> SentStatement {
        SentStatement::new(self.log.as_ref(), sql)
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.ensure_begun()?;
        let _sent = self.sent(&statement.sql);
        run!(self, statement, execute, Into::into).map_err(executing)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.ensure_begun()?;
        if let Some(observer) = &self.observer {
            observer(&Statement::from_string(self.backend, sql));
        }
        let _sent = self.sent(sql);
        let sql = AssertSqlSafe(sql.to_owned());
        let executed = match &mut *self.connection.lock().await {
            WriterConnection::Sqlite(connection, pool) => {
                let generation = connection.generation();
                let running = connection.get_mut().map_err(querying)?.execute(sql);
                pool.within(generation, running).await.map(Into::into)
            }
            WriterConnection::Postgres(connection, pool) => {
                let generation = connection.generation();
                let running = connection.get_mut().map_err(querying)?.execute(sql);
                pool.within(generation, running).await.map(Into::into)
            }
        };
        executed.map_err(executing)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.ensure_begun()?;
        self.query_row(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.ensure_begun()?;
        let sent = self.sent(&statement.sql);
        let rows = run!(self, statement, fetch_all, |rows| rows
            .into_iter()
            .map(Into::into)
            .collect::<Vec<QueryResult>>());
        let rows = rows.map_err(querying)?;
        sent.received(rows.len());
        Ok(rows)
    }
}

fn querying(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn executing(error: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::sqlx::sqlite::SqliteConnectOptions;
    use tempfile::TempDir;

    use super::super::pool::{Connector, PoolSettings};
    use super::*;

    async fn transactions() -> (Transactions, TempDir) {
        let directory = tempfile::tempdir().expect("a directory");
        let options = SqliteConnectOptions::new()
            .filename(directory.path().join("test.db"))
            .create_if_missing(true);
        let settings = PoolSettings {
            size: 1,
            acquire: Duration::from_secs(5),
            statement: Duration::from_secs(1),
            lock: Duration::from_secs(1),
        };
        let pool = Pool::<Sqlite>::new(Connector::new(options, "", settings)).expect("a pool");
        let transactions = Transactions::new(pool);
        let tables = "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children \
            (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
        run(&transactions, tables).await.expect("tables");
        (transactions, directory)
    }

    async fn run(transactions: &Transactions, sql: &str) -> Result<(), DbErr> {
        let transaction = transactions.begin().await?;
        transaction.execute_unprepared(sql).await?;
        transaction.commit().await
    }

    async fn parents(transactions: &Transactions) -> i64 {
        let transaction = transactions.begin().await.expect("a transaction");
        let count = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) FROM parents");
        let count = transaction.query_one_raw(count).await.expect("a count");
        transaction.rollback().await.expect("a rollback");
        count.expect("a row").try_get_by_index(0).expect("a number")
    }

    #[tokio::test]
    async fn a_transaction_that_is_dropped_is_rolled_back() {
        let (transactions, _directory) = transactions().await;
        let transaction = transactions.begin().await.expect("a transaction");
        let insert = transaction.execute_unprepared("INSERT INTO parents VALUES (1)");
        insert.await.expect("a row");
        drop(transaction);
        assert_eq!(parents(&transactions).await, 0);
    }

    #[tokio::test]
    async fn after_a_commit_that_fails_the_next_transaction_begins() {
        let (transactions, _directory) = transactions().await;
        let orphan = run(&transactions, "INSERT INTO children VALUES (7)").await;
        assert!(orphan.is_err(), "the deferred key is checked by COMMIT");
        run(&transactions, "INSERT INTO parents VALUES (1)")
            .await
            .expect("the next one");
        assert_eq!(parents(&transactions).await, 1);
    }

    #[tokio::test]
    async fn after_a_statement_that_a_deadline_stopped_the_next_transaction_begins() {
        let (transactions, _directory) = transactions().await;
        let endless = "INSERT INTO parents WITH RECURSIVE c(x) AS \
                       (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
        let transaction = transactions.begin().await.expect("a transaction");
        assert!(transaction.execute_unprepared(endless).await.is_err());
        // SQLite has rolled back already.
        let _ = transaction.rollback().await;
        assert_eq!(parents(&transactions).await, 0);
    }
}
