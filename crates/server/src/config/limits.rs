//! Every limit of the program: its name, default, bounds and meaning. `--limit` sets them by name.

use std::{ops::RangeInclusive, time::Duration};

use super::number::TIME;

/// Limits of HTTP, of WebSockets and of operations. [`LIMITS`] describes each field.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "`LIMITS` describes each field")]
pub struct LimitSettings {
    pub connections: u32,
    pub header_timeout: u64,
    pub header_size: usize,
    pub body_timeout: u64,
    pub body_size: usize,
    pub json_depth: usize,
    pub idle_timeout: u64,
    pub write_timeout: u64,
    pub unread_answers: usize,
    pub operations_at_once: u32,
    pub execution_timeout: u64,
    pub errors: usize,
    pub error_length: usize,
    pub persisted_queries: usize,
    pub sockets: u32,
    pub socket_message: usize,
    pub socket_operations: usize,
    pub socket_init_timeout: u64,
    pub socket_ping: u64,
    pub socket_pong_timeout: u64,
    pub streams: u32,
    pub stream_ping: u64,
    pub operation: sea_level::Limits,
}

impl LimitSettings {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        connections: 2_048,
        header_timeout: 10,
        header_size: 64 << 10,
        body_timeout: 15,
        body_size: 1 << 20,
        json_depth: 120,
        idle_timeout: 75,
        write_timeout: 30,
        unread_answers: 256 << 20,
        operations_at_once: 256,
        execution_timeout: 10,
        errors: 20,
        error_length: 300,
        persisted_queries: 4 << 20,
        sockets: 1_000,
        socket_message: 256 << 10,
        socket_operations: 50,
        socket_init_timeout: 10,
        socket_ping: 25,
        socket_pong_timeout: 10,
        streams: 1_000,
        stream_ping: 15,
        operation: sea_level::Limits::DEFAULT,
    };
}

/// Limits of the database's connections. [`LIMITS`] describes each field.
///
/// `migrate` and `seed` follow `acquire_timeout`, `connect_timeout` and `busy_timeout` only: their
/// statements may take as long as they need.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "`LIMITS` describes each field")]
pub struct DeadlineSettings {
    pub statement_timeout: u64,
    pub lock_timeout: u64,
    pub transaction_timeout: u64,
    pub acquire_timeout: u64,
    pub connect_timeout: u64,
    pub busy_timeout: u64,
    pub database_connections: u32,
}

impl DeadlineSettings {
    /// The defaults. More connections make PostgreSQL no faster.
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

/// The values of all limits.
pub(super) struct LimitValues {
    pub(super) server: LimitSettings,
    pub(super) database: DeadlineSettings,
}

impl LimitValues {
    /// The defaults.
    pub(super) const DEFAULT: Self = Self {
        server: LimitSettings::DEFAULT,
        database: DeadlineSettings::DEFAULT,
    };
}

/// Number that a limit is stored in.
pub(super) trait Number {
    fn get(&self) -> u64;
    /// The bounds of the limit keep the number within the type.
    fn set(&mut self, number: u64);
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn get(&self) -> u64 {
                *self as u64
            }

            fn set(&mut self, number: u64) {
                *self = number as $type;
            }
        }
    )*};
}
number!(u32, u64, usize);

/// One limit, as `--limit` and `roster limits` know it.
pub struct Limit {
    /// Its name: that of `extensions.limit` in errors and of `limit` in metrics.
    pub name: &'static str,
    /// Unit of the number.
    pub unit: &'static str,
    /// Numbers that the limit may be.
    pub bounds: RangeInclusive<u64>,
    /// Place of the number.
    pub(super) field: fn(&mut LimitValues) -> &mut dyn Number,
    /// Quantity that the limit bounds.
    pub description: &'static str,
}

impl Limit {
    /// The number unless `--limit` sets another.
    pub fn default(&self) -> u64 {
        (self.field)(&mut { LimitValues::DEFAULT }).get()
    }
}

const fn limit(
    name: &'static str,
    unit: &'static str,
    bounds: RangeInclusive<u64>,
    field: fn(&mut LimitValues) -> &mut dyn Number,
    description: &'static str,
) -> Limit {
    Limit {
        name,
        unit,
        bounds,
        field,
        description,
    }
}

