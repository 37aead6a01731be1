//! Who asks, and what they may do. Knows no header and no token.
//!
//! What a field needs follows from its root, so a new field is never without a decision: everything
//! below `Query` and `Subscription` is for viewers, every field of `Mutation` for editors.

use async_graphql::{PathSegment, ServerError, parser::types::OperationType};

use crate::{error::coded, guard::Checked};

/// What somebody may do.
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
    /// What they may do.
    pub role: Role,
}

/// Refuses the fields at the root that the viewer may not have, each at its path.
pub fn authorize(checked: &Checked) -> Result<(), Vec<ServerError>> {
    let needed = match checked.kind() {
        OperationType::Query | OperationType::Subscription => Role::Viewer,
        OperationType::Mutation => Role::Editor,
    };
    if checked.viewer.role >= needed {
        return Ok(());
    }
    let fields = checked.operation.root_fields();
    let fields = fields.filter(|field| field.node.name.node != "__typename");
    let errors: Vec<_> = fields
        .map(|field| {
            let key = field.node.response_key().node.to_string();
            let error = coded(
                "FORBIDDEN",
                format!("`{}` needs the role editor.", field.node.name.node),
                Some(field.pos),
            );
            error.with_path(vec![PathSegment::Field(key)])
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}
