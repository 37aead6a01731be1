//! Mutations: inputs, payloads, and the code that carries them out.

mod assignment;
mod employee;
mod meeting;
mod project;

pub use assignment::AssignmentMutations;
pub use employee::EmployeeMutations;
pub use meeting::MeetingMutations;
pub use project::ProjectMutations;
