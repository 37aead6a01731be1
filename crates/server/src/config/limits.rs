//! Every limit as a flag and an environment variable. What they mean for a document is said in
//! [`sea_level::Limits`] and [`DocumentLimits`], whose defaults these are.

use std::time::Duration;

use clap::Args;
use language::DocumentLimits;

use super::number::{TIME, within};

/// The largest size in bytes. A larger one would not limit anything.
const BYTES: u64 = 1 << 30;

/// Things of one kind in a request.
const COUNT: u64 = 10_000_000;

/// Levels inside each other. Parsers recurse into them, and a thread has 8 MiB of stack.
const DEPTH: u64 = 256;

/// How much anybody may ask at once, how long it may take, and how large it may be.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Connections at once; more wait to be accepted
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 2_048, value_parser = within::<u32>(1..=1_000_000))]
    pub max_connections: u32,
    /// Time to send the headers of a request
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 10, value_parser = within::<u64>(TIME))]
    pub header_timeout: u64,
    /// Size of the headers of a request, 8192 at least
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = 64 << 10, value_parser = within::<usize>(8_192..=16 << 20))]
    pub max_header_size: usize,
    /// Time to send the body of a request
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 15, value_parser = within::<u64>(TIME))]
    pub body_timeout: u64,
    /// Size of the body of a request
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = 1 << 20, value_parser = within::<usize>(1..=BYTES))]
    pub max_body_size: usize,
    /// Lists and objects inside each other in JSON
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 120, value_parser = within::<usize>(1..=127))]
    pub max_json_depth: usize,
    /// Time that a connection may be idle between requests
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 75, value_parser = within::<u64>(TIME))]
    pub idle_timeout: u64,
    /// Time that a client may leave an answer unread
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 30, value_parser = within::<u64>(TIME))]
    pub write_timeout: u64,
    /// Size of all answers together that clients have not read yet; above it, answers of more than
    /// 64 KiB are refused with 503
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = 256 << 20, value_parser = within::<usize>(1..=BYTES))]
    pub max_unread_answers: usize,
    /// Operations at once, until their answers have been sent; more are refused with 503
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 256, value_parser = within::<u32>(1..=1_000_000))]
    pub max_operations_at_once: u32,
    /// Time that an operation may take
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 10, value_parser = within::<u64>(TIME))]
    pub execution_timeout: u64,
    /// Errors in one answer
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 20, value_parser = within::<usize>(1..=10_000))]
    pub max_errors: usize,
    /// Characters in the message of an error
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 300, value_parser = within::<usize>(1..=100_000))]
    pub max_error_length: usize,
    /// Memory for the texts of automatic persisted queries
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = 4 << 20, value_parser = within::<usize>(0..=BYTES))]
    pub persisted_queries: usize,

    /// WebSockets at once
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 1_000, value_parser = within::<u32>(0..=1_000_000))]
    pub max_sockets: u32,
    /// Size of a message on a WebSocket
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = 256 << 10, value_parser = within::<usize>(1..=BYTES))]
    pub max_socket_message: usize,
    /// Operations at once on a WebSocket
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = 50, value_parser = within::<usize>(1..=1_000_000))]
    pub max_socket_operations: usize,
    /// Events of all subscriptions that are resolved at once; more wait
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = sea_level::Limits::DEFAULT.events_at_once, value_parser = within::<usize>(1..=COUNT))]
    pub max_events_at_once: usize,
    /// Time to begin with `connection_init`
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 10, value_parser = within::<u64>(TIME))]
    pub socket_init_timeout: u64,
    /// How often a WebSocket is pinged
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 25, value_parser = within::<u64>(TIME))]
    pub socket_ping: u64,
    /// Time to answer a ping, and to take a message
    #[arg(long, env, hide_short_help = true, value_name = "SECONDS", default_value_t = 10, value_parser = within::<u64>(TIME))]
    pub socket_pong_timeout: u64,

    /// Names, numbers, strings and signs in the text of a request
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.tokens, value_parser = within::<usize>(1..=COUNT))]
    pub max_tokens: usize,
    /// Brackets inside each other in the text
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.brackets, value_parser = within::<usize>(1..=DEPTH))]
    pub max_brackets: usize,
    /// Directives in the text
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.directives, value_parser = within::<usize>(0..=COUNT))]
    pub max_directives: usize,
    /// Characters in a name or number
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.name_length, value_parser = within::<usize>(1..=COUNT))]
    pub max_name_length: usize,
    /// Fragments in the text
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.fragments, value_parser = within::<usize>(0..=COUNT))]
    pub max_fragments: usize,
    /// Operations in the text
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.operations, value_parser = within::<usize>(1..=COUNT))]
    pub max_operations: usize,
    /// Fields inside each other
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.depth, value_parser = within::<usize>(1..=DEPTH))]
    pub max_depth: usize,
    /// Aliases in an operation
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.aliases, value_parser = within::<usize>(0..=COUNT))]
    pub max_aliases: usize,
    /// Fields at the root of an operation
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.root_fields, value_parser = within::<usize>(1..=COUNT))]
    pub max_root_fields: usize,
    /// Fields in an operation, fragments written out and equal names merged
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.fields, value_parser = within::<usize>(1..=COUNT))]
    pub max_fields: usize,
    /// Variables that an operation declares
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.variables, value_parser = within::<usize>(0..=COUNT))]
    pub max_variables: usize,
    /// Lists and objects inside each other in a variable
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.variable_depth, value_parser = within::<usize>(0..=DEPTH))]
    pub max_variable_depth: usize,
    /// Values in all variables together
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.variable_values, value_parser = within::<usize>(0..=COUNT))]
    pub max_variable_values: usize,
    /// Relations that a filter may go through
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = sea_level::Limits::DEFAULT.filter_hops, value_parser = within::<usize>(0..=16))]
    pub max_filter_hops: usize,
    /// Conditions in all filters of an operation together
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = sea_level::Limits::DEFAULT.filter_conditions, value_parser = within::<usize>(0..=COUNT))]
    pub max_filter_conditions: usize,
    /// Objects that an operation can return, page sizes multiplied down the tree
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = DocumentLimits::DEFAULT.cost, value_parser = within::<u64>(1..=1_000_000_000_000))]
    pub max_cost: u64,
    /// Rows that an operation may load
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = sea_level::Limits::DEFAULT.loaded, value_parser = within::<usize>(1..=1_000_000_000))]
    pub max_loaded: usize,
    /// Values in an answer
    #[arg(long, env, hide_short_help = true, value_name = "N", default_value_t = sea_level::Limits::DEFAULT.answer_values, value_parser = within::<usize>(1..=1_000_000_000))]
    pub max_answer_values: usize,
    /// Size of the data of an answer
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = sea_level::Limits::DEFAULT.answer_bytes, value_parser = within::<usize>(1..=BYTES))]
    pub max_answer_size: usize,
    /// Memory for parsed documents that are remembered
    #[arg(long, env, hide_short_help = true, value_name = "BYTES", default_value_t = sea_level::Limits::DEFAULT.document_cache, value_parser = within::<usize>(0..=BYTES))]
    pub document_cache: usize,
}

