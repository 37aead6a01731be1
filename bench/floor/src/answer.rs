//! The answers, in the server's form, and what gives them.

use std::{future::Future, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use crate::Failure;

/// Implementation of the operations.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// One employee.
    fn point(&self, employee: i64) -> impl Answer<Employee<Person>>;
    /// One employee, their projects, the employees of these.
    fn mission(&self, employee: i64) -> impl Answer<Employee<Member<Mission>>>;
    /// The first employees, their projects, the first employees of these.
    fn nested(&self) -> impl Answer<Employees<Member<Project>>>;
    /// The first thousand employees.
    fn flat(&self) -> impl Answer<Employees<IdentifiedPerson>>;
    /// The first projects, their assignments, whose they are.
    fn edges(&self) -> impl Answer<Projects>;
    /// Assigns an employee to a project; `None` when either does not exist.
    fn write(&self, employee: i64, project: i64) -> impl Answer<Option<Assignment>>;
}

/// Answer of an operation.
pub(crate) trait Answer<T>: Future<Output = Result<T, Failure>> + Send {}
impl<T, F: Future<Output = Result<T, Failure>> + Send> Answer<T> for F {}

/// Employees and projects in the lists at the root.
pub(crate) const ROOTS: i64 = 50;
/// Employees in the flat list.
pub(crate) const FLAT: i64 = 1_000;
/// Items of a list without a given number.
pub(crate) const PAGE: i64 = 20;
/// Employees of a project in the nested list.
pub(crate) const TEAM: i64 = 10;

#[derive(Serialize)]
pub(crate) struct Employee<T> {
    pub employee: Option<T>,
}

#[derive(Serialize)]
pub(crate) struct Employees<T> {
    pub employees: Nodes<T>,
}

#[derive(Serialize)]
pub(crate) struct Projects {
    pub projects: Nodes<Staffed>,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
pub(crate) struct Name {
    pub name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub name: String,
    pub hire_date: NaiveDate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentifiedPerson {
    #[serde(serialize_with = "employee_id")]
    pub id: i64,
    pub name: String,
    pub hire_date: NaiveDate,
}

#[derive(Serialize)]
pub(crate) struct Member<P> {
    pub name: String,
    pub projects: Nodes<P>,
}

#[derive(Serialize)]
pub(crate) struct Mission {
    pub title: String,
    pub budget: Option<i64>,
    pub employees: Nodes<Name>,
}

#[derive(Serialize)]
pub(crate) struct Project {
    pub title: String,
    /// Several employees may have the project.
    pub employees: Arc<Nodes<Name>>,
}

#[derive(Serialize)]
pub(crate) struct Staffed {
    pub title: String,
    pub assignments: Nodes<Stint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stint {
    pub role: Option<String>,
    pub start_date: Option<DateTime<Utc>>,
    pub end_date: Option<DateTime<Utc>>,
    pub employee: Name,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assigned {
    assign_employee: Outcome,
}

#[derive(Serialize)]
struct Outcome {
    assignment: Option<Assignment>,
}

#[derive(Serialize)]
pub(crate) struct Assignment {
    #[serde(serialize_with = "assignment_id")]
    pub id: i64,
    pub employee: Name,
}

impl From<Option<Assignment>> for Assigned {
    fn from(assignment: Option<Assignment>) -> Self {
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
