//! Directories in which the program runs, each with a database of its own.

pub use crate::cli::{Home, Output, Server, homes, migrated_homes};
