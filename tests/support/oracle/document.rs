//! A random query as GraphQL.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{
    Cursors,
    model::{self, Kind, list},
};

/// A query as GraphQL, with some arguments as variables and some as literals.
#[derive(Default)]
pub(super) struct Document {
    at: String,
    types: Vec<String>,
    variables: Map<String, Value>,
}

impl Document {
    pub(super) fn print(case: &Value, cursors: &Cursors) -> (String, Value) {
        let mut document = Self {
            at: case["at"].to_string(),
            ..Self::default()
        };
        let mut body = String::new();
        document.children(None, case, cursors, &mut body);
        let types = match &document.types[..] {
            [] => String::new(),
            types => format!("({})", types.join(", ")),
        };
        if body.is_empty() {
            body.push_str("... @include(if: false) { __typename } ");
        }
        (
            format!("query{types} {{ {body}}}"),
            document.variables.into(),
        )
    }

    fn children(
        &mut self,
        parent: Option<Kind>,
        field: &Value,
        cursors: &Cursors,
        out: &mut String,
    ) {
        for (index, child) in list(&field["children"]).enumerate() {
            let name = child["field"].as_str().unwrap();
            write!(out, "f{index}: {name}").unwrap();
            if let Some(id) = child.get("id") {
                write!(out, "(id: {id}) {{ ").unwrap();
                self.node(Kind::of_one(name), child, cursors, out);
            } else {
                self.connection(parent, child, cursors, out);
            }
            out.push_str("} ");
        }
    }

    fn connection(
        &mut self,
        parent: Option<Kind>,
        field: &Value,
        cursors: &Cursors,
        out: &mut String,
    ) {
        let kind = Kind::of_list(field["field"].as_str().unwrap());
        let mut arguments = Vec::new();
        for (name, value) in field["args"].as_object().into_iter().flatten() {
            let value = match (name.as_str(), value) {
                ("after" | "before", Value::String(item)) => {
                    let order = &field["args"]["orderBy"];
                    let key = Cursors::key(parent, kind, model::key_of(kind, item), order);
                    cursors
                        .0
                        .get(&key)
                        .map_or(value.clone(), |cursor| cursor.as_str().into())
                }
                _ => value.clone(),
            };
            if field["inline"] == true {
                arguments.push(format!(
                    "{name}: {}",
                    literal(&value, name == "orderBy" || name == "via")
                ));
                continue;
            }
            let variable = format!("v{}", self.types.len());
            let ty = type_of(field, name);
            self.types.push(format!("${variable}: {ty}"));
            arguments.push(format!("{name}: ${variable}"));
            self.variables.insert(variable, value);
        }
        if !arguments.is_empty() {
            write!(out, "({})", arguments.join(", ")).unwrap();
        }
        out.push_str(" { ");
        let parts: Vec<_> = list(&field["parts"]).filter_map(Value::as_str).collect();
        for part in &parts {
            match *part {
                "edges" => {
                    out.push_str("edges { cursor ");
                    if field["field"] == "colleagues" {
                        let first = field["link"].as_u64().unwrap_or(0);
                        write!(out, "sharedProjects(first: {first}) {{ id }} sharedProjectCount sharedMeetings(first: {first}) {{ id }} sharedMeetingCount ").unwrap();
                    } else if let Some(first) = field.get("link") {
                        write!(out, "assignments(first: {first}) {{ id }} assignmentCount roles since until ").unwrap();
                    }
                    out.push_str("node { ");
                    self.node(kind, field, cursors, out);
                    out.push_str("} } ");
                }
                "nodes" => {
                    out.push_str("nodes { ");
                    self.node(kind, field, cursors, out);
                    out.push_str("} ");
                }
                "totalCount" => out.push_str("totalCount "),
                "pageInfo" => {
                    out.push_str("pageInfo { hasNextPage hasPreviousPage startCursor endCursor } ")
                }
                "budget" => out.push_str("budget { count sum average min max } "),
                "byRole" => out.push_str("byRole { role assignmentCount employeeCount } "),
                _ => {}
            }
        }
        if out.ends_with(" { ") {
            // An empty selection: only success is checked.
            out.push_str("... @include(if: false) { totalCount } ");
        }
    }

    fn node(&mut self, kind: Kind, field: &Value, cursors: &Cursors, out: &mut String) {
        let at = &self.at;
        let own = match kind {
            Kind::Employee => "id name hireDate ".to_owned(),
            Kind::Meeting => "id topic scheduledTime location ".to_owned(),
            Kind::Project => format!("id title budget headcount(at: {at}) "),
            Kind::Assignment => format!(
                "id role startDate endDate isActive(at: {at}) employee {{ name }} project {{ title }} "
            ),
        };
        out.push_str(&own);
        if let (Kind::Employee, Some(asked)) = (kind, field.get("pairs")) {
            let during = literal(&asked["during"], false);
            write!(
                out,
                "assignmentOverlaps(during: {during}) {{ first {{ id }} second {{ id }} from until sameProject }} \
                 meetingClashes(withinMinutes: {}) {{ first {{ id }} second {{ id }} minutesApart }} ",
                asked["within"]
            )
            .unwrap();
        }
        self.children(Some(kind), field, cursors, out);
    }
}

/// Returns the GraphQL type of an argument of a list.
pub(super) fn type_of(field: &Value, argument: &str) -> String {
    let list = field["field"].as_str().unwrap();
    let kind = Kind::of_list(list).type_name();
    match argument {
        "first" | "last" => "Int".to_owned(),
        "after" | "before" => "String".to_owned(),
        "where" => format!("{kind}Filter"),
        "through" => "AssignmentFilter".to_owned(),
        "via" => "ColleagueVia!".to_owned(),
        _ if list == "colleagues" => "[ColleagueOrder!]".to_owned(),
        _ => format!("[{kind}Order!]"),
    }
}

/// Prints a value as a GraphQL literal. In an order, strings are enum values.
fn literal(value: &Value, is_order: bool) -> String {
    match value {
        Value::Object(object) => {
            let fields: Vec<_> = object
                .iter()
                .map(|(name, value)| format!("{name}: {}", literal(value, is_order)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(list) => {
            let items: Vec<_> = list.iter().map(|item| literal(item, is_order)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(word) if is_order => word.clone(),
        value => value.to_string(),
    }
}
