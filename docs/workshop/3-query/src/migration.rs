//! The steps in the order in which they are applied. A released step is never edited: a change is a new
//! step at the end of the list.

mod m20240101_000001_create_employees;
mod m20240101_000002_create_meetings;
mod m20240101_000003_create_employee_meetings;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20240101_000001_create_employees::Migration),
            Box::new(m20240101_000002_create_meetings::Migration),
            Box::new(m20240101_000003_create_employee_meetings::Migration),
        ]
    }
}