impl LimitSettings {
    /// Those on a document and what it does.
    pub fn of_operations(&self) -> sea_level::Limits {
        let document = DocumentLimits {
            tokens: self.max_tokens,
            brackets: self.max_brackets,
            directives: self.max_directives,
            name_length: self.max_name_length,
            fragments: self.max_fragments,
            operations: self.max_operations,
            depth: self.max_depth,
            aliases: self.max_aliases,
            root_fields: self.max_root_fields,
            fields: self.max_fields,
            variables: self.max_variables,
            variable_depth: self.max_variable_depth,
            variable_values: self.max_variable_values,
            cost: self.max_cost,
            ..DocumentLimits::DEFAULT
        };
        sea_level::Limits {
            document,
            filter_hops: self.max_filter_hops,
            filter_conditions: self.max_filter_conditions,
            loaded: self.max_loaded,
            answer_values: self.max_answer_values,
            answer_bytes: self.max_answer_size,
            events_at_once: self.max_events_at_once,
            document_cache: self.document_cache,
        }
    }
}

/// Said with each, or what comes after it in a command would stand there too.
const DEADLINES: &str = "Deadlines of the database";

/// How long the database may keep anybody waiting. `migrate` and `seed` may take as long as they
/// need: the first three are for servers.
#[derive(Args, Clone, Copy, Debug)]
pub struct DeadlineSettings {
    /// Time that a statement may take; on SQLite, those of an operation that follow each other
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.statement_timeout, value_parser = within::<u64>(TIME))]
    pub statement_timeout: u64,
    /// Time that PostgreSQL may wait for a row that another transaction holds
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.lock_timeout, value_parser = within::<u64>(TIME))]
    pub lock_timeout: u64,
    /// Time that a transaction of PostgreSQL may be open with nothing to do
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.transaction_timeout, value_parser = within::<u64>(TIME))]
    pub transaction_timeout: u64,
    /// Time to wait for a connection that is free
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.acquire_timeout, value_parser = within::<u64>(TIME))]
    pub acquire_timeout: u64,
    /// Time for one attempt to reach PostgreSQL
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.connect_timeout, value_parser = within::<u64>(TIME))]
    pub connect_timeout: u64,
    /// Time to wait for another process that writes to the same SQLite file
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "SECONDS",
          default_value_t = Self::DEFAULT.busy_timeout, value_parser = within::<u64>(TIME))]
    pub busy_timeout: u64,
    /// Connections of a server to PostgreSQL; one of them listens for changes, a third of the others write
    #[arg(long, env, help_heading = DEADLINES,
        hide_short_help = true, global = true, value_name = "N",
          default_value_t = Self::DEFAULT.database_connections,
          value_parser = within::<u32>(3..=10_000))]
    pub database_connections: u32,
}

impl DeadlineSettings {
    /// What holds unless somebody says otherwise. More connections make PostgreSQL no faster.
    pub const DEFAULT: Self = Self {
        statement_timeout: 8,
        lock_timeout: 4,
        transaction_timeout: 15,
        acquire_timeout: 3,
        connect_timeout: 5,
        busy_timeout: 5,
        database_connections: 16,
    };
}

impl Default for DeadlineSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Seconds of a setting.
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
