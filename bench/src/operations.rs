//! The operations: what is asked of the server, and of the floor.

use std::borrow::Cow;

use clap::ValueEnum;
use serde_json::{Value, json};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// One employee by id.
    Point,
    /// One employee, their projects, who works on them.
    Mission,
    /// Fifty employees, their projects, who works on them.
    Nested,
    /// A thousand employees.
    Flat,
    /// Fifty projects, their assignments, whose they are.
    Edges,
    /// Assigns an employee to a project.
    Write,
}

/// A request, in which `<employee>` and `<project>` stand for keys.
pub struct Request {
    pub method: &'static str,
    pub path: Cow<'static, str>,
    pub body: Option<String>,
}

impl Request {
    /// The request for these keys.
    pub fn with(&self, employee: u64, project: u64) -> Self {
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
    pub const ALL: [Self; 6] = [
        Self::Point,
        Self::Mission,
        Self::Nested,
        Self::Flat,
        Self::Edges,
        Self::Write,
    ];

    pub fn name(self) -> &'static str {
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

    /// What the server is asked.
    pub fn graphql(self) -> Request {
        graphql(self.document(), self.variables())
    }

    /// What the floor is asked.
    pub fn by_hand(self) -> Request {
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

/// A request to the server.
pub fn graphql(document: &str, variables: Value) -> Request {
    Request {
        method: "POST",
        path: "/graphql".into(),
        body: Some(json!({ "query": document, "variables": variables }).to_string()),
    }
}
