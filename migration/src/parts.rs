//! What the tables are made of, spelled for each database; released steps use it: add, never alter.

use sea_orm_migration::{prelude::*, schema, sea_orm::DbBackend};

/// The earliest and the latest value of each kind, as both databases read them: the years 0001 to
/// 9999. PostgreSQL could hold more, `infinity` among it, on which SQLx panics.
const DATES: [&str; 2] = ["0001-01-01", "9999-12-31"];
const TIMES: [&str; 2] = [
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59.999999+00:00",
];

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

/// Text, ordered and compared by code point, as SQLite does anyway; required unless `.null()`.
pub(crate) fn text(manager: &SchemaManager<'_>, column: &'static str) -> ColumnDef {
    let mut text = schema::text(column);
    if manager.get_database_backend() == DbBackend::Postgres {
        text.extra(r#"COLLATE "C""#);
    }
    text
}

/// A required key of another table, whose row takes this one with it. Said on the column because
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

/// Of 1 to `max` code points. Like every check, it lets null pass.
pub(crate) fn check_length(name: &'static str, column: &'static str, max: i32) -> Check {
    Check::named(
        name,
        Expr::expr(Func::char_length(Expr::col(column))).between(1, max),
    )
}

/// A day of the years 0001 to 9999.
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

/// An instant of the years 0001 to 9999.
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

/// SQLite has no times, only text, and compares them as text. That is right only when all are
/// written in the one form that SQLx writes: UTC as `+00:00`, and a fraction, if any, of the fewest
/// of 3 or 6 digits that hold it, as PostgreSQL too stops at the microsecond. Then `+` ends the
/// shorter of two and sorts before every digit and before the point.
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

/// The index that finds text, whole or by its beginning, without regard to ASCII case, and the rows
/// of equal text by id. sea-query says no expression in an index on SQLite.
pub(crate) async fn index_folded(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    let index =
        format!("CREATE INDEX ix_{table}_lower_{column}_id ON {table} (lower({column}), id)");
    manager.get_connection().execute_unprepared(&index).await?;
    Ok(())
}
