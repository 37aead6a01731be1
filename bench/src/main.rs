//! Measures the server against what would be written by hand, on databases of its own.
//!
//! * [`compare`]: every operation, next to the floors. This is what runs without a command.
//! * [`growth`]: the same answer from a small and from a large company.
//! * [`instructions`]: instructions per operation, which no busy machine can blur.
//!
//! They share [`operations`], [`database`], the [`program`]s and the [`load`]; [`report`] and
//! [`table`] write the results.

#![warn(unreachable_pub)]

mod compare;
mod console;
mod database;
mod growth;
mod http;
mod instructions;
mod load;
mod machine;
mod operations;
mod program;
mod report;
mod settings;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use settings::Settings;

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
        /// Largest of three companies, each ten times the one before; five assignments for each employee
        #[arg(long, value_name = "N", default_value_t = 2_000_000)]
        employees: u64,
    },
    /// Count the instructions of each operation and compare them with instructions.json
    Instructions,
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