const SECONDS: &str = "seconds";
const BYTES: &str = "bytes";
const COUNT: &str = "";

/// A larger size would not limit anything.
const SIZE: RangeInclusive<u64> = 1..=1 << 30;
const SIZE_OR_NONE: RangeInclusive<u64> = 0..=1 << 30;
/// Things of one kind at once, in all the process.
const AT_ONCE: RangeInclusive<u64> = 1..=1_000_000;
/// Things of one kind in a request.
const MANY: RangeInclusive<u64> = 1..=10_000_000;
const MANY_OR_NONE: RangeInclusive<u64> = 0..=10_000_000;
/// Levels inside each other. Parsers recurse into them, and a thread has 8 MiB of stack.
const DEPTH: RangeInclusive<u64> = 1..=256;
/// Rows and values that one operation reads.
const LOADED: RangeInclusive<u64> = 1..=1_000_000_000;

/// All limits, in the order of `roster limits`.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    limit("connections", COUNT, AT_ONCE, |all| &mut all.server.connections, "Connections at once; more wait to be accepted"),
    limit("header_timeout", SECONDS, TIME, |all| &mut all.server.header_timeout, "Time to send the headers of a request"),
    limit("header_size", BYTES, 8_192..=16 << 20, |all| &mut all.server.header_size, "Headers of a request"),
    limit("body_timeout", SECONDS, TIME, |all| &mut all.server.body_timeout, "Time to send the body of a request"),
    limit("body_size", BYTES, SIZE, |all| &mut all.server.body_size, "Body of a request"),
    limit("json_depth", COUNT, 1..=127, |all| &mut all.server.json_depth, "Lists and objects inside each other in JSON"),
    limit("idle_timeout", SECONDS, TIME, |all| &mut all.server.idle_timeout, "Time that a connection may be idle between requests"),
    limit("write_timeout", SECONDS, TIME, |all| &mut all.server.write_timeout, "Time that a client may leave an answer unread"),
    limit("unread_answers", BYTES, SIZE, |all| &mut all.server.unread_answers, "All unread answers together; above it, an answer of more than 64 KiB is refused with 503"),
    limit("operations_at_once", COUNT, AT_ONCE, |all| &mut all.server.operations_at_once, "Operations at once, until their answers are sent; more are refused with 503"),
    limit("execution_timeout", SECONDS, TIME, |all| &mut all.server.execution_timeout, "Time that an operation may take"),
    limit("errors", COUNT, 1..=10_000, |all| &mut all.server.errors, "Errors in one answer"),
    limit("error_length", COUNT, 1..=100_000, |all| &mut all.server.error_length, "Characters in the message of an error"),
    limit("persisted_queries", BYTES, SIZE_OR_NONE, |all| &mut all.server.persisted_queries, "Memory for the texts of automatic persisted queries"),

    limit("sockets", COUNT, 0..=1_000_000, |all| &mut all.server.sockets, "WebSockets at once"),
    limit("socket_message", BYTES, SIZE, |all| &mut all.server.socket_message, "Message on a WebSocket"),
    limit("socket_operations", COUNT, AT_ONCE, |all| &mut all.server.socket_operations, "Operations at once on a WebSocket"),
    limit("socket_init_timeout", SECONDS, TIME, |all| &mut all.server.socket_init_timeout, "Time to begin with `connection_init`"),
    limit("socket_ping", SECONDS, TIME, |all| &mut all.server.socket_ping, "Time between pings of a WebSocket"),
    limit("socket_pong_timeout", SECONDS, TIME, |all| &mut all.server.socket_pong_timeout, "Time to answer a ping, and to take a message"),
    limit("streams", COUNT, 0..=1_000_000, |all| &mut all.server.streams, "Subscriptions at once as server-sent events"),
    limit("stream_ping", SECONDS, TIME, |all| &mut all.server.stream_ping, "Time between comments of an event stream"),
    limit("events_at_once", COUNT, MANY, |all| &mut all.server.operation.events_at_once, "Events of all subscriptions that are resolved at once; more wait"),

    limit("tokens", COUNT, MANY, |all| &mut all.server.operation.document.tokens, "Names, numbers, strings and signs in the text of a document"),
    limit("brackets", COUNT, DEPTH, |all| &mut all.server.operation.document.brackets, "Brackets inside each other in the text"),
    limit("directives", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.document.directives, "Directives in the text"),
    limit("name_length", COUNT, MANY, |all| &mut all.server.operation.document.name_length, "Characters in a name or number"),
    limit("operations", COUNT, MANY, |all| &mut all.server.operation.document.operations, "Operations in the text"),
    limit("fragments", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.document.fragments, "Fragments in the text"),
    limit("variables", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.document.variables, "Variables that an operation declares"),
    limit("variable_depth", COUNT, 0..=256, |all| &mut all.server.operation.document.variable_depth, "Lists and objects inside each other in a variable"),
    limit("variable_values", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.document.variable_values, "Values in all variables together"),
    limit("depth", COUNT, DEPTH, |all| &mut all.server.operation.document.depth, "Fields inside each other"),
    limit("merge_steps", COUNT, MANY, |all| &mut all.server.operation.document.merge_steps, "Steps of the search for fields that conflict"),
    limit("fields", COUNT, MANY, |all| &mut all.server.operation.document.fields, "Fields in an operation, fragments written out and equal names merged"),
    limit("normalize_steps", COUNT, MANY, |all| &mut all.server.operation.document.normalize_steps, "Steps to write out fragments and to merge equal names"),
    limit("aliases", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.document.aliases, "Aliases in an operation"),
    limit("root_fields", COUNT, MANY, |all| &mut all.server.operation.document.root_fields, "Fields at the root of an operation"),
    limit("introspection_lists", COUNT, 0..=16, |all| &mut all.server.operation.document.introspection_lists, "Lists of introspection inside each other"),
    limit("cost", COUNT, 1..=1_000_000_000_000, |all| &mut all.server.operation.document.cost, "Objects that an operation can return, page sizes multiplied down the tree"),
    limit("filter_hops", COUNT, 0..=16, |all| &mut all.server.operation.filter_hops, "Relations that a filter may go through"),
    limit("filter_conditions", COUNT, MANY_OR_NONE, |all| &mut all.server.operation.filter_conditions, "Conditions in all filters of an operation together"),
    limit("loaded", COUNT, LOADED, |all| &mut all.server.operation.loaded, "Rows that an operation may load"),
    limit("answer_values", COUNT, LOADED, |all| &mut all.server.operation.answer_values, "Values in an answer"),
    limit("answer_bytes", BYTES, SIZE, |all| &mut all.server.operation.answer_bytes, "Data of an answer"),
    limit("document_cache", BYTES, SIZE_OR_NONE, |all| &mut all.server.operation.document_cache, "Memory for documents that are kept in checked form"),

    limit("statement_timeout", SECONDS, TIME, |all| &mut all.database.statement_timeout, "Time that a statement may take; on SQLite, consecutive ones of an operation together"),
    limit("lock_timeout", SECONDS, TIME, |all| &mut all.database.lock_timeout, "Time that PostgreSQL may wait for a row that another transaction holds"),
    limit("transaction_timeout", SECONDS, TIME, |all| &mut all.database.transaction_timeout, "Time that a transaction of PostgreSQL may be open with nothing to do"),
    limit("acquire_timeout", SECONDS, TIME, |all| &mut all.database.acquire_timeout, "Time to wait for a free connection"),
    limit("connect_timeout", SECONDS, TIME, |all| &mut all.database.connect_timeout, "Time for one attempt to reach PostgreSQL"),
    limit("busy_timeout", SECONDS, TIME, |all| &mut all.database.busy_timeout, "Time to wait for another process that writes to the same SQLite file"),
    limit("database_connections", COUNT, 3..=10_000, |all| &mut all.database.database_connections, "Connections to PostgreSQL: one listens for changes, a third of the others write"),
];

/// Seconds of a setting.
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::{LIMITS, LimitValues};

    #[test]
    fn each_limit_has_a_field_of_its_own_and_a_default_within_its_bounds() {
        for limit in LIMITS {
            let name = limit.name;
            assert!(limit.bounds.contains(&limit.default()), "{name}");
            let mut values = LimitValues::DEFAULT;
            (limit.field)(&mut values).set(limit.default() + 1);
            for other in LIMITS {
                let is_changed = (other.field)(&mut values).get() != other.default();
                assert_eq!(is_changed, other.name == name, "{name} and {}", other.name);
            }
        }
    }
}
