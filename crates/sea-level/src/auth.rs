//! Clients and their roles. Knows no header and no token.

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Rights of the client.
    pub role: Role,
}
