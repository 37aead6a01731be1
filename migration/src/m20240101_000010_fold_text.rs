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

#[derive(DeriveMigrationName)]
pub struct Migration;

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

/// How many rows are folded at a time.
const BATCH: usize = 1_000;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All of a step or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let collation = match backend {
            DbBackend::Sqlite => "",
            _ => r#" COLLATE "C""#,
        };
        for (table, column, behind) in COLUMNS {
            execute(
                manager,
                format!("ALTER TABLE {table} ADD COLUMN {column}_folded text{collation}"),
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
        // Nothing is known yet of the expression in the new indexes. SQLite looks where it has before;
        // PostgreSQL would plan for an empty table for a long time, once it has seen one.
        let is_known = manager.has_table("sqlite_stat1").await?;
        for table in ["employees", "projects", "meetings", "assignments"] {
            let any = format!("SELECT 1 FROM {table} LIMIT 1");
            let any = Statement::from_string(backend, any);
            let has_rows = manager.get_connection().query_one_raw(any).await?.is_some();
            if has_rows && (is_known || backend == DbBackend::Postgres) {
                execute(manager, format!("ANALYZE {table}")).await?;
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
            execute(
                manager,
                format!("ALTER TABLE {table} DROP COLUMN {column}_folded"),
            )
            .await?;
        }
        Ok(())
    }
}

/// The expression by which text is compared, which the statements of the program spell the same.
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
    execute(manager, format!("DROP INDEX {old}")).await?;
    let behind = behind.join(", ");
    let columns = format!("{expression}, {behind}");
    execute(
        manager,
        format!("CREATE INDEX {new} ON {table} ({columns})"),
    )
    .await
}

/// Folds the text that is there, in batches, since a table may be larger than the memory.
async fn fill(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let connection = manager.get_connection();
    let (bytes, update) = match backend {
        DbBackend::Sqlite => (
            format!("length(CAST({column} AS BLOB))"),
            format!(
                "UPDATE {table} SET {column}_folded = rows.value ->> 1 FROM json_each(?) AS rows \
                 WHERE {table}.id = rows.value ->> 0"
            ),
        ),
        _ => (
            format!("octet_length({column})"),
            format!(
                "UPDATE {table} SET {column}_folded = rows.value ->> 1 \
                 FROM json_array_elements($1::json) AS rows (value) \
                 WHERE {table}.id = (rows.value ->> 0)::bigint"
            ),
        ),
    };
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

/// What the new column holds for this text.
fn companion(text: &str) -> Option<String> {
    let nfc = ComposingNormalizer::new_nfc();
    let folded = CaseMapper::new()
        .fold_string(&nfc.normalize(text))
        .into_owned();
    let folded = nfc.normalize(&folded);
    let is_needed = folded != text.to_ascii_lowercase() && !text.contains('\u{1f}');
    is_needed.then(|| format!("{folded}\u{1f}{text}"))
}

async fn execute(manager: &SchemaManager<'_>, statement: String) -> Result<(), DbErr> {
    manager
        .get_connection()
        .execute_unprepared(&statement)
        .await?;
    Ok(())
}
