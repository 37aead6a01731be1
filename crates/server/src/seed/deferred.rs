//! Drops indexes and foreign keys before a large insert and restores them after it.
//!
//! Rows come project by project, so an index on the employee changes at random places. Once it
//! outgrows the cache, each row reads and writes a page of it. Built at the end it is sorted once.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement};
use serde_json::json;

use crate::tables;

/// Statements that drop and restore, in the order in which the indexes were created: of two that seem
/// as good SQLite takes the newer one. The trigger copies names, which the inserted rows have already.
const SQLITE: &str = "\
SELECT format('DROP %s \"%w\"', type, name), sql FROM sqlite_schema \
WHERE tbl_name IN (SELECT value FROM json_each(?)) \
AND sql IS NOT NULL AND (type = 'index' OR name = 'tr_assignments_insert') ORDER BY rowid";

/// The same, without rows unless the role may drop and create: then it owns all tables. Primary keys
/// of entities stay, since ids are inserted in order.
const POSTGRES: &str = "\
WITH tables AS (SELECT oid, pg_has_role(relowner, 'USAGE') \
AND has_schema_privilege(relnamespace, 'CREATE') AS is_ours FROM pg_class WHERE oid = ANY ($1::regclass[])), \
parts AS (SELECT contype = 'f' AS is_late, CASE contype WHEN 'f' THEN oid ELSE conindid END AS place, \
format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS removal, \
format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, \
pg_get_constraintdef(oid)) AS definition \
FROM pg_constraint WHERE conrelid IN (SELECT oid FROM tables) \
AND (contype IN ('f', 'u') OR contype = 'p' AND conrelid = ANY ($2::regclass[])) \
UNION ALL SELECT false, indexrelid, format('DROP INDEX %s', indexrelid::regclass), \
pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM tables) \
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid) \
UNION ALL SELECT true, 0::oid, 'ALTER TABLE assignments DISABLE TRIGGER tr_assignments_insert_update', \
'ALTER TABLE assignments ENABLE TRIGGER tr_assignments_insert_update') \
SELECT removal, definition FROM parts \
WHERE NOT EXISTS (SELECT FROM tables WHERE NOT is_ours) \
ORDER BY is_late, place";

/// Gives the sort of an index memory.
const PREPARE: &str = "SET LOCAL maintenance_work_mem = '256MB'";

/// Drops the indexes, unique constraints and foreign keys of tables that are empty or whose rows are to go.
/// Returns the statements that restore them, without comments and tablespaces; none if the role may not drop them.
pub(super) async fn drop_all(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let backend = transaction.get_database_backend();
    let company = tables::owned(tables::company());
    let select = match backend {
        DatabaseBackend::Sqlite => {
            Statement::from_sql_and_values(backend, SQLITE, [json!(company).to_string().into()])
        }
        _ => {
            let joins = tables::owned(tables::JOINS.iter().copied());
            Statement::from_sql_and_values(backend, POSTGRES, [company.into(), joins.into()])
        }
    };
    let mut definitions = Vec::new();
    for row in transaction.query_all_raw(select).await? {
        let (removal, definition): (String, String) = row.try_get_many_by_index()?;
        transaction.execute_unprepared(&removal).await?;
        definitions.push(definition);
    }
    if backend == DatabaseBackend::Postgres && !definitions.is_empty() {
        transaction.execute_unprepared(PREPARE).await?;
    }
    Ok(definitions)
}
