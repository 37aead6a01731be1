//! `x_folded` beside each text column `x`: its text without regard to case in every script, where
//! the database's `lower()`, which folds ASCII, does not give that.
//!
//! It holds the folded text, U+001F and the text that was folded. Where another program has changed
//! `x` since, the second half differs from it and `lower(x)` is used: no trigger has to keep it.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Each text column, in the order in which tables are locked, and the columns behind its folded text
/// in an index, if it has one.
const COLUMNS: [(&str, &str, Option<&[&str]>); 5] = [
    ("employees", "name", Some(&["id"])),
    ("projects", "title", Some(&["id"])),
    ("meetings", "topic", Some(&["id"])),
    ("meetings", "location", None),
    (
        "assignments",
        "role",
        Some(&["id", "employee_id", "project_id"]),
    ),
];

/// Rows of one batch.
const BATCH: usize = 1_000;

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let collation = parts::either(manager, "", r#" COLLATE "C""#);
        for (table, column, behind) in COLUMNS {
            parts::execute(
                manager,
                &format!("ALTER TABLE {table} ADD COLUMN {column}_folded text{collation}"),
            )
            .await?;
            fill(manager, table, column).await?;
            if let Some(behind) = behind {
                let name = |form| index(table, form, column, behind);
                let folded = format!("({})", folded(backend, column));
                replace_index(
                    manager,
                    table,
                    name("lower"),
                    name("folded"),
                    &folded,
                    behind,
                )
                .await?;
            }
        }
        // The new indexes have no statistics yet. SQLite gets them if it has any; PostgreSQL would go on
        // planning for an empty table if it has seen one.
        let has_statistics = manager.has_table("sqlite_stat1").await?;
        for table in ["employees", "projects", "meetings", "assignments"] {
            let any = format!("SELECT 1 FROM {table} LIMIT 1");
            let any = Statement::from_string(backend, any);
            let has_rows = manager.get_connection().query_one_raw(any).await?.is_some();
            if has_rows && (has_statistics || backend == DbBackend::Postgres) {
                parts::execute(manager, &format!("ANALYZE {table}")).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, behind) in COLUMNS {
            if let Some(behind) = behind {
                let name = |form| index(table, form, column, behind);
                let lower = format!("lower({column})");
                replace_index(
                    manager,
                    table,
                    name("folded"),
                    name("lower"),
                    &lower,
                    behind,
                )
                .await?;
            }
            parts::execute(
                manager,
                &format!("ALTER TABLE {table} DROP COLUMN {column}_folded"),
            )
            .await?;
        }
        Ok(())
    }
}

/// Expression that compares text. The statements of the program spell it the same.
fn folded(backend: DbBackend, column: &str) -> String {
    match backend {
        DbBackend::Sqlite => format!(
            "CASE WHEN substr({column}_folded, instr({column}_folded, char(31)) + 1) = {column} \
             THEN substr({column}_folded, 1, instr({column}_folded, char(31)) - 1) \
             ELSE lower({column}) END"
        ),
        _ => format!(
            "CASE WHEN split_part({column}_folded, chr(31), 2) = {column} \
             THEN split_part({column}_folded, chr(31), 1) ELSE lower({column}) END"
        ),
    }
}

/// The name of the index on a form of the column's text.
fn index(table: &str, form: &str, column: &str, behind: &[&str]) -> String {
    format!("ix_{table}_{form}_{column}_{}", behind.join("_"))
}

async fn replace_index(
    manager: &SchemaManager<'_>,
    table: &str,
    old: String,
    new: String,
    expression: &str,
    behind: &[&str],
) -> Result<(), DbErr> {
    parts::execute(manager, &format!("DROP INDEX {old}")).await?;
    let behind = behind.join(", ");
    let columns = format!("{expression}, {behind}");
    parts::execute(
        manager,
        &format!("CREATE INDEX {new} ON {table} ({columns})"),
    )
    .await
}

/// Folds the text of existing rows, in batches: a table may be larger than the memory.
async fn fill(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let connection = manager.get_connection();
    let bytes = parts::either(
        manager,
        format!("length(CAST({column} AS BLOB))"),
        format!("octet_length({column})"),
    );
    let update = parts::either(
        manager,
        format!(
            "UPDATE {table} SET {column}_folded = rows.value ->> 1 FROM json_each(?) AS rows \
             WHERE {table}.id = rows.value ->> 0"
        ),
        format!(
            "UPDATE {table} SET {column}_folded = rows.value ->> 1 \
             FROM json_array_elements($1::json) AS rows (value) \
             WHERE {table}.id = (rows.value ->> 0)::bigint"
        ),
    );
    let mut last = i64::MIN;
    loop {
        let sql = format!(
            "SELECT id, {column} FROM {table} WHERE id > {last} AND {bytes} > length({column}) \
             ORDER BY id LIMIT {BATCH}"
        );
        let rows = connection
            .query_all_raw(Statement::from_string(backend, sql))
            .await?;
        let mut folded = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, text): (i64, String) = row.try_get_many_by_index()?;
            last = id;
            folded.extend(companion(&text).map(|companion| (id, companion)));
        }
        if !folded.is_empty() {
            let json = serde_json::json!(folded).to_string();
            let statement = Statement::from_sql_and_values(backend, &update, [json.into()]);
            connection.execute_raw(statement).await?;
        }
        if rows.len() < BATCH {
            return Ok(());
        }
    }
}

/// Value of the new column for this text.
fn companion(text: &str) -> Option<String> {
    let nfc = ComposingNormalizer::new_nfc();
    let folded = CaseMapper::new()
        .fold_string(&nfc.normalize(text))
        .into_owned();
    let folded = nfc.normalize(&folded);
    let is_needed = folded != text.to_ascii_lowercase() && !text.contains('\u{1f}');
    is_needed.then(|| format!("{folded}\u{1f}{text}"))
}
