//! Migrates the tables to this version of the program, or back: one process at a time, all or nothing.
//!
//! Each call is one transaction under the lock of [`database::begin_alone`]. The crate `migration`
//! has the steps.

use std::collections::HashSet;

use migration::{MigrationStatus, Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, Statement};

use crate::{
    config::DatabaseSettings,
    database,
    error::Error,
    privileges::{self, Access},
    tables,
};

/// Tables that a message names; it counts the others.
const NAMED: usize = 5;

/// Opens a database for a server, migrated as by [`maintain_migrated`].
pub async fn open_migrated(
    settings: &DatabaseSettings,
    migrate: bool,
) -> Result<sea_level::Database, Error> {
    let connection = maintain_migrated(settings, migrate).await?;
    let database = database::open(settings)?;
    connection.close().await?;
    Ok(database)
}

/// Returns a connection to a database whose tables have this version.
///
/// A SQLite file is always migrated, since the program owns it. PostgreSQL is migrated only if
/// `migrate` is set: other programs may use it, and the operator decides on a change of its tables.
pub async fn maintain_migrated(
    settings: &DatabaseSettings,
    migrate: bool,
) -> Result<DatabaseConnection, Error> {
    let connection = database::maintain(settings).await?;
    if is_current(&connection).await {
        privileges::ensure(&connection, Access::Serve).await?;
        return Ok(connection);
    }
    let pending = pending(&connection).await?;
    if pending.is_empty() {
        return Ok(connection);
    }
    let is_sqlite = connection.get_database_backend() == DatabaseBackend::Sqlite;
    if !is_sqlite && !migrate {
        return Err(Error::PendingMigrations(pending));
    }
    up(&connection).await?;
    Ok(connection)
}

/// Returns true if the database has exactly the program's migrations. One small statement; larger ones
/// find out what is missing.
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

/// Returns the names of the migrations that the database lacks. Needs no right to write.
pub async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<String>, Error> {
    Ok(status(connection)
        .await?
        .into_iter()
        .filter(|(_, applied)| !applied)
        .map(|(name, _)| name)
        .collect())
}

