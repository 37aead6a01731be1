//! The measured operations, as requests to the server and to the floor.

use std::{borrow::Cow, fs};

use clap::ValueEnum;
use language::{CheckedDocument, DocumentLimits, Schema};
use serde_json::{Map, Value, json};

/// Measured operation, in the order of measurement: the one that writes comes last.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// One employee by id.
    Point,
    /// One employee, their projects, the employees of these.
    Mission,
    /// The same with all rows.
    MissionAll,
    /// Fifty employees, their projects, ten employees of each of these by name.
    Nested,
    /// The same with ten of each by id.
    NestedById,
    /// 250 employees, all of their projects.
    Portfolios,
    /// A thousand employees.
    Flat,
    /// Fifty projects, their assignments, the employee of each.
    Edges,
    /// The same with all rows.
    EdgesAll,
    /// Assigns an employee to a project.
    Write,
}

/// A request, in which `<employee>` and `<project>` stand for keys.
pub(crate) struct Request {
    pub method: &'static str,
    pub path: Cow<'static, str>,
    pub body: Option<String>,
}

impl Request {
    /// The request for these keys.
    pub(crate) fn with(&self, employee: u64, project: u64) -> Self {
        let fill = |text: &str| {
            text.replace("<employee>", &employee.to_string())
                .replace("<project>", &project.to_string())
        };
        Self {
            method: self.method,
            path: fill(&self.path).into(),
            body: self.body.as_deref().map(fill),
        }
    }
}

impl Operation {
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the request to the server.
    pub(crate) fn graphql(self) -> Request {
        let name = self.name();
        let document = document(&name);
        with_variables(&document.unwrap_or_else(|| panic!("operations/{name}.graphql is missing")))
    }

    /// The same as clients send it: with fragments and repeated fields, as edges with cursors, with
    /// a filter, and with input objects as variables.
    pub(crate) fn clients(self) -> impl Iterator<Item = ClientRequest> {
        let forms = [
            ("apollo", Basis::SameValues),
            ("relay", Basis::EachByte),
            ("where", Basis::Unfiltered),
            ("input", Basis::SameValues),
        ];
        let name = self.name();
        forms.into_iter().filter_map(move |(form, basis)| {
            let sent = document(&format!("{form}/{name}"))?;
            let by_hand = document(&format!("{form}/{name}.plain"));
            Some(ClientRequest {
                name: format!("{name}-{form}"),
                plain: with_variables(&by_hand.unwrap_or_else(|| plain(&sent))),
                sent: with_variables(&sent),
                basis,
            })
        })
    }

    /// Returns the request to the floor.
    pub(crate) fn by_hand(self) -> Request {
        let (method, path) = match self {
            Self::Point => ("GET", "/point?id=emp_<employee>"),
            Self::Mission => ("GET", "/mission?id=emp_<employee>"),
            Self::MissionAll => ("GET", "/mission?id=emp_<employee>&first=500"),
            Self::Nested => ("GET", "/nested"),
            Self::NestedById => ("GET", "/nested-by-id"),
            Self::Portfolios => ("GET", "/portfolios"),
            Self::Flat => ("GET", "/flat"),
            Self::Edges => ("GET", "/edges"),
            Self::EdgesAll => ("GET", "/edges?first=1000"),
            Self::Write => (
                "POST",
                "/write?employee=emp_<employee>&project=prj_<project>",
            ),
        };
        Request {
            method,
            path: path.into(),
            body: None,
        }
    }
}

/// A request as a client sends it.
pub(crate) struct ClientRequest {
    pub name: String,
    pub sent: Request,
    /// The same values, asked for with nothing to merge and no input object as a variable.
    pub plain: Request,
    pub basis: Basis,
}

/// Request that the cost of a client's request is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The plain one with the same values.
    SameValues,
    /// The operation, which has no cursors, for each byte of the answers.
    EachByte,
    /// The operation, which has no filter.
    Unfiltered,
}

/// Returns a document of `operations`, if there is one of this name.
fn document(name: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/operations");
    fs::read_to_string(format!("{folder}/{name}.graphql")).ok()
}

/// Returns the request with those of all variables that the document names.
fn with_variables(document: &str) -> Request {
    let (employee, project) = ("emp_<employee>", "prj_<project>");
    let mut variables = json!({
        "employee": employee,
        "project": project,
        "input": { "employeeId": employee, "projectId": project },
        "where": { "hireDate": { "gte": "0001-01-01" } },
        // Three of four employees.
        "hired": { "hireDate": { "gte": "2010-01-01" } },
        "orderBy": [{ "field": "NAME" }],
    });
    if let Value::Object(variables) = &mut variables {
        variables.retain(|name, _| document.contains(&format!("${name}")));
    }
    graphql(document, variables)
}

/// The document with each field once and without fragments.
fn plain(document: &str) -> String {
    let limits = DocumentLimits::DEFAULT;
    let schema = Schema::parse(include_str!("../../schema.graphql"));
    let schema = schema.expect("the file is what the server says");
    let checked = CheckedDocument::check(&schema, document, None, &limits);
    let checked = checked.unwrap_or_else(|errors| panic!("{document}: {errors:?}"));
    let operation = checked.normalize(&schema, &Map::new(), &limits);
    let operation = operation.unwrap_or_else(|error| panic!("{document}: {error}"));
    let variables = checked.variables().iter();
    let variables: Vec<_> = variables
        .map(|variable| format!("${}: {}", variable.name, schema.display(&variable.ty)))
        .collect();
    let variables = match variables.is_empty() {
        true => String::new(),
        false => format!("({})", variables.join(", ")),
    };
    let root = operation.root.display(&schema);
    format!("{}{variables} {root}", operation.kind)
}

/// A request to the server.
pub(crate) fn graphql(document: &str, variables: Value) -> Request {
    Request {
        method: "POST",
        path: "/graphql".into(),
        body: Some(json!({ "query": document, "variables": variables }).to_string()),
    }
}
