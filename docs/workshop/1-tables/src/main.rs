//! `workshop-1 up`, `workshop-1 status`, `workshop-1 down`.

use std::{env, error::Error, io::Write};

use sea_orm_migration::{MigrationStatus, MigratorTrait};
use workshop_1::{connect, migration::Migrator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL");
    let url = url.unwrap_or_else(|_| "sqlite:workshop.db?mode=rwc".to_owned());
    let db = connect(&url).await?;
    match env::args().nth(1).as_deref() {
        Some("up") => Migrator::up(&db, None).await?,
        Some("down") => Migrator::down(&db, Some(1)).await?,
        Some("status") => {}
        _ => return Err("give `up`, `status` or `down`".into()),
    }
    let mut output = std::io::stdout().lock();
    for step in Migrator::get_migration_with_status(&db).await? {
        let mark = match step.status() {
            MigrationStatus::Applied => "x",
            MigrationStatus::Pending => " ",
        };
        writeln!(output, "[{mark}] {}", step.name())?;
    }
    Ok(())
}
