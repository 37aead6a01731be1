//! The client of a request, as it sees itself.

use async_graphql::{Description, Enum, Object};
use sea_level::{DateTime, auth};

/// Who is asking.
#[derive(Description)]
pub struct ViewerObject(pub auth::Viewer);

#[Object(name = "Viewer", use_type_description)]
impl ViewerObject {
    /// The `sub` of the token; null when the server asks for no token, or the token has none.
    async fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// What may be done.
    async fn role(&self) -> ViewerRole {
        self.0.role.into()
    }

    /// When the token ends; null when there is none.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }
}

/// What a viewer may do.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "auth::Role")]
pub enum ViewerRole {
    /// Read.
    Viewer,
    /// Read and write.
    Editor,
}
