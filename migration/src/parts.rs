//! Columns, checks, indexes and statements, spelled for each database. Released steps use them, so
//! this file gains functions and never changes one.

use sea_orm_migration::{prelude::*, schema, sea_orm::DbBackend};

/// The earliest and the latest value of each kind, as both databases read them: the years 0001 to
/// 9999. PostgreSQL could hold more, `infinity` among it, on which SQLx panics.
const DATES: [&str; 2] = ["0001-01-01", "9999-12-31"];
const TIMES: [&str; 2] = [
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59.999999+00:00",
];

/// Returns the first on SQLite and the second on PostgreSQL.
pub(crate) fn either<T>(manager: &SchemaManager<'_>, sqlite: T, postgres: T) -> T {
    match manager.get_database_backend() {
        DbBackend::Sqlite => sqlite,
        _ => postgres,
    }
}

/// Runs one statement of SQL.
pub(crate) async fn execute(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection.execute_unprepared(statement).await.map(drop)
}

/// Runs statements of SQL one after the other.
pub(crate) async fn execute_all(
    manager: &SchemaManager<'_>,
    statements: &[&str],
) -> Result<(), DbErr> {
    for statement in statements {
        execute(manager, statement).await?;
    }
    Ok(())
}

pub(crate) async fn drop_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
) -> Result<(), DbErr> {
    manager.drop_table(Table::drop().table(table).take()).await
}

/// Creates an index on two columns.
pub(crate) async fn create_index(
    manager: &SchemaManager<'_>,
    name: &'static str,
    table: &'static str,
    [first, second]: [&'static str; 2],
) -> Result<(), DbErr> {
    let mut index = Index::create().name(name).table(table).take();
    manager
        .create_index(index.col(first).col(second).take())
        .await
}

/// Refuses a PostgreSQL database in which a character is not a code point.
pub(crate) async fn refuse_other_than_utf8(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let query = Query::select()
        .expr_as(Expr::cust("current_database()::text"), "name")
        .expr_as(Expr::cust("current_setting('server_encoding')"), "encoding")
        .take();
    let Some(row) = manager.get_connection().query_one(&query).await? else {
        return Err(DbErr::RecordNotFound("server_encoding".to_owned()));
    };
    let (name, encoding): (String, String) = row.try_get_many_by_index()?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "database \"{name}\" is encoded {encoding}, but lengths and order need UTF8; \
         create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    )))
}

/// Text column, ordered and compared by code point on both databases; required unless `.null()`.
pub(crate) fn text(manager: &SchemaManager<'_>, column: &'static str) -> ColumnDef {
    let mut text = schema::text(column);
    if manager.get_database_backend() == DbBackend::Postgres {
        text.extra(r#"COLLATE "C""#);
    }
    text
}

/// Required foreign key with `ON DELETE CASCADE`. The constraint stands on the column, because
/// sea-query's table constraint leaves out the name on SQLite.
pub(crate) fn foreign_key(
    name: &'static str,
    column: &'static str,
    referred: &'static str,
) -> ColumnDef {
    schema::big_integer(column)
        .extra(format!(
            r#"CONSTRAINT "{name}" REFERENCES "{referred}" ("id") ON DELETE CASCADE"#
        ))
        .take()
}

/// Check for 1 to `max` code points. Like every check, it lets null pass.
pub(crate) fn check_length(name: &'static str, column: &'static str, max: i32) -> Check {
    Check::named(
        name,
        Expr::expr(Func::char_length(Expr::col(column))).between(1, max),
    )
}

/// Check for a day of the years 0001 to 9999.
pub(crate) fn check_date(
    manager: &SchemaManager<'_>,
    name: &'static str,
    column: &'static str,
) -> Check {
    let in_range = Expr::col(column).between(DATES[0], DATES[1]);
    Check::named(
        name,
        match manager.get_database_backend() {
            // SQLite has no dates, only text: refuse what is not a day, or not written as one.
            DbBackend::Sqlite => in_range.and(Expr::cust(format!("{column} IS date({column})"))),
            _ => in_range,
        },
    )
}

/// Check for an instant of the years 0001 to 9999.
pub(crate) fn check_time(
    manager: &SchemaManager<'_>,
    name: &'static str,
    column: &'static str,
) -> Check {
    let in_range = Expr::col(column).between(TIMES[0], TIMES[1]);
    Check::named(
        name,
        match manager.get_database_backend() {
            DbBackend::Sqlite => in_range.and(Expr::cust(sqlite_time_form(column))),
            _ => in_range,
        },
    )
}

/// Condition that a time on SQLite has the form that SQLx writes.
///
/// SQLite compares times as text, which is right only if all have one form: UTC as `+00:00`, and a
/// fraction, if any, of the fewest of 3 or 6 digits that hold it. PostgreSQL stops at the microsecond
/// too. `+` ends the shorter of two times, and sorts before every digit and before the point.
fn sqlite_time_form(column: &str) -> String {
    let second = format!("substr({column}, 1, 19)");
    let rest = format!("substr({column}, 20)");
    let fraction = |digits| format!("{rest} GLOB '.{}+00:00'", "[0-9]".repeat(digits));
    format!(
        "{second} IS strftime('%Y-%m-%dT%H:%M:%S', {second}) AND ({rest} = '+00:00' \
         OR (({} OR {}) AND {rest} NOT GLOB '*000+00:00'))",
        fraction(3),
        fraction(6),
    )
}

/// Creates the index that finds text, whole or by prefix, without regard to ASCII case; rows of equal
/// text follow by id. sea-query has no expressions in indexes on SQLite.
pub(crate) async fn index_folded(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    let index =
        format!("CREATE INDEX ix_{table}_lower_{column}_id ON {table} (lower({column}), id)");
    execute(manager, &index).await
}
