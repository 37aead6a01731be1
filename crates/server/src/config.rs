//! The command line and every setting. No other module reads an option or an environment variable,
//! except that the log reads `RUST_LOG`.

mod access;
pub(crate) mod database_url;
mod limit_option;
mod limits;
mod number;

use std::{
    env,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{FalseyValueParser, Resettable},
    error::{ContextKind, ContextValue},
};

pub use access::{AccessSettings, KeyAlgorithm, Role, is_subject};
pub use limit_option::limit_table;
pub use limits::{DeadlineSettings, LIMITS, Limit, LimitSettings, seconds};
use number::{TIME, within};

/// A GraphQL server for employees, their projects and their meetings
#[derive(Parser)]
#[command(
    name = "roster",
    version,
    arg_required_else_help = true,
    after_help = "\
Begin with `roster demo`: a server with a small company, in your browser, and nothing left behind.
Then `roster seed` and `roster serve` keep one in roster.db. `roster <COMMAND> --help` lists the options."
)]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the arguments and the environment. Ends the process on `--help` and on a mistake.
    pub fn read() -> Self {
        let mut command = without_empty_variables(Self::command());
        let parsed = command.try_get_matches_from_mut(env::args_os());
        let parsed = parsed.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.unwrap_or_else(|error| name_variable(error, command).exit())
    }

    /// Returns the form of the log. Commands other than servers log text.
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            Command::Demo { settings, .. } | Command::Serve { settings, .. } => {
                settings.log.log_format
            }
            _ => LogFormat::Text,
        }
    }
}

/// Makes an empty environment variable count as absent: Docker Compose and CI systems set such.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let value = arg.get_env().and_then(env::var_os);
            match value.is_some_and(|value| value.is_empty()) {
                true => arg.env(Resettable::Reset),
                false => arg,
            }
        })
        .mut_subcommands(without_empty_variables)
}

/// Adds the environment variable of a wrong value, which clap does not name.
fn name_variable(mut error: clap::Error, mut command: clap::Command) -> clap::Error {
    // An argument has its text only then.
    command.build();
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (arg, value) = (
        text(ContextKind::InvalidArg),
        text(ContextKind::InvalidValue),
    );
    let variable = arguments(&command)
        .filter(|candidate| arg == Some(&candidate.to_string()))
        .filter_map(|candidate| candidate.get_env()?.to_str())
        .find(|name| {
            // clap shows the part between commas that is wrong.
            let text = env::var(name).unwrap_or_default();
            value.is_some_and(|value| text == value || text.split(',').any(|part| part == value))
        });
    if let Some(name) = variable {
        let tip = format!("the value comes from the environment variable {name}");
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// Returns the arguments of the command and of all its subcommands.
fn arguments(command: &clap::Command) -> Box<dyn Iterator<Item = &clap::Arg> + '_> {
    let others = command.get_subcommands().flat_map(arguments);
    Box::new(command.get_arguments().chain(others))
}

/// Commands of the program.
#[derive(Subcommand)]
pub enum Command {
    /// Try it: a server on a new temporary database with the lesson's company
    #[command(
        after_help = "The database is deleted at the end. To keep one: `roster seed`, \
                            then `roster serve`."
    )]
    Demo {
        /// Limits of its database.
        #[command(flatten)]
        deadlines: DeadlineSettings,
        /// Settings of the server.
        #[command(flatten)]
        settings: Settings,
    },
    /// Serve the database of DATABASE_URL
    #[command(after_help = "\
A new SQLite file has tables and no rows: fill it with `roster seed`, or with mutations.
RUST_LOG sets what is logged, like RUST_LOG=debug.")]
    Serve {
        /// Database of the command.
        #[command(flatten)]
        database: DatabaseSettings,
        /// First bring the tables of a PostgreSQL database to this version
        ///
        /// A SQLite file is brought there by itself. Servers that start together do it one by one.
        #[arg(long, env, value_parser = FalseyValueParser::new())]
        migrate: bool,
        /// Settings of the server.
        #[command(flatten)]
        settings: Settings,
    },
    /// Create, change or remove the tables
    #[command(after_help = "Next: `roster seed` for rows, `roster serve` for the server.")]
    Migrate {
        /// Database of the command.
        #[command(flatten)]
        database: DatabaseSettings,
        /// Direction.
        #[command(subcommand)]
        step: MigrateStep,
    },
    /// Fill the database with a company: the lesson's, or a large one of any size
    #[command(after_help = "\
