//! Measures the server against what would be written by hand, on databases of its own.
//!
//! * [`compare`]: every operation, next to the floors. This is what runs without a command.
//! * [`growth`]: the same answer from a small and from a large company.
//! * [`instructions`]: instructions per operation, which no busy machine can blur.
//!
//! They share [`operations`], [`database`], the [`program`]s and the [`load`]; [`report`] and
//! [`table`] say what came of it.

mod compare;
mod database;
mod growth;
mod http;
mod instructions;
mod load;
mod machine;
mod operations;
mod program;
mod report;
mod table;

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use operations::Operation;

/// What goes wrong ends the run, so a message is enough.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measure the server against what would be written by hand
#[derive(Parser)]
#[command(after_help = "\
Without a command: every operation, on both databases, next to the floors. Needs wrk, and for
PostgreSQL a server that databases can be made on; `instructions` needs valgrind.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Is the same answer as cheap from a large company, is a page deep in a list, is memory flat?
    Growth {
        /// How large
        #[arg(long, value_name = "N", default_value_t = 1_000_000)]
        employees: u64,
    },
    /// Count the instructions of each operation and compare them with instructions.json
    Instructions,
}

/// What to measure, and with what.
#[derive(Args)]
struct Settings {
    /// Only this database
    #[arg(long, global = true)]
    database: Option<Database>,
    /// Only this operation
    #[arg(long, global = true, value_name = "NAME")]
    operation: Option<Operation>,
    /// How long each measurement takes
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How often each is repeated; the median counts
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Write the outcome into this directory: the tables into README.md, or instructions.json
    #[arg(long, global = true)]
    save: bool,
    /// A PostgreSQL server that databases can be made on: postgres://USER@HOST/NAME
    #[arg(
        long,
        global = true,
        env = "TEST_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    postgres_url: Option<String>,
    /// A server that has been built, instead of building this one
    #[arg(long, global = true, value_name = "PATH")]
    roster: Option<PathBuf>,
    /// A floor that has been built, instead of building this one
    #[arg(long, global = true, value_name = "PATH")]
    floor: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Settings {
    fn databases(&self) -> Vec<Database> {
        let all = [Database::Sqlite, Database::Postgres].into_iter();
        all.filter(|database| self.database.is_none_or(|only| only == *database))
            .collect()
    }

    fn operations(&self) -> Vec<Operation> {
        let all = Operation::ALL.into_iter();
        all.filter(|operation| self.operation.is_none_or(|only| only == *operation))
            .collect()
    }
}

fn main() -> ExitCode {
    let Cli { command, settings } = Cli::parse();
    let outcome = match command {
        None => compare::run(&settings),
        Some(Command::Growth { employees }) => growth::run(&settings, employees),
        Some(Command::Instructions) => instructions::run(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes what was measured.
fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Tells what is going on.
fn tell(text: &str) {
    eprintln!("{text}");
}
