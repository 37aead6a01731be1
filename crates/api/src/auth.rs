//! Who asks, and what they may do. Knows no header and no token.
//!
//! What a field needs follows from its root, so a new field is never without a decision: everything
//! below `Query` and `Subscription` is for viewers, every field of `Mutation` for editors.

use async_graphql::{
    PathSegment, Positioned, ServerError,
    parser::types::{OperationType, Selection, SelectionSet},
};

use crate::guard::{Checked, coded};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Editor,
}

/// Whoever asks; goes with the request as its data. Without one a request may only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// What they may do.
    pub role: Role,
}

/// Refuses the fields at the root that the viewer may not have, each at its path.
pub fn authorize(checked: &Checked) -> Result<(), Vec<ServerError>> {
    let role = checked
        .data::<Viewer>()
        .map_or(Role::Viewer, |viewer| viewer.role);
    let needed = match checked.kind {
        OperationType::Query | OperationType::Subscription => Role::Viewer,
        OperationType::Mutation => Role::Editor,
    };
    if role >= needed {
        return Ok(());
    }
    let mut errors = Vec::new();
    forbid(
        checked,
        &checked.operation().node.selection_set,
        &mut errors,
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn forbid(checked: &Checked, set: &Positioned<SelectionSet>, errors: &mut Vec<ServerError>) {
    for selection in &set.node.items {
        match &selection.node {
            Selection::Field(field) if field.node.name.node == "__typename" => {}
            Selection::Field(field) => {
                let key = field.node.response_key().node.to_string();
                let error = coded(
                    "FORBIDDEN",
                    format!("`{}` needs the role editor.", field.node.name.node),
                    Some(field.pos),
                );
                errors.push(error.with_path(vec![PathSegment::Field(key)]));
            }
            Selection::InlineFragment(fragment) => {
                forbid(checked, &fragment.node.selection_set, errors);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = checked.document().fragments.get(name) {
                    forbid(checked, &fragment.node.selection_set, errors);
                }
            }
        }
    }
}
