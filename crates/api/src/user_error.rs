//! What the user can put right, as data: the typed entries of `userErrors`.

use async_graphql::{Enum, ID, Interface, SimpleObject};

use crate::{assignment::Assignment, node::AnyNode};

/// Kinds of user error.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserErrorCode {
    /// Empty, too long, too many, out of range, or dates in the wrong order.
    Invalid,
    /// There is nothing with that id, or it is of another type.
    NotFound,
    /// Changed by someone else since it was read.
    VersionConflict,
    /// It would overlap another assignment.
    Overlap,
    /// It still has assignments.
    StillReferenced,
    /// It would be the same as one that exists.
    Duplicate,
}

/// Something the user can put right. New kinds may be added: always select these three fields.
#[derive(Interface)]
#[graphql(
    field(
        name = "code",
        ty = "&UserErrorCode",
        desc = "For programs. New codes may be added."
    ),
    field(name = "message", ty = "&String", desc = "For people, in English."),
    field(
        name = "path",
        ty = "&Vec<String>",
        desc = "Which input is at fault, for example `[\"input\", \"assignments\", \"0\", \"endDate\"]`; empty when it is none in particular."
    )
)]
pub enum UserError {
    /// INVALID.
    Invalid(InvalidInputError),
    /// NOT_FOUND.
    NotFound(NotFoundError),
    /// VERSION_CONFLICT.
    VersionConflict(VersionConflictError),
    /// OVERLAP.
    Overlap(OverlapError),
    /// STILL_REFERENCED.
    StillReferenced(StillReferencedError),
    /// DUPLICATE.
    Duplicate(DuplicateAssignmentError),
}

/// An input value that cannot be accepted.
#[derive(SimpleObject)]
pub struct InvalidInputError {
    /// INVALID.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
}

impl InvalidInputError {
    /// Creates the error.
    pub fn report(path: Place, message: impl Into<String>) -> UserError {
        UserError::Invalid(Self {
            code: UserErrorCode::Invalid,
            message: message.into(),
            path: path.0,
        })
    }
}

/// An id that leads nowhere.
#[derive(SimpleObject)]
pub struct NotFoundError {
    /// NOT_FOUND.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
    /// The id as given.
    missing_id: ID,
}

impl NotFoundError {
    /// Creates the error.
    pub fn report(path: Place, message: impl Into<String>, missing_id: ID) -> UserError {
        UserError::NotFound(Self {
            code: UserErrorCode::NotFound,
            message: message.into(),
            path: path.0,
            missing_id,
        })
    }
}

/// The record was changed by someone else since it was read.
#[derive(SimpleObject)]
pub struct VersionConflictError {
    /// VERSION_CONFLICT.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
    /// The version the record has now.
    current_version: i32,
    /// The record as it now is.
    current: AnyNode,
}

impl VersionConflictError {
    /// Creates the error.
    pub fn report(
        path: Place,
        message: impl Into<String>,
        current_version: i32,
        current: AnyNode,
    ) -> UserError {
        UserError::VersionConflict(Self {
            code: UserErrorCode::VersionConflict,
            message: message.into(),
            path: path.0,
            current_version,
            current,
        })
    }
}

/// The assignment would overlap others and `onOverlap` forbids it.
#[derive(SimpleObject)]
pub struct OverlapError {
    /// OVERLAP.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
    /// The assignments in the way, earliest first. At most 20.
    conflicting: Vec<Assignment>,
}

impl OverlapError {
    /// Creates the error.
    pub fn report(
        path: Place,
        message: impl Into<String>,
        conflicting: Vec<Assignment>,
    ) -> UserError {
        UserError::Overlap(Self {
            code: UserErrorCode::Overlap,
            message: message.into(),
            path: path.0,
            conflicting,
        })
    }
}

/// The record still has assignments and the policy is RESTRICT.
#[derive(SimpleObject)]
pub struct StillReferencedError {
    /// STILL_REFERENCED.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
    /// How many assignments are in the way.
    assignment_count: i32,
}

impl StillReferencedError {
    /// Creates the error.
    pub fn report(path: Place, message: impl Into<String>, assignment_count: i32) -> UserError {
        UserError::StillReferenced(Self {
            code: UserErrorCode::StillReferenced,
            message: message.into(),
            path: path.0,
            assignment_count,
        })
    }
}

/// An assignment with the same employee, project, role and startDate exists already (assignEmployee with the same endDate returns it instead), or the same one is given twice in one request.
#[derive(SimpleObject)]
pub struct DuplicateAssignmentError {
    /// DUPLICATE.
    code: UserErrorCode,
    /// For people.
    message: String,
    /// Which input is at fault.
    path: Vec<String>,
    /// The one that exists; null when both are in this very request.
    existing: Option<Assignment>,
}

impl DuplicateAssignmentError {
    /// Creates the error.
    pub fn report(
        path: Place,
        message: impl Into<String>,
        existing: Option<Assignment>,
    ) -> UserError {
        UserError::Duplicate(Self {
            code: UserErrorCode::Duplicate,
            message: message.into(),
            path: path.0,
            existing,
        })
    }
}

/// A place in the input, as `path` says it.
#[derive(Clone, Debug)]
pub struct Place(Vec<String>);

impl Place {
    /// The argument itself, the one that every mutation has.
    pub fn input() -> Self {
        Self(vec!["input".to_owned()])
    }

    /// A field, or an item of a list, inside of this place.
    pub fn at(&self, part: impl ToString) -> Self {
        let mut path = self.0.clone();
        path.push(part.to_string());
        Self(path)
    }
}
