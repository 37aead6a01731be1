//! Session 1: three tables, and the steps that create them.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod migration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

/// Opens a database, without changing it.
pub async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    // A SQLite database in memory belongs to one connection: a second one would see another database.
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}
