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

/// A kind of user error: the fields that all have, and what it has of its own.
macro_rules! user_error {
    (
        $(#[$doc:meta])*
        $name:ident as $variant:ident, $code:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            #[doc = $code]
            code: UserErrorCode,
            /// For people.
            message: String,
            /// Which input is at fault.
            path: Vec<String>,
            $($(#[$field_doc])* $field: $type,)*
        }

        impl $name {
            /// The error, to be reported.
            pub fn report(path: Place, message: impl Into<String>, $($field: $type,)*) -> UserError {
                UserError::$variant(Self {
                    code: UserErrorCode::$variant,
                    message: message.into(),
                    path: path.0,
                    $($field,)*
                })
            }
        }
    };
}

user_error! {
    /// An input value that cannot be accepted.
    InvalidInputError as Invalid, "INVALID." {}
}

user_error! {
    /// An id that leads nowhere.
    NotFoundError as NotFound, "NOT_FOUND." {
        /// The id as given.
        missing_id: ID,
    }
}

user_error! {
    /// The record was changed by someone else since it was read.
    VersionConflictError as VersionConflict, "VERSION_CONFLICT." {
        /// The version the record has now.
        current_version: i32,
        /// The record as it now is.
        current: AnyNode,
    }
}

user_error! {
    /// The assignment would overlap others and `onOverlap` forbids it.
    OverlapError as Overlap, "OVERLAP." {
        /// The assignments in the way, earliest first. At most 20.
        conflicting: Vec<Assignment>,
    }
}

user_error! {
    /// The record still has assignments and the policy is RESTRICT.
    StillReferencedError as StillReferenced, "STILL_REFERENCED." {
        /// How many assignments are in the way.
        assignment_count: i32,
    }
}

user_error! {
    /// An assignment with the same employee, project, role and startDate exists already (assignEmployee with the same endDate returns it instead), or the same one is given twice in one request.
    DuplicateAssignmentError as Duplicate, "DUPLICATE." {
        /// The one that exists; null when both are in this very request.
        existing: Option<Assignment>,
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