Without numbers: the four employees of the lesson. With one or more, a made-up company, the same
for the same numbers; the others follow: 10000 employees, 2000 projects, 5000 meetings, 5
assignments and 4 attendances for each employee. Next: `roster serve`.")]
    Seed {
        /// Database of the command.
        #[command(flatten)]
        database: DatabaseSettings,
        /// Delete all rows first and start the ids at 1 again
        #[arg(long)]
        reset: bool,
        /// Size of the company.
        #[command(flatten)]
        counts: SeedCounts,
    },
    /// Print a token that lets its bearer in, signed with the secret of the settings
    #[command(after_help = "Send it as `Authorization: Bearer …`.")]
    Token {
        /// Rights of the bearer
        #[arg(long)]
        role: Role,
        /// Identifier of the bearer, which `Change.actor` shows; 1 to 255 characters
        #[arg(long, value_name = "NAME", value_parser = access::subject)]
        subject: Option<String>,
        /// Time until the token expires, like 30m, 8h or 7d
        #[arg(long, value_name = "TIME", default_value = "8h", value_parser = number::time)]
        expires: std::time::Duration,
        /// Secret, issuer and audience.
        #[command(flatten)]
        access: AccessSettings,
    },
    /// Print the GraphQL schema as text; needs no database
    #[command(after_help = "After a change of the schema: `roster schema > schema.graphql`.")]
    Schema {
        /// Print nothing, but fail when this file says something else
        #[arg(
            long,
            value_name = "PATH",
            num_args = 0..=1,
            default_missing_value = "schema.graphql"
        )]
        check: Option<PathBuf>,
    },
    /// List the limits that `--limit` sets, with their defaults and bounds
    #[command(
        after_help = "Set them with `--limit NAME=VALUE`, or with LIMITS=NAME=VALUE,NAME=VALUE."
    )]
    Limits,
    /// Check trusted documents against the schema and the limits; needs no database
    #[command(
        after_help = "Before a deployment: shows which documents of clients would no longer run."
    )]
    CheckDocuments {
        /// The manifest: a JSON object of the text of each document by its id
        file: PathBuf,
        /// The limits of the server that will run them.
        #[command(flatten)]
        limits: LimitSettings,
    },
}

/// Settings of a server, apart from its database.
#[derive(Args)]
pub struct Settings {
    /// The address or name to listen on; `localhost` is 127.0.0.1 and ::1
    #[arg(long, env, default_value = "localhost")]
    pub host: String,
    /// The port to listen on; 0 takes any that is free
    #[arg(long, env, default_value_t = 8000, value_parser = within::<u16>(0..=65_535))]
    pub port: u16,
    /// Time after SIGTERM in which requests are still answered, before idle connections are closed
    #[arg(
        long,
        env,
        value_name = "SECONDS",
        default_value_t = 1,
        value_parser = within::<u64>(0..=3_600)
    )]
    pub shutdown_grace: u64,
    /// Time for which clients can resume the change feed at their cursor
    #[arg(
        long,
        env,
        value_name = "DAYS",
        default_value_t = 7,
        value_parser = within::<u64>(1..=36_500)
    )]
    pub keep_changes: u64,
    /// Run nothing but the documents of this manifest, as graphql-codegen writes it
    ///
    /// A JSON object of the text of each document by its id. Clients send the id as `documentId`, or
    /// as `sha256Hash` of `extensions.persistedQuery`. `roster check-documents FILE` lists
    /// those that do not run.
    #[arg(long, env, value_name = "FILE")]
    pub trusted_documents: Option<PathBuf>,
    /// Show the SQL of operations to clients that send the header `x-explain: true`
    ///
    /// `extensions.explain` lists the statements of each level with their rows and milliseconds, without
    /// the values of parameters. The SQL shows names of tables and columns to every client that may
    /// introspect. With trusted documents, no client gets it. `roster demo` has it on.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub explain: bool,
    /// Tokens, origins and hosts.
    #[command(flatten)]
    pub access: AccessSettings,
    /// Log and metrics.
    #[command(flatten)]
    pub log: LogSettings,
    /// Limits of requests and operations.
    #[command(flatten)]
    pub limits: LimitSettings,
}

impl Default for Settings {
    /// Returns the defaults.
    fn default() -> Self {
        #[derive(Parser)]
        struct Nothing {
            #[command(flatten)]
            settings: Settings,
        }
        Nothing::parse_from(["roster"]).settings
    }
}