/// Returns every migration of the program, with true if the database has it.
pub async fn status(connection: &impl ConnectionTrait) -> Result<Vec<(String, bool)>, Error> {
    privileges::ensure(connection, Access::Inspect).await?;
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

/// Applies the pending migrations and returns their names.
pub async fn up(connection: &DatabaseConnection) -> Result<Vec<String>, Error> {
    let transaction = database::begin_alone(connection).await?;
    // The process that held the lock before may have applied them all.
    let names = pending(&transaction).await?;
    if !names.is_empty() {
        privileges::ensure(&transaction, Access::Migrate).await?;
    }
    Migrator::up(&transaction, None).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    if !names.is_empty() {
        tracing::info!("applied {} migrations", names.len());
    }
    Ok(names)
}

/// Takes back the newest `steps` migrations.
pub async fn down(connection: &DatabaseConnection, steps: u32) -> Result<(), Error> {
    let transaction = database::begin_alone(connection).await?;
    privileges::ensure(&transaction, Access::Migrate).await?;
    Migrator::down(&transaction, Some(steps))
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// The name that the copy in a row of `assignments` must be equal to.
const NAME: &str = "coalesce((SELECT name FROM employees \
                    WHERE employees.id = assignments.employee_id), '')";

/// Rows that one statement of [`repair`] reads.
const STEP: u32 = 10_000;

/// Counts the assignments whose copy of the employee's name is stale. Needs the newest tables.
pub async fn count_stale_copies(connection: &impl ConnectionTrait) -> Result<i64, Error> {
    let stale = format!("SELECT count(*) FROM assignments WHERE employee_name <> {NAME}");
    Ok(number(connection, stale).await?.unwrap_or(0))
}

/// Corrects the stale copies of employees' names and returns their number. Needs the newest
/// tables.
pub async fn repair(connection: &DatabaseConnection) -> Result<u64, Error> {
    let transaction = database::begin_alone(connection).await?;
    if transaction.get_database_backend() != DatabaseBackend::Sqlite {
        // A rename must not overtake the copy of the old name.
        let lock = "LOCK TABLE employees, assignments IN SHARE ROW EXCLUSIVE MODE";
        transaction.execute_unprepared(lock).await?;
    }
    let mut repaired = 0;
    let mut last = -i64::MAX;
    loop {
        let next = format!(
            "SELECT max(id) FROM \
             (SELECT id FROM assignments WHERE id > {last} ORDER BY id LIMIT {STEP}) AS step"
        );
        let Some(next) = number(&transaction, next).await? else {
            break;
        };
        let update = format!(
            "UPDATE assignments SET employee_name = {NAME} \
             WHERE id > {last} AND id <= {next} AND employee_name <> {NAME}"
        );
        repaired += transaction
            .execute_unprepared(&update)
            .await?
            .rows_affected();
        last = next;
    }
    transaction.commit().await?;
    Ok(repaired)
}

async fn number(connection: &impl ConnectionTrait, select: String) -> Result<Option<i64>, DbErr> {
    let select = Statement::from_string(connection.get_database_backend(), select);
    let row = connection.query_one_raw(select).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index(0))
}

/// Drops all tables and applies every migration. Without `force` it refuses if one of them holds rows
/// or belongs to another program.
pub async fn fresh(connection: &DatabaseConnection, force: bool) -> Result<(), Error> {
    if connection.get_database_backend() != DatabaseBackend::Sqlite {
        return fresh_alone(connection, force).await;
    }
    // SQLite drops tables in any order only without foreign keys, and the pragma works only outside of
    // a transaction. The pool has one connection, so the pragma reaches the one that drops.
    connection
        .execute_unprepared("PRAGMA foreign_keys = OFF")
        .await?;
    let outcome = fresh_alone(connection, force).await;
    connection
        .execute_unprepared("PRAGMA foreign_keys = ON")
        .await?;
    outcome
}

async fn fresh_alone(connection: &DatabaseConnection, force: bool) -> Result<(), Error> {
    let transaction = database::begin_alone(connection).await?;
    privileges::ensure(&transaction, Access::Migrate).await?;
    if !force {
        refuse_used(&transaction).await?;
    }
    Migrator::fresh(&transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// Refuses a database with rows, or with tables or views of another program.
async fn refuse_used(connection: &impl ConnectionTrait) -> Result<(), Error> {
    let backend = connection.get_database_backend();
    let select = match backend {
        DatabaseBackend::Sqlite => {
            "SELECT name FROM sqlite_schema \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        }
        _ => {
            "WITH own AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
             SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'f', 'v', 'm') \
             AND relnamespace = (SELECT oid FROM own) UNION ALL \
             SELECT typname::text FROM pg_type WHERE typtype IN ('d', 'e') \
             AND typnamespace = (SELECT oid FROM own) ORDER BY 1"
        }
    };
    let rows = connection
        .query_all_raw(Statement::from_string(backend, select))
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let name: String = row.try_get_by_index(0)?;
        // The feed begins with a row of its own.
        let ours = match &*name {
            "seaql_migrations" => continue,
            tables::CHANGES => {
                Some("SELECT 1 FROM changes WHERE subject <> 'FEED' LIMIT 1".to_owned())
            }
            name => tables::all()
                .any(|table| table == name)
                .then(|| format!("SELECT 1 FROM {name} LIMIT 1")),
        };
        match ours {
            None => found.push(format!("{name} belongs to another program")),
            Some(select) => {
                let select = Statement::from_string(backend, select);
                if connection.query_one_raw(select).await?.is_some() {
                    found.push(format!("{name} has rows"));
                }
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let others = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if others > 0 {
        found.push(format!("and {others} more"));
    }
    Err(Error::NotDisposable(found))
}

fn failed(error: DbErr) -> Error {
    Error::Migration(error.into())
}
