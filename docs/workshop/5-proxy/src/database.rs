//! Opens the database.

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

use crate::{migration::Migrator, seed};

/// Opens a database, creates its missing tables, and fills the empty ones.
pub async fn open(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    // A SQLite database in memory belongs to one connection: a second one would see another database.
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    Migrator::up(&db, None).await?;
    seed::fill(&db).await?;
    Ok(db)
}
