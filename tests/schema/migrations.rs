//! Migrations on both databases, and the databases that they refuse.

use std::collections::BTreeMap;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database};

use crate::support::{database::databases, tables::tables};

#[tokio::test]
async fn migrations_run_up_down_and_up_again() {
    for database in databases().await {
        let db = database.connection();
        Migrator::up(db, None).await.unwrap();
        let first = tables(db).await;

        // A migration with `_create_` in its name creates one table; the others create columns and indexes.
        loop {
            let applied = Migrator::get_applied_migrations(db).await.unwrap();
            let creating = applied
                .iter()
                .filter(|step| step.name().contains("_create_"));
            let tables = tables(db).await.len();
            assert_eq!(tables, creating.count(), "{}", database.name());
            if applied.is_empty() {
                break;
            }
            Migrator::down(db, Some(1)).await.unwrap();
        }

        Migrator::up(db, None).await.unwrap();
        assert_eq!(tables(db).await, first, "{}", database.name());
        assert!(
            Migrator::get_pending_migrations(db)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn migrations_refuse_a_database_that_is_not_utf8() {
    let Ok(url) = std::env::var("TEST_DATABASE_URL") else {
        return;
    };
    let name = format!("roster_ascii_{}", std::process::id());
    let admin = Database::connect(&url).await.unwrap();
    admin
        .execute_unprepared(&format!(
            "CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        ))
        .await
        .unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let ascii = Database::connect(format!("{server}/{name}")).await.unwrap();
    let refused = Migrator::up(&ascii, None).await;
    let left = tables(&ascii).await;
    ascii.close().await.unwrap();
    admin
        .execute_unprepared(&format!("DROP DATABASE {name}"))
        .await
        .unwrap();

    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("SQL_ASCII") && message.contains("UTF8"),
        "{message}"
    );
    assert_eq!(left, BTreeMap::new());
}
