//! The options of every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::operations::Operation;

/// Databases, operations and programs to measure.
#[derive(Args)]
pub(crate) struct Settings {
    /// Only this database
    #[arg(long, global = true)]
    pub database: Option<Database>,
    /// Only this operation
    #[arg(long, global = true, value_name = "NAME")]
    pub operation: Option<Operation>,
    /// How long each measurement takes
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How often each is repeated; the median counts
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// Write the outcome into this directory: the tables into README.md, or instructions.json
    #[arg(long, global = true)]
    pub save: bool,
    /// A PostgreSQL server that databases can be made on: postgres://USER@HOST/NAME
    #[arg(
        long,
        global = true,
        env = "TEST_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: Option<String>,
    /// A server that has been built, instead of building this one
    #[arg(long, global = true, value_name = "PATH")]
    pub roster: Option<PathBuf>,
    /// A floor that has been built, instead of building this one
    #[arg(long, global = true, value_name = "PATH")]
    pub floor: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Settings {
    pub(crate) fn databases(&self) -> Vec<Database> {
        let all = [Database::Sqlite, Database::Postgres].into_iter();
        all.filter(|database| self.database.is_none_or(|only| only == *database))
            .collect()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let all = Operation::value_variants().iter().copied();
        all.filter(|operation| self.operation.is_none_or(|only| only == *operation))
            .collect()
    }
}
