//! Mutations: inputs, payloads, and the code that carries them out.

mod assignment;
mod attendance;
mod employee;
mod meeting;
mod nested;
mod project;
mod staffing;

pub use assignment::AssignmentMutations;
pub use attendance::AttendanceMutations;
pub use employee::EmployeeMutations;
pub use meeting::MeetingMutations;
pub use project::ProjectMutations;
