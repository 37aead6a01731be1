//! Opens the database: first one connection for tables and rows, then the pools of the engine.

use std::{error::Error, str::FromStr, time::Duration};

use sea_level::{
    Database, Reader,
    sql::{
        CommitSource, Transactions,
        pool::{Connector, Pool, PoolSettings},
    },
};
use sea_orm::{
    ConnectOptions, ConnectionTrait,
    sqlx::{Sqlite, sqlite::SqliteConnectOptions},
};
use sea_orm_migration::MigratorTrait;

use crate::{migration::Migrator, seed};

const SETTINGS: PoolSettings = PoolSettings {
    size: 4,
    acquire: Duration::from_secs(5),
    statement: Duration::from_secs(8),
    lock: Duration::from_secs(5),
};

/// Opens a SQLite file, creates its missing tables, and fills the empty ones.
pub async fn open(url: &str) -> Result<Database, Box<dyn Error>> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = sea_orm::Database::connect(options).await?;
    // Readers and the writer do not wait for each other. The mode is a property of the file.
    db.execute_unprepared("PRAGMA journal_mode = WAL").await?;
    Migrator::up(&db, None).await?;
    seed::fill(&db).await?;
    db.close().await?;

    let options = SqliteConnectOptions::from_str(url)?;
    let readers = Connector::<Sqlite>::new(options.clone(), "", SETTINGS);
    // SQLite has one writer at a time.
    let writer = readers.with_size(1);
    Ok(Database {
        reader: Reader::new(Pool::new(readers)?),
        transactions: Transactions::new(Pool::new(writer)?),
        commits: CommitSource::Sqlite(Box::new(options)),
    })
}
