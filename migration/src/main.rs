//! The usual sea-orm-migration command line; `roster migrate` does the same without it.

use migration::Migrator;
use sea_orm_migration::prelude::*;

#[tokio::main]
async fn main() {
    cli::run_cli(Migrator).await;
}
