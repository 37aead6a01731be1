//! Tables as the entities declare them and as the databases describe them.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, DatabaseConnection, DbBackend, EntityTrait, IdenStatic, Identity, Iterable,
    PrimaryKeyToColumn, RelationTrait,
    sea_query::{ColumnType, ForeignKeyAction},
};

use super::sql::{column, rows, scalar};

/// A table, as its entity declares it or as the database describes it.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// Name → type and nullability.
    pub columns: BTreeMap<String, String>,
    primary_key: Vec<String>,
    foreign_keys: BTreeSet<String>,
}

impl Table {
    fn add_column(&mut self, name: impl Into<String>, kind: impl Into<String>, nullable: bool) {
        let null = if nullable { "null" } else { "not null" };
        self.columns
            .insert(name.into(), format!("{} {null}", kind.into()));
    }

    fn add_foreign_key(&mut self, name: &str, column: &str, referred: &str, on_delete: &str) {
        let on_delete = on_delete.to_lowercase();
        self.foreign_keys.insert(format!(
            "{name}: {column} → {referred}, on delete {on_delete}"
        ));
    }
}

/// Returns the table as its entity declares it.
pub fn described<E: EntityTrait>(backend: DbBackend) -> (String, Table) {
    let name = E::default().table_name().to_owned();
    let mut table = Table::default();
    for column in E::Column::iter() {
        let definition = column.def();
        let kind = match (definition.get_column_type(), backend) {
            (ColumnType::BigInteger, DbBackend::Postgres) => "bigint",
            (ColumnType::BigInteger | ColumnType::Integer, _) => "integer",
            (ColumnType::Text, DbBackend::Postgres) => "text collate C",
            (ColumnType::Text, _) => "text",
            (ColumnType::Date, DbBackend::Postgres) => "date",
            (ColumnType::Date, _) => "date_text",
            (ColumnType::TimestampWithTimeZone, DbBackend::Postgres) => "timestamp with time zone",
            (ColumnType::TimestampWithTimeZone, _) => "timestamp_with_timezone_text",
            (other, _) => panic!("{name}: say here what {other:?} is in each database"),
        };
        table.add_column(column.as_str(), kind, definition.is_null());
    }
    for key in E::PrimaryKey::iter() {
        table
            .primary_key
            .push(key.into_column().as_str().to_owned());
    }
    for relation in E::Relation::iter().map(|relation| relation.def()) {
        if relation.is_owner {
            continue;
        }
        let one = |identity: &Identity| match identity {
            Identity::Unary(column) => column.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        let column = one(&relation.from_col);
        let referred = relation.to_tbl.sea_orm_table().to_string();
        assert!(matches!(
            relation.on_delete,
            Some(ForeignKeyAction::Cascade)
        ));
        table.add_foreign_key(
            &format!("fk_{name}_{column}_{referred}"),
            &column,
            &format!("{referred}.{}", one(&relation.to_col)),
            "cascade",
        );
    }
    (name, table)
}

/// Returns every table as the database describes it, except the list of migrations.
pub async fn tables(db: &DatabaseConnection) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::<String, Table>::new();
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            let names: Vec<String> = column(
                db,
                "SELECT name FROM sqlite_master WHERE type = 'table' \
                 AND name NOT IN ('seaql_migrations', 'sqlite_sequence')",
            )
            .await;
            for name in names {
                let table = tables.entry(name.clone()).or_default();
                let columns =
                    "SELECT name, type, \"notnull\", pk FROM pragma_table_info('{}') ORDER BY pk";
                for row in rows(db, &columns.replace("{}", &name)).await {
                    let (column, kind, required, key): (String, String, i32, i32) =
                        row.try_get_many_by_index().unwrap();
                    table.add_column(&column, kind.to_lowercase(), required == 0);
                    if key > 0 {
                        table.primary_key.push(column);
                    }
                }
                let create = format!("SELECT sql FROM sqlite_master WHERE name = '{name}'");
                let create: String = scalar(db, &create).await;
                let keys = "SELECT \"from\", \"table\", \"to\", on_delete \
                            FROM pragma_foreign_key_list('{}')";
                for row in rows(db, &keys.replace("{}", &name)).await {
                    let (column, referred, key, on_delete): (String, String, String, String) =
                        row.try_get_many_by_index().unwrap();
                    // SQLite has the name of the constraint only in the text of the statement.
                    let constraint = create
                        .split(&format!("\"{column}\" integer NOT NULL CONSTRAINT \""))
                        .nth(1)
                        .and_then(|rest| rest.split('"').next());
                    table.add_foreign_key(
                        constraint.unwrap_or("unnamed"),
                        &column,
                        &format!("{referred}.{key}"),
                        &on_delete,
                    );
                }
            }
        }
        _ => {
            let columns = "SELECT table_name::text, column_name::text, data_type::text \
                 || coalesce(' collate ' || collation_name, ''), is_nullable::text \
                 FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'";
            for row in rows(db, columns).await {
                let (table, column, kind, nullable): (String, String, String, String) =
                    row.try_get_many_by_index().unwrap();
                let table = tables.entry(table).or_default();
                table.add_column(column, kind, nullable == "YES");
            }
            let keys = "SELECT c.conname::text, c.contype::text, c.conrelid::regclass::text, \
                 a.attname::text, f.attrelid::regclass || '.' || f.attname, \
                 CASE c.confdeltype WHEN 'c' THEN 'cascade' ELSE 'other' END \
                 FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY k(attnum, place) \
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum \
                 LEFT JOIN pg_attribute f \
                 ON f.attrelid = c.confrelid AND f.attnum = c.confkey[k.place] \
                 WHERE c.contype IN ('p', 'f') AND c.connamespace = 'public'::regnamespace \
                 AND c.conname <> 'seaql_migrations_pkey' \
                 ORDER BY c.conname, k.place";
            for row in rows(db, keys).await {
                type Key = (String, String, String, String, Option<String>, String);
                let (name, kind, table, column, referred, on_delete): Key =
                    row.try_get_many_by_index().unwrap();
                let table = tables.entry(table).or_default();
                match referred {
                    Some(referred) if kind == "f" => {
                        table.add_foreign_key(&name, &column, &referred, &on_delete);
                    }
                    _ => table.primary_key.push(column),
                }
            }
        }
    }
    tables
}
