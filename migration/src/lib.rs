//! The tables, one step at a time, for SQLite and PostgreSQL 15.
//!
//! | module | table |
//! | --- | --- |
//! | `m20240101_000001_create_employees` | `employees` |
//! | `m20240101_000002_create_meetings` | `meetings` |
//! | `m20240101_000003_create_projects` | `projects` |
//! | `m20240101_000004_create_employee_meetings` | `employee_meetings`, the plain join table |
//! | `m20240101_000005_create_assignments` | `assignments`, the join table that is an entity |
//! | `m20240101_000006_create_changes` | `changes`, the outbox |
//! | `m20240101_000007_cover_names` | indexes of PostgreSQL beside the keys |
//! | `m20240101_000008_copy_employee_names` | the names that lists of teams are ordered by, and their triggers |
//! | `m20240101_000009_copy_replaced_names` | the same after an insert that replaces, on SQLite |
//! | `m20240101_000010_fold_text` | text without regard to case, in every script |
//! | `m20240101_000011_add_actor` | the client that made a change |
//! | `parts` | columns, checks, indexes and statements, spelled for each database |
//! | `step` | the transaction of each step |
//!
//! Every constraint and index has a name: `fk_<table>_<column>_<referred table>`,
//! `ck_<table>_<what>`, `uq_…`, `ix_…`, and every trigger, `tr_<table>_<event>`; only primary keys keep
//! the database's own.
//!
//! No step uses the entities: they follow the newest tables, while a step written today must
//! compile and mean the same for ever. So a released step is never edited; a change is a new step
//! at the end of the list.

#![warn(unreachable_pub)]

mod m20240101_000001_create_employees;
mod m20240101_000002_create_meetings;
mod m20240101_000003_create_projects;
mod m20240101_000004_create_employee_meetings;
mod m20240101_000005_create_assignments;
mod m20240101_000006_create_changes;
mod m20240101_000007_cover_names;
mod m20240101_000008_copy_employee_names;
mod m20240101_000009_copy_replaced_names;
mod m20240101_000010_fold_text;
mod m20240101_000011_add_actor;
mod parts;
mod step;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{MigrationStatus, MigratorTrait};

use crate::step::InTransaction;

/// The steps in the order in which they are applied.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(InTransaction(m20240101_000001_create_employees::Migration)),
            Box::new(InTransaction(m20240101_000002_create_meetings::Migration)),
            Box::new(InTransaction(m20240101_000003_create_projects::Migration)),
            Box::new(InTransaction(
                m20240101_000004_create_employee_meetings::Migration,
            )),
            Box::new(InTransaction(
                m20240101_000005_create_assignments::Migration,
            )),
            Box::new(InTransaction(m20240101_000006_create_changes::Migration)),
            Box::new(InTransaction(m20240101_000007_cover_names::Migration)),
            Box::new(InTransaction(
                m20240101_000008_copy_employee_names::Migration,
            )),
            Box::new(InTransaction(
                m20240101_000009_copy_replaced_names::Migration,
            )),
            Box::new(InTransaction(m20240101_000010_fold_text::Migration)),
            Box::new(InTransaction(m20240101_000011_add_actor::Migration)),
        ]
    }
}
