//! The measured operations, as requests to the server and to the floor.

use std::borrow::Cow;

use clap::ValueEnum;
use language::{CheckedDocument, DocumentLimits, Schema};
use serde_json::{Map, Value, json};

/// Measured operation.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// One employee by id.
    Point,
    /// One employee, their projects, the employees of these.
    Mission,
    /// Fifty employees, their projects, the employees of these.
    Nested,
    /// A thousand employees.
    Flat,
    /// Fifty projects, their assignments, whose they are.
    Edges,
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
    /// In the order in which they are measured: what writes comes last.
    pub(crate) const ALL: [Self; 6] = [
        Self::Point,
        Self::Mission,
        Self::Nested,
        Self::Flat,
        Self::Edges,
        Self::Write,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Mission => "mission",
            Self::Nested => "nested",
            Self::Flat => "flat",
            Self::Edges => "edges",
            Self::Write => "write",
        }
    }

    fn document(self) -> &'static str {
        match self {
            Self::Point => include_str!("../operations/point.graphql"),
            Self::Mission => include_str!("../operations/mission.graphql"),
            Self::Nested => include_str!("../operations/nested.graphql"),
            Self::Flat => include_str!("../operations/flat.graphql"),
            Self::Edges => include_str!("../operations/edges.graphql"),
            Self::Write => include_str!("../operations/write.graphql"),
        }
    }

    fn variables(self) -> Value {
        match self {
            Self::Point | Self::Mission => json!({ "employee": "emp_<employee>" }),
            Self::Write => json!({ "employee": "emp_<employee>", "project": "prj_<project>" }),
            Self::Nested | Self::Flat | Self::Edges => json!({}),
        }
    }

    /// Returns the request to the server.
    pub(crate) fn graphql(self) -> Request {
        graphql(self.document(), self.variables())
    }

    /// The same as clients send it: with fragments and repeated fields, and with input objects as
    /// variables.
    pub(crate) fn clients(self) -> Vec<ClientRequest> {
        let employee = json!({ "employee": "emp_<employee>" });
        let assign =
            json!({ "input": { "employeeId": "emp_<employee>", "projectId": "prj_<project>" } });
        let filter = json!({
            "where": { "hireDate": { "gte": "0001-01-01" } },
            "orderBy": [{ "field": "NAME" }],
        });
        macro_rules! sent_by {
            ($client:literal, $file:literal, $variables:expr) => {
                ClientRequest::new(
                    concat!($file, "-", $client),
                    include_str!(concat!("../operations/", $client, "/", $file, ".graphql")),
                    $variables,
                )
            };
        }
        match self {
            Self::Point => vec![
                sent_by!("apollo", "point", employee.clone()),
                sent_by!("relay", "point", employee),
            ],
            Self::Mission => vec![
                sent_by!("apollo", "mission", employee.clone()),
                sent_by!("relay", "mission", employee),
            ],
            Self::Nested => vec![
                sent_by!("apollo", "nested", json!({})),
                sent_by!("relay", "nested", json!({})),
            ],
            Self::Flat => vec![
                sent_by!("apollo", "flat", json!({})),
                sent_by!("relay", "flat", json!({})),
                ClientRequest {
                    name: "flat-input",
                    sent: graphql(include_str!("../operations/input/flat.graphql"), filter),
                    plain: graphql(
                        include_str!("../operations/input/flat.plain.graphql"),
                        json!({}),
                    ),
                },
            ],
            Self::Edges => vec![
                sent_by!("apollo", "edges", json!({})),
                sent_by!("relay", "edges", json!({})),
            ],
            Self::Write => vec![
                sent_by!("apollo", "write", assign.clone()),
                sent_by!("relay", "write", assign.clone()),
                ClientRequest {
                    name: "write-input",
                    sent: graphql(include_str!("../operations/input/write.graphql"), assign),
                    plain: self.graphql(),
                },
            ],
        }
    }

    /// Returns the request to the floor.
    pub(crate) fn by_hand(self) -> Request {
        let (method, path) = match self {
            Self::Point => ("GET", "/point?id=emp_<employee>"),
            Self::Mission => ("GET", "/mission?id=emp_<employee>"),
            Self::Nested => ("GET", "/nested"),
            Self::Flat => ("GET", "/flat"),
            Self::Edges => ("GET", "/edges"),
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

/// A request as a client sends it, and one that is answered alike and has nothing to merge.
pub(crate) struct ClientRequest {
    pub name: &'static str,
    pub sent: Request,
    pub plain: Request,
}

impl ClientRequest {
    fn new(name: &'static str, document: &str, variables: Value) -> Self {
        Self {
            name,
            plain: graphql(&plain(document), variables.clone()),
            sent: graphql(document, variables),
        }
    }
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
