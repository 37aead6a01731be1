//! Reads a list page by page.

use serde_json::Value;

use super::{
    document::type_of,
    model::{self, Kind, list},
};
use crate::support::app::TestApp;

/// Reads a list page by page.
pub struct Pager<'a> {
    app: &'a TestApp,
    parent: Option<(Kind, i64)>,
    field: &'a Value,
    backward: bool,
    cursor: Value,
    pub more: bool,
}

pub struct OnePage {
    pub ids: Vec<i64>,
    pub total: usize,
}

impl<'a> Pager<'a> {
    pub fn new(
        app: &'a TestApp,
        parent: Option<(Kind, i64)>,
        field: &'a Value,
        backward: bool,
    ) -> Self {
        Self {
            app,
            parent,
            field,
            backward,
            cursor: Value::Null,
            more: true,
        }
    }

    pub async fn next(&mut self, size: usize) -> Option<OnePage> {
        if !self.more {
            return None;
        }
        let kind = Kind::of_list(self.field["field"].as_str().unwrap());
        let (size_name, cursor_name) = if self.backward {
            ("last", "before")
        } else {
            ("first", "after")
        };
        let mut arguments = self.field["args"].as_object().cloned().unwrap_or_default();
        let mut types = vec![format!("$cursor: String")];
        let mut given = vec![format!("{size_name}: {size}, {cursor_name}: $cursor")];
        for name in arguments.keys() {
            let ty = type_of(self.field, name);
            types.push(format!("${name}: {ty}"));
            given.push(format!("{name}: ${name}"));
        }
        arguments.insert("cursor".to_owned(), self.cursor.clone());
        let list_of = self.field["field"].as_str().unwrap();
        let connection = format!(
            "list: {list_of}({}) {{ nodes {{ id }} totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}",
            given.join(", ")
        );
        let query = match self.parent {
            None => connection,
            Some((parent, id)) => format!(
                "list: {}(id: \"{}{id}\") {{ {connection} }}",
                parent.one(),
                parent.prefix()
            ),
        };
        let query = format!("query({}) {{ {query} }}", types.join(", "));
        let data = self.app.query_with(&query, arguments.into()).await;
        let connection = if self.parent.is_some() {
            &data["list"]["list"]
        } else {
            &data["list"]
        };
        let (more, end) = if self.backward {
            ("hasPreviousPage", "startCursor")
        } else {
            ("hasNextPage", "endCursor")
        };
        self.more = connection["pageInfo"][more].as_bool().unwrap();
        self.cursor = connection["pageInfo"][end].clone();
        Some(OnePage {
            ids: list(&connection["nodes"])
                .map(|node| model::key_of(kind, node["id"].as_str().unwrap()))
                .collect(),
            total: connection["totalCount"].as_u64().unwrap() as usize,
        })
    }

    /// Adds a page to the rows found so far, in list order.
    pub fn collect(&self, found: &mut Vec<i64>, page: Vec<i64>) {
        if self.backward {
            found.splice(0..0, page);
        } else {
            found.extend(page);
        }
    }
}
