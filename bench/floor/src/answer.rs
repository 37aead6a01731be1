//! The answers, in the server's form, and the operations that give them.

use std::future::Future;

use serde::{Serialize, Serializer};

use crate::Failure;

/// Implementation of the operations.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// One employee.
    fn point(&self, employee: i64) -> impl Answer;
    /// One employee, their first projects, the first employees of these by name.
    fn mission(&self, employee: i64, first: i64) -> impl Answer;
    /// The first employees, their projects, the first employees of these by name.
    fn nested(&self) -> impl Answer;
    /// The same with the first of each list by id.
    fn nested_by_id(&self) -> impl Answer;
    /// The first employees with all of their projects.
    fn portfolios(&self) -> impl Answer;
    /// The first thousand employees.
    fn flat(&self) -> impl Answer;
    /// The first projects, their first assignments, the employee of each.
    fn edges(&self, first: i64) -> impl Answer;
    /// Assigns an employee to a project.
    fn write(&self, employee: i64, project: i64) -> impl Answer;
}

/// JSON of an answer.
pub(crate) trait Answer: Future<Output = Result<Vec<u8>, Failure>> + Send {}
impl<F: Future<Output = Result<Vec<u8>, Failure>> + Send> Answer for F {}

/// Employees and projects in the lists at the root.
pub(crate) const ROOTS: i64 = 50;
/// Employees whose projects are all listed.
pub(crate) const PORTFOLIOS: i64 = 250;
/// Employees in the flat list.
pub(crate) const FLAT: i64 = 1_000;
/// Items of a list without a given number.
pub(crate) const PAGE: i64 = 20;
/// Items of the inner lists of the nested ones.
pub(crate) const TEAM: i64 = 10;

/// Writes an answer as JSON.
pub(crate) fn json<T: Serialize>(data: T) -> Result<Vec<u8>, Failure> {
    #[derive(Serialize)]
    struct Body<T> {
        data: T,
    }
    Ok(serde_json::to_vec(&Body { data })?)
}

#[derive(Serialize)]
pub(crate) struct Employee<T> {
    pub employee: Option<T>,
}

#[derive(Serialize)]
pub(crate) struct Employees<T> {
    pub employees: Nodes<T>,
}

#[derive(Serialize)]
pub(crate) struct Projects<T> {
    pub projects: Nodes<T>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Nodes<T> {
    pub nodes: Vec<T>,
}

impl<T> FromIterator<T> for Nodes<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self {
            nodes: items.into_iter().collect(),
        }
    }
}

#[derive(Clone, Serialize)]
pub(crate) struct Name<S> {
    pub name: S,
}

#[derive(Serialize)]
pub(crate) struct Title<S> {
    pub title: S,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person<S, D> {
    pub name: S,
    pub hire_date: D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentifiedPerson<S, D> {
    #[serde(serialize_with = "employee_id")]
    pub id: i64,
    pub name: S,
    pub hire_date: D,
}

#[derive(Serialize)]
pub(crate) struct Member<S, P> {
    pub name: S,
    pub projects: Nodes<P>,
}

#[derive(Serialize)]
pub(crate) struct Mission<S> {
    pub title: S,
    pub budget: Option<i64>,
    pub employees: Nodes<Name<S>>,
}

#[derive(Serialize)]
pub(crate) struct Project<S> {
    pub title: S,
    pub employees: Nodes<Name<S>>,
}

#[derive(Serialize)]
pub(crate) struct Staffed<S, D> {
    pub title: S,
    pub assignments: Nodes<Stint<S, D>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stint<S, D> {
    pub role: Option<S>,
    pub start_date: Option<D>,
    pub end_date: Option<D>,
    pub employee: Name<S>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assigned<S> {
    assign_employee: Outcome<S>,
}

#[derive(Serialize)]
struct Outcome<S> {
    assignment: Option<Assignment<S>>,
}

#[derive(Serialize)]
struct Assignment<S> {
    #[serde(serialize_with = "assignment_id")]
    id: i64,
    employee: Name<S>,
}

impl<S> Assigned<S> {
    /// The assignment's id and the employee's name; `None` if the employee or the project does not exist.
    pub(crate) fn new(assignment: Option<(i64, S)>) -> Self {
        let assignment = assignment.map(|(id, name)| Assignment {
            id,
            employee: Name { name },
        });
        Self {
            assign_employee: Outcome { assignment },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn employee_id<S: Serializer>(id: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("emp_{id}"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn assignment_id<S: Serializer>(id: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("asg_{id}"))
}
