//! The pool on SQLite.

use std::future::{pending, ready};

use sea_orm::sqlx::Executor;
use tempfile::TempDir;

use super::*;

fn pool(size: u32) -> (Pool<Sqlite>, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("test.db"))
        .create_if_missing(true);
    let settings = PoolSettings {
        size,
        acquire: Duration::from_millis(100),
        statement: Duration::from_millis(100),
        lock: Duration::ZERO,
    };
    let pool = Pool::new(Connector::new(options, "", settings)).expect("a pool");
    (pool, directory)
}

/// Marks the connection, which only a temporary table can; false when it was marked before.
async fn mark(connection: &mut PooledConnection<Sqlite>) -> bool {
    let connection = connection.get_mut().expect("not released");
    connection
        .execute("CREATE TEMP TABLE mark (x)")
        .await
        .is_ok()
}

async fn get(pool: &Pool<Sqlite>) -> PooledConnection<Sqlite> {
    pool.get().await.expect("a connection")
}

#[tokio::test]
async fn a_connection_is_used_again_only_when_it_was_released() {
    let (pool, _directory) = pool(1);
    let mut connection = get(&pool).await;
    assert!(mark(&mut connection).await);
    connection.release();
    let mut connection = get(&pool).await;
    assert!(!mark(&mut connection).await, "the same connection");
    drop(connection);
    assert_eq!(pool.size(), (0, 0));
    assert!(mark(&mut get(&pool).await).await, "another connection");
}

#[tokio::test]
async fn after_a_fault_every_open_connection_is_replaced_once() {
    let (pool, _directory) = pool(2);
    let [mut one, mut other] = [get(&pool).await, get(&pool).await];
    assert!(mark(&mut one).await && mark(&mut other).await);
    // Both fail, and the second failure does not count against the new ones.
    for connection in [&one, &other] {
        let fault = ready(Err::<(), _>(SqlxError::WorkerCrashed));
        let fault = pool.within(connection.generation(), fault);
        assert!(fault.await.is_err());
    }
    one.release();
    other.release();
    let [mut one, mut other] = [get(&pool).await, get(&pool).await];
    assert!(mark(&mut one).await && mark(&mut other).await);
    one.release();
    other.release();
    assert!(!mark(&mut get(&pool).await).await, "no longer replaced");
}

#[tokio::test]
async fn a_statement_that_fails_is_no_fault_of_its_connection() {
    let (pool, _directory) = pool(1);
    let mut connection = get(&pool).await;
    assert!(mark(&mut connection).await);
    let generation = connection.generation();
    let failed = connection.get_mut().expect("not released");
    let failed = pool.within(generation, failed.execute("SELECT nothing"));
    assert!(failed.await.is_err());
    connection.release();
    assert!(!mark(&mut get(&pool).await).await, "the same connection");
}

#[tokio::test]
async fn a_silent_database_is_reported_and_its_connections_replaced() {
    let (pool, _directory) = pool(1);
    let mut connection = get(&pool).await;
    assert!(mark(&mut connection).await);
    let generation = connection.generation();
    connection.release();
    let silent = pool.within(generation, pending::<Result<(), SqlxError>>());
    let silent = silent.await;
    let silent = silent.expect_err("it never answers");
    assert_eq!(Fault::of(&silent), Fault::Silent);
    assert!(mark(&mut get(&pool).await).await, "another connection");
}

#[tokio::test]
async fn waiting_for_a_connection_has_an_end_and_takes_none() {
    let (pool, _directory) = pool(1);
    let held = get(&pool).await;
    let error = pool.get().await.err().expect("all are in use");
    assert!(matches!(error, DbErr::Conn(RuntimeErr::SqlxError(error))
        if matches!(*error, SqlxError::PoolTimedOut)));
    // One that stops waiting does not take the connection with it.
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.is_ok() }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    held.release();
    get(&pool).await.release();
}

#[tokio::test]
async fn closing_waits_for_the_connections_in_use() {
    let (pool, _directory) = pool(2);
    let held = get(&pool).await;
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    held.release();
    closing.await.expect("it ends");
    assert!(pool.get().await.is_err());
}
