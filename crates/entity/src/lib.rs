//! Rows and relations of the staffing domain: the one place that says how tables are linked.
//!
//! | module | table | what it shows |
//! | --- | --- | --- |
//! | [`employee`] | `employees` | many-to-many twice: through a plain table and through an entity |
//! | [`meeting`] | `meetings` | the other end of the plain table |
//! | [`project`] | `projects` | the other end of the association entity |
//! | [`employee_meeting`] | `employee_meetings` | a join table that carries nothing |
//! | [`assignment`] | `assignments` | a join table that is an entity of its own, with role and dates |
//! | [`change`] | `changes` | what has happened, in the order of commit |
//!
//! Nothing here knows GraphQL or HTTP. Every read and every relation filter of the API is generic
//! over the [`sea_orm::Related`] implementations that these files generate.

pub mod assignment;
pub mod change;
pub mod employee;
pub mod employee_meeting;
pub mod meeting;
pub mod project;

/// The Rust of `docs/many-to-many.md` is compiled as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/many-to-many.md")]
struct ManyToMany;
