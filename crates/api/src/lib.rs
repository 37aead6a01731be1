//! The GraphQL API of the staffing domain.
//!
//! | floor | modules |
//! | --- | --- |
//! | 1 | `period`: when an assignment is active; `outbox`: the rows of the change feed; `viewer`: the client |
//! | 2 | `employee`, `meeting`, `project`, `assignment`: object, filter and order of each entity |
//! | 2 | `staffing`: the link between employees and projects; `colleagues`, `overlaps` |
//! | 3 | `node`: the interface `Node` |
//! | 4 | `user_error`: errors that a client can put right; `changes`: the change feed as a page |
//! | 5 | `feed`: the change feed as a subscription; `write`: validation and locks |
//! | 6 | `mutations`: inputs, payloads, and the code that carries them out |
//! | 7 | `schema`: the roots |
//!
//! Entity files name each other's types; all other imports lead to a lower floor. [`sea_level`] turns queries into
//! SQL statements.

mod assignment;
mod changes;
mod colleagues;
mod employee;
mod feed;
mod meeting;
mod mutations;
mod node;
mod outbox;
mod overlaps;
mod period;
mod project;
mod schema;
mod staffing;
mod user_error;
mod viewer;
mod write;

pub use feed::Feed;
pub use outbox::CHANNEL;
pub use schema::{Roster, StaffingDomain, sdl};
