//! Bringing the tables to this version of the program, or back: one process at a time, all or
//! nothing.
//!
//! All that is done at one call is one transaction, under the lock of [`database::begin_alone`].
//! What the steps are is said in the crate `migration`.

use std::collections::HashSet;

use migration::{MigrationStatus, Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

use crate::{
    config::DatabaseSettings,
    database::{self, Purpose},
    error::Error,
};

/// Opens a database whose tables are those of this program.
///
/// SQLite is brought there by itself, since nobody else uses the file. PostgreSQL only when
/// `migrate` is set: it may be others' too, and a change of its tables is a decision.
pub async fn open_migrated(
    settings: &DatabaseSettings,
    purpose: Purpose,
    migrate: bool,
) -> Result<api::Database, Error> {
    let database = database::open(settings, purpose).await?;
    if is_current(&database.writer).await {
        return Ok(database);
    }
    let pending = pending(&database.writer).await?;
    if pending.is_empty() {
        return Ok(database);
    }
    let is_sqlite = database.writer.get_database_backend() == DatabaseBackend::Sqlite;
    if !is_sqlite && !migrate {
        return Err(Error::PendingMigrations(pending));
    } else if purpose == Purpose::Maintain {
        up(&database).await?;
    } else {
        // A migration may take longer than a request.
        let unhurried = database::open(settings, Purpose::Maintain).await?;
        up(&unhurried).await?;
        database::close(&unhurried).await;
    }
    Ok(database)
}

/// Whether the database has the program's migrations and no others. One small statement, where it
/// takes larger ones to tell what is wrong.
async fn is_current(connection: &impl ConnectionTrait) -> bool {
    let select = "SELECT version FROM seaql_migrations";
    let select = Statement::from_string(connection.get_database_backend(), select);
    let Ok(rows) = connection.query_all_raw(select).await else {
        return false;
    };
    let applied: Result<HashSet<String>, _> =
        rows.iter().map(|row| row.try_get_by_index(0)).collect();
    let steps = Migrator::get_migration_files();
    let ours = steps.iter().map(|step| step.name().to_owned()).collect();
    applied.is_ok_and(|applied| applied == ours)
}

/// The names of the migrations that the database lacks. Writes nothing, needs no right to.
pub async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<String>, Error> {
    Ok(status(connection)
        .await?
        .into_iter()
        .filter(|(_, applied)| !applied)
        .map(|(name, _)| name)
        .collect())
}

/// Every migration of the program, and whether the database has it.
pub async fn status(connection: &impl ConnectionTrait) -> Result<Vec<(String, bool)>, Error> {
    let steps = Migrator::get_migration_with_status_read_only(connection)
        .await
        .map_err(|error| match error {
            DbErr::Custom(_) => Error::NewerDatabase(error.into()),
            _ => Error::from(error),
        })?;
    Ok(steps
        .iter()
        .map(|step| {
            let applied = step.status() == MigrationStatus::Applied;
            (step.name().to_owned(), applied)
        })
        .collect())
}

/// Applies what is pending and returns its names.
pub async fn up(database: &api::Database) -> Result<Vec<String>, Error> {
    let transaction = database::begin_alone(database).await?;
    // Whoever held the lock before may have done it all.
    let names = pending(&transaction).await?;
    Migrator::up(&transaction, None).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    if !names.is_empty() {
        tracing::info!("applied {} migrations", names.len());
    }
    Ok(names)
}

/// Takes back the newest `steps` migrations.
pub async fn down(database: &api::Database, steps: u32) -> Result<(), Error> {
    let transaction = database::begin_alone(database).await?;
    Migrator::down(&transaction, Some(steps))
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// Drops all tables, whoever made them, and applies every migration.
pub async fn fresh(database: &api::Database) -> Result<(), Error> {
    let writer = &database.writer;
    if writer.get_database_backend() != DatabaseBackend::Sqlite {
        return fresh_alone(database).await;
    }
    // SQLite drops tables in any order only while it looks after no keys, and hears of that only
    // outside of a transaction. The writer is one connection, so this is the one that drops.
    writer
        .execute_unprepared("PRAGMA foreign_keys = OFF")
        .await?;
    let outcome = fresh_alone(database).await;
    writer
        .execute_unprepared("PRAGMA foreign_keys = ON")
        .await?;
    outcome
}

async fn fresh_alone(database: &api::Database) -> Result<(), Error> {
    let transaction = database::begin_alone(database).await?;
    Migrator::fresh(&transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

fn failed(error: DbErr) -> Error {
    Error::Migration(error.into())
}
