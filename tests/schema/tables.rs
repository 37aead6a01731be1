//! The migrated tables: columns, constraint names and indexes.

use std::collections::BTreeMap;

use entity::{assignment, change, employee, employee_meeting, meeting, project};
use sea_level::text::companion_column;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, TransactionTrait,
    sea_query::{ExprTrait, NullOrdering, Order},
};

use crate::support::{
    sql::{column, migrated},
    tables::{described, tables},
};

#[tokio::test]
async fn entities_and_tables_agree() {
    for database in migrated().await {
        let db = database.connection();
        let backend = db.get_database_backend();
        let entities = BTreeMap::from([
            described::<assignment::Entity>(backend),
            described::<change::Entity>(backend),
            described::<employee::Entity>(backend),
            described::<employee_meeting::Entity>(backend),
            described::<meeting::Entity>(backend),
            described::<project::Entity>(backend),
        ]);
        let mut tables = tables(db).await;
        // Each text column that filters use has a companion column.
        for (table, column) in [
            ("employees", "name"),
            ("meetings", "topic"),
            ("meetings", "location"),
            ("projects", "title"),
            ("assignments", "role"),
        ] {
            let columns = &mut tables.get_mut(table).unwrap().columns;
            assert!(columns.remove(&companion_column(column)).is_some());
        }
        assert_eq!(tables, entities, "{}", database.name());
    }
}

#[tokio::test]
async fn every_constraint_index_and_trigger_has_an_explicit_name() {
    for database in migrated().await {
        let db = database.connection();
        let (constraints, indexes) = match db.get_database_backend() {
            DbBackend::Sqlite => {
                let sql = "SELECT sql FROM sqlite_master WHERE name <> 'seaql_migrations'";
                let sql: Vec<Option<String>> = column(db, sql).await;
                let sql = sql.into_iter().flatten().collect::<String>();
                for (kind, prefix) in [("REFERENCES", "fk"), ("CHECK (", "ck"), ("UNIQUE (", "uq")]
                {
                    let named = sql.matches(&format!("CONSTRAINT \"{prefix}_")).count();
                    assert_eq!(sql.matches(kind).count(), named, "{kind} in {sql}");
                }
                let names = sql.split("CONSTRAINT \"").skip(1);
                let names = names.filter_map(|rest| rest.split('"').next());
                (
                    names.map(str::to_owned).collect(),
                    // The indexes of primary keys cannot be named.
                    "SELECT name FROM sqlite_master WHERE type = 'index' \
                     AND name NOT LIKE 'sqlite_autoindex_employee_meetings_%' \
                     AND name NOT LIKE 'sqlite_autoindex_seaql_migrations_%'",
                )
            }
            _ => (
                column::<String>(
                    db,
                    "SELECT conname::text FROM pg_constraint \
                     WHERE connamespace = 'public'::regnamespace AND contype <> 'p'",
                )
                .await,
                "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisprimary",
            ),
        };
        let tables = tables(db).await;
        let indexes = column::<String>(db, indexes).await;
        let triggers = match db.get_database_backend() {
            DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            _ => "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal",
        };
        let triggers = column::<String>(db, triggers).await;
        for name in constraints.iter().chain(&indexes).chain(&triggers) {
            let ours = name.split_once('_').is_some_and(|(prefix, rest)| {
                ["fk", "ck", "uq", "ix", "tr"].contains(&prefix)
                    && tables
                        .keys()
                        .any(|table| rest.starts_with(&format!("{table}_")))
            });
            assert!(ours, "{}: {name}", database.name());
        }
        assert!(
            constraints.len() >= 14 && indexes.len() >= 10 && triggers.len() >= 2,
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn a_page_of_assignments_in_default_order_is_read_from_an_index_without_sorting() {
    let by_employee = assignment::Column::EmployeeId.eq(1);
    let by_project = assignment::Column::ProjectId.eq(1);
    let by_pair = by_employee.clone().and(by_project.clone());
    for database in migrated().await {
        let db = database.connection();
        for (parent, index) in [
            (&by_employee, "ix_assignments_employee_id_start_date_id"),
            (&by_project, "ix_assignments_project_id_start_date_id"),
            (
                &by_pair,
                "ix_assignments_project_id_employee_id_start_date_id",
            ),
        ] {
            let page = assignment::Entity::find()
                .filter(parent.clone())
                .order_by_with_nulls(
                    assignment::Column::StartDate,
                    Order::Asc,
                    NullOrdering::First,
                )
                .order_by_asc(assignment::Column::Id)
                .limit(21);
            let plan = plan(db, page).await;
            let sorts = plan.contains("Sort") || plan.contains("TEMP B-TREE");
            assert!(
                plan.contains(index) && !sorts,
                "{}:\n{plan}",
                database.name()
            );
        }
    }
}

/// Returns the query plan. On PostgreSQL, scans and sorts are disabled, as if the table were large.
async fn plan(db: &DatabaseConnection, query: impl QueryTrait) -> String {
    let mut query = query.build(db.get_database_backend());
    let transaction = db.begin().await.unwrap();
    query.sql = match db.get_database_backend() {
        DbBackend::Sqlite => format!("EXPLAIN QUERY PLAN {}", query.sql),
        _ => {
            let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
                            SET LOCAL enable_sort = off";
            transaction.execute_unprepared(settings).await.unwrap();
            format!("EXPLAIN {}", query.sql)
        }
    };
    let lines = transaction.query_all_raw(query).await.unwrap();
    let line = |row: &sea_orm::QueryResult| {
        row.try_get::<String>("", "detail")
            .or_else(|_| row.try_get::<String>("", "QUERY PLAN"))
            .unwrap()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