/// Settings of log and metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Operation")]
pub struct LogSettings {
    /// The form of the log
    #[arg(long, env, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Log operations that take at least this long as warnings
    #[arg(
        long,
        env,
        value_name = "MILLISECONDS",
        default_value_t = 1_000,
        value_parser = within::<u64>(0..=86_400_000)
    )]
    pub slow_operation: u64,
    /// Serve metrics for Prometheus at http://ADDRESS/metrics, like 127.0.0.1:9090
    #[arg(long, env, value_name = "ADDRESS")]
    pub metrics_address: Option<std::net::SocketAddr>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text, for people.
    Text,
    /// JSON, for programs: one object a line.
    Json,
}

/// Database of a command.
#[derive(Args)]
pub struct DatabaseSettings {
    /// The database: sqlite:FILE, created on first use, or postgres://USER:PASSWORD@HOST/NAME
    ///
    /// Characters like # / ? @ in the user or the password are %-encoded. For PostgreSQL,
    /// `?host=/var/run/postgresql` connects through a socket, `?options=-csearch_path%3Dapp` uses the
    /// tables of the schema `app`. Parameters that are not known are refused.
    #[arg(
        long,
        env,
        value_name = "URL",
        default_value = "sqlite:roster.db",
        hide_env_values = true,
        global = true
    )]
    pub database_url: String,
    /// Time to wait for a PostgreSQL that is not up yet
    #[arg(
        long,
        env,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = within::<u64>(0..=*TIME.end()),
        global = true
    )]
    pub database_wait: u64,
    /// Limits of its connections.
    #[command(flatten)]
    pub deadlines: DeadlineSettings,
}

impl DatabaseSettings {
    /// Returns the settings of a SQLite database in this file, which need not exist.
    pub fn sqlite(file: &Path) -> Self {
        // In a URL these three characters would not be part of the path.
        let path = file.display().to_string();
        let path = path
            .replace('%', "%25")
            .replace('?', "%3F")
            .replace('#', "%23");
        Self {
            database_url: format!("sqlite:{path}"),
            database_wait: 0,
            deadlines: DeadlineSettings::DEFAULT,
        }
    }
}

/// Subcommands of `roster migrate`.
#[derive(Clone, Copy, Subcommand)]
pub enum MigrateStep {
    /// Apply every migration that the database lacks
    Up,
    /// Take back the newest migrations; drops the tables that they made, with all rows
    Down {
        /// Number of migrations
        #[arg(default_value_t = 1, value_parser = within::<u32>(1..=1_000))]
        steps: u32,
    },
    /// List the migrations and whether the database has them, and count stale copies of names
    ///
    /// Each assignment has a copy of its employee's name, kept by triggers, for the order of lists.
    /// Answers never show it. A copy is stale when another program wrote without the triggers.
    Status,
    /// Correct stale copies of names, which put employees in the wrong place in lists
    ///
    /// Other writers wait until it is done; a server can go on running.
    Repair,
    /// Drop ALL tables, also those of other programs, and apply every migration
    Fresh {
        /// Drop tables that hold rows or belong to another program
        #[arg(long)]
        force: bool,
    },
}

/// Rows of one table that `roster seed` inserts.
const ROWS: RangeInclusive<u64> = 0..=100_000_000;

/// Size of a made-up company. Without any number `roster seed` inserts the lesson's.
#[derive(Args, Clone, Copy, Default)]
#[command(next_help_heading = "Size")]
pub struct SeedCounts {
    /// Number of employees
    #[arg(long, value_name = "N", value_parser = within::<u32>(ROWS))]
    pub employees: Option<u32>,
    /// Number of projects; some have 200 employees
    #[arg(long, value_name = "N", value_parser = within::<u32>(ROWS))]
    pub projects: Option<u32>,
    /// Number of assignments; some employees have three times as many as the others
    #[arg(long, value_name = "N", value_parser = within::<u32>(ROWS))]
    pub assignments: Option<u32>,
    /// Number of meetings
    #[arg(long, value_name = "N", value_parser = within::<u32>(ROWS))]
    pub meetings: Option<u32>,
    /// Number of attendances at meetings
    #[arg(long, value_name = "N", value_parser = within::<u32>(ROWS))]
    pub attendances: Option<u32>,
}
