//! The rows of a database as a model in memory: read over the API, or replayed from the feed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{app::TestApp, mutations::text};

/// The records with their versions, and the links.
#[derive(Debug, Default, PartialEq)]
pub struct Model {
    pub employees: BTreeMap<String, (String, i64)>,
    pub projects: BTreeMap<String, (Option<i64>, i64)>,
    pub meetings: BTreeMap<String, (Option<String>, i64)>,
    /// id → employee, project, role, version
    pub assignments: BTreeMap<String, (String, String, Option<String>, i64)>,
    /// meeting, employee
    pub attendances: BTreeSet<(String, String)>,
}

/// Replays the feed from the beginning and compares the result with the rows of the server.
pub async fn replay(app: &TestApp, changes: &[String]) {
    let mut things = BTreeSet::new();
    for line in changes {
        let (subject, rest) = line.split_once(' ').unwrap();
        let (kind, ids) = rest.split_once(' ').unwrap();
        let mut ids_of: Vec<&str> = ids.split(' ').collect();
        if subject == "ASSIGNMENT" {
            assert!(
                kind != "CREATED" || ids_of[1..].iter().all(|id| things.contains(*id)),
                "{line}"
            );
            ids_of.truncate(1);
        } else if subject == "ATTENDANCE" {
            assert!(
                kind != "CREATED" || ids_of.iter().all(|id| things.contains(*id)),
                "{line}"
            );
        }
        let thing = ids_of.join(" ");
        match kind {
            "CREATED" => assert!(things.insert(thing), "{line}"),
            "DELETED" => assert!(things.remove(&thing), "{line}"),
            _ => assert!(things.contains(&thing), "{line}"),
        }
    }
    let model = Model::read(app).await;
    let mut there: BTreeSet<String> = BTreeSet::new();
    there.extend(model.employees.into_keys());
    there.extend(model.projects.into_keys());
    there.extend(model.meetings.into_keys());
    there.extend(model.assignments.into_keys());
    there.extend(
        model
            .attendances
            .iter()
            .map(|(meeting, employee)| format!("{meeting} {employee}")),
    );
    assert_eq!(things, there, "{}", app.name());
}

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

impl Model {
    /// Reads the model from the server.
    pub async fn read(app: &TestApp) -> Self {
        let mut model = Self::default();
        let query = |field: &str, selection: &str, after: &Value| {
            format!(
                "{{ {field}(first: 1000, after: {after}) {{ nodes {{ id version {selection} }} \
                 pageInfo {{ hasNextPage endCursor }} }} }}"
            )
        };
        for (field, selection) in [
            ("employees", "name"),
            ("projects", "budget"),
            ("meetings", "location"),
            ("assignments", "role employee { id } project { id }"),
        ] {
            let mut after = Value::Null;
            loop {
                let page = app.query(&query(field, selection, &after)).await[field].take();
                for node in page["nodes"].as_array().unwrap() {
                    let (id, version) = (text(&node["id"]), node["version"].as_i64().unwrap());
                    if field == "employees" {
                        model.employees.insert(id, (text(&node["name"]), version));
                    } else if field == "projects" {
                        model
                            .projects
                            .insert(id, (node["budget"].as_i64(), version));
                    } else if field == "meetings" {
                        model
                            .meetings
                            .insert(id, (optional(&node["location"]), version));
                    } else {
                        let (employee, project) =
                            (text(&node["employee"]["id"]), text(&node["project"]["id"]));
                        let row = (employee, project, optional(&node["role"]), version);
                        model.assignments.insert(id, row);
                    }
                }
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
                after = page["pageInfo"]["endCursor"].clone();
            }
        }
        let attending =
            "{ meetings(first: 1000) { nodes { id employees(first: 400) { nodes { id } } } } }";
        let data = app.query(attending).await;
        for meeting in data["meetings"]["nodes"].as_array().unwrap() {
            for employee in meeting["employees"]["nodes"].as_array().unwrap() {
                let link = (text(&meeting["id"]), text(&employee["id"]));
                model.attendances.insert(link);
            }
        }
        model
    }
}
