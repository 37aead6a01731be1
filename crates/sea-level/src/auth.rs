//! Clients and their roles. Knows no header and no token.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Rights of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    #[default]
    Viewer,
    /// Reads and writes.
    Editor,
}

/// The client of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Rights of the client.
    pub role: Role,
    /// Stable identifier of the client; `None` if it is not known.
    pub subject: Option<Arc<str>>,
    /// End of the rights (UTC); `None` if they do not end.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Viewer {
    /// Creates a viewer without an identifier, whose rights do not end.
    pub const fn anonymous(role: Role) -> Self {
        Self {
            role,
            subject: None,
            expires_at: None,
        }
    }
}
