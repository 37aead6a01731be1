//! The diagram of the tables in the README, made from the entities.
//!
//! `INSTA_UPDATE=always` writes it, as it does for snapshots.

use std::{env, fmt::Write as _, fs};

use entity::{assignment, employee, employee_meeting, meeting, project};
use sea_orm::{
    ColumnTrait, EntityTrait, Iterable, RelationTrait,
    sea_query::{ColumnType, Iden},
};

use crate::support::repository::root;

#[test]
fn the_diagram_of_the_readme_is_that_of_the_entities() {
    let mut tables = String::new();
    let mut links = String::new();
    add::<employee::Entity>(&mut tables, &mut links);
    add::<meeting::Entity>(&mut tables, &mut links);
    add::<project::Entity>(&mut tables, &mut links);
    add::<employee_meeting::Entity>(&mut tables, &mut links);
    add::<assignment::Entity>(&mut tables, &mut links);
    let diagram = format!("erDiagram\n{links}{tables}");

    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("```mermaid\n").unwrap();
    let (found, after) = rest.split_once("```").unwrap();
    if found != diagram && env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, format!("{before}```mermaid\n{diagram}```{after}")).unwrap();
        return;
    }
    assert_eq!(found, diagram, "write it with INSTA_UPDATE=always");
}

/// Adds a table, and a link for each of its foreign keys.
fn add<E: EntityTrait>(tables: &mut String, links: &mut String) {
    let table = E::default().as_str().to_owned();
    let keys: Vec<_> = E::Relation::iter()
        .map(|relation| relation.def())
        .filter(|relation| !relation.is_owner)
        .map(|relation| {
            let column = relation.from_col.to_string();
            let other = relation.to_tbl.sea_orm_table().to_string();
            writeln!(links, "  {other} ||--o{{ {table} : {column}").unwrap();
            column
        })
        .collect();
    if E::Column::iter().count() == keys.len() {
        // The links show all of a join table.
        return;
    }
    writeln!(tables, "  {table} {{").unwrap();
    for column in E::Column::iter() {
        let definition = column.def();
        let name = column.to_string();
        // Without the columns that every entity has, and the copy for an index.
        if ["id", "version", "employee_name"].contains(&name.as_str()) {
            continue;
        }
        let kind = match definition.get_column_type() {
            ColumnType::BigInteger => "bigint",
            ColumnType::Integer => "integer",
            ColumnType::Text => "text",
            ColumnType::Date => "date",
            ColumnType::TimestampWithTimeZone => "timestamp",
            other => panic!("{other:?}"),
        };
        let key = if keys.contains(&name) { " FK" } else { "" };
        let null = if definition.is_null() {
            " \"or null\""
        } else {
            ""
        };
        writeln!(tables, "    {kind} {name}{key}{null}").unwrap();
    }
    writeln!(tables, "  }}").unwrap();
}
