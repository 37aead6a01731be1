//! Access to the database: connections, transactions, statements, and decoding of rows.

pub mod commits;
pub mod pool;
mod reader;
mod row;
mod select;
mod statement;
mod transaction;
mod value;

pub use commits::CommitSource;
pub use reader::Reader;
pub use row::{Count, Row, WithExtras, extra_column};
pub use select::{rows, rows_by_key, rows_per_key, select_per_key, select_rows};
pub use statement::RowQuery;
pub use transaction::{Transaction, Transactions};
pub use value::{Column, Value, json_element};

/// Connections of the process to one database. Readers and writers have pools of their own, so that
/// neither waits for the other.
#[derive(Clone, Debug)]
pub struct Database {
    /// Statements that only read.
    pub reader: Reader,
    /// Transactions that write.
    pub transactions: Transactions,
    /// Notifications of commits by other processes.
    pub commits: CommitSource,
}
