//! What is asked, as types: a field that the schema does not have, or has as something else, does
//! not compile.

#[cynic::schema("roster")]
mod schema {}

/// A point in time, like `2023-05-28T00:00:00Z`; a calendar crate's type would do as well.
#[derive(cynic::Scalar, Clone, Debug)]
#[cynic(graphql_type = "DateTime")]
pub struct DateTime(pub String);

#[derive(cynic::QueryVariables)]
pub struct WalkVariables<'a> {
    pub id: &'a cynic::Id,
    pub first: i32,
    pub after: Option<&'a str>,
}

/// One project and a page of its people, each with what else they work on.
#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Query", variables = "WalkVariables")]
pub struct Walk {
    #[arguments(id: $id)]
    pub project: Option<Project>,
}

#[derive(cynic::QueryFragment)]
#[cynic(variables = "WalkVariables")]
pub struct Project {
    pub title: String,
    #[arguments(first: $first, after: $after)]
    pub employees: ProjectEmployeeConnection,
}

#[derive(cynic::QueryFragment)]
pub struct ProjectEmployeeConnection {
    pub edges: Vec<ProjectEmployeeEdge>,
    pub page_info: PageInfo,
}

#[derive(cynic::QueryFragment)]
pub struct ProjectEmployeeEdge {
    pub node: Employee,
    pub roles: Vec<String>,
    pub since: Option<DateTime>,
}

#[derive(cynic::QueryFragment)]
pub struct Employee {
    pub name: String,
    pub projects: EmployeeProjectConnection,
}

#[derive(cynic::QueryFragment)]
pub struct EmployeeProjectConnection {
    pub nodes: Vec<Title>,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Project")]
pub struct Title {
    pub title: String,
}

#[derive(cynic::QueryFragment)]
pub struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}
