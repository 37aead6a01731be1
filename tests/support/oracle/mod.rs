//! Random queries on random data, and a naive model of plain vectors that answers them.
//!
//! `ORACLE_SEED` repeats a run, `ORACLE_CASES` makes it longer. A query with a wrong answer is
//! minimized together with its data before it is reported.

pub mod model;
pub mod random;

use std::{collections::HashMap, fmt::Write as _};

use entity::{assignment, employee, employee_meeting, meeting, project};
use rand::{SeedableRng, rngs::StdRng};
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use serde_json::{Map, Value, json};

use self::model::{Kind, Model, list, time_text};
use super::app::TestApp;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The seed of random queries.
pub fn seed() -> u64 {
    number("ORACLE_SEED").unwrap_or_else(rand::random)
}

/// The number of random queries in a run.
pub fn cases(usual: u64) -> u64 {
    number("ORACLE_CASES").unwrap_or(usual)
}

/// Fills the database with random data and returns random queries on it, with their variables.
pub async fn questions(app: &TestApp, seed: u64, count: u64) -> Vec<(String, Value)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let model = random::company(&mut rng);
    fill(app, &model).await;
    let mut questions = Vec::new();
    for _ in 0..count {
        let case = random::case(&mut rng, &model);
        let cursors = Cursors::fetch(app, &model, &case).await.unwrap();
        questions.push(Document::print(&case, &cursors));
    }
    questions
}

// ------------------------------------------------------------- the database ----

pub async fn fill(app: &TestApp, model: &Model) {
    let tables = [
        "assignments",
        "employee_meetings",
        "employees",
        "meetings",
        "projects",
    ];
    for table in tables {
        app.db()
            .execute_unprepared(&format!("DELETE FROM {table}"))
            .await
            .unwrap();
    }
    let employees = model.employees.iter().map(|row| employee::ActiveModel {
        id: Set(row.id),
        name: Set(row.name.clone()),
        hire_date: Set(row.hired.parse().unwrap()),
        version: Set(1),
    });
    app.insert_many(employees.collect()).await;
    let meetings = model.meetings.iter().map(|row| meeting::ActiveModel {
        id: Set(row.id),
        topic: Set(row.topic.clone()),
        scheduled_time: Set(time_text(row.at).parse().unwrap()),
        location: Set(row.location.clone()),
        version: Set(1),
    });
    app.insert_many(meetings.collect()).await;
    let projects = model.projects.iter().map(|row| project::ActiveModel {
        id: Set(row.id),
        title: Set(row.title.clone()),
        budget: Set(row.budget),
        version: Set(1),
    });
    app.insert_many(projects.collect()).await;
    let time = |time: Option<i64>| time.map(|time| time_text(time).parse().unwrap());
    let assignments = model.assignments.iter().map(|row| assignment::ActiveModel {
        id: Set(row.id),
        role: Set(row.role.clone()),
        start_date: Set(time(row.start)),
        end_date: Set(time(row.end)),
        employee_id: Set(row.employee),
        project_id: Set(row.project),
        version: Set(1),
        ..Default::default()
    });
    app.insert_many(assignments.collect()).await;
    let attendances = model
        .attendances
        .iter()
        .map(|row| employee_meeting::ActiveModel {
            employee_id: Set(row.0),
            meeting_id: Set(row.1),
        });
    app.insert_many(attendances.collect()).await;
    if app.name() == "postgres" {
        // The rows have explicit ids, so the sequences continue behind them.
        for table in ["employees", "meetings", "projects", "assignments"] {
            let next = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)");
            app.db().execute_unprepared(&next).await.unwrap();
        }
    }
}

pub async fn delete_employee(app: &TestApp, id: i64) {
    let delete = format!("DELETE FROM employees WHERE id = {id}");
    app.db().execute_unprepared(&delete).await.unwrap();
}

// ------------------------------------------------------------ one question ----

/// A wrong answer.
#[derive(Debug, PartialEq)]
pub enum Wrong {
    /// The operation was refused as invalid.
    Refused(String),
    /// The operation failed in the server.
    Failed(String),
    /// The answer differs: found, expected.
    Different(Value, Value),
}

pub async fn difference(app: &TestApp, model: &Model, case: &Value) -> Option<Wrong> {
    let cursors = match Cursors::fetch(app, model, case).await {
        Ok(cursors) => cursors,
        Err(wrong) => return Some(wrong),
    };
    let (document, variables) = Document::print(case, &cursors);
    let mut answer = app.answer(&document, variables).await;
    if let Some(wrong) = errors(&answer) {
        return Some(wrong);
    }
    let mut found = answer["data"].take();
    check_cursors(&mut found);
    // Both sides are parsed from text, since parsing may change the last bit of a number.
    let expected: Value = model.answer(case).to_string().parse().unwrap();
    (found != expected).then_some(Wrong::Different(found, expected))
}

fn errors(answer: &Value) -> Option<Wrong> {
    let errors = answer.get("errors")?;
    let ours = |error: &Value| {
        let code = &error["extensions"]["code"];
        code == "INTERNAL" || code == "UNAVAILABLE"
    };
    let failed = list(errors).any(ours);
    let kind = if failed {
        Wrong::Failed
    } else {
        Wrong::Refused
    };
    Some(kind(errors.to_string()))
}

/// Minimizes the query and then the data while the answer is wrong in the same way.
pub async fn report(app: &TestApp, mut model: Model, mut case: Value, mut what: Wrong) -> String {
    let original = case.clone();
    let same = |a: &Wrong, b: &Wrong| std::mem::discriminant(a) == std::mem::discriminant(b);
    if !matches!(what, Wrong::Refused(_)) {
        'smaller: loop {
            for candidate in random::smaller(&case) {
                if let Some(wrong) = difference(app, &model, &candidate).await
                    && same(&wrong, &what)
                {
                    (case, what) = (candidate, wrong);
                    continue 'smaller;
                }
            }
            break;
        }
        'poorer: loop {
            for candidate in random::poorer(&model) {
                if !all_cursors_known(&candidate, &case) {
                    continue;
                }
                fill(app, &candidate).await;
                if let Some(wrong) = difference(app, &candidate, &case).await
                    && same(&wrong, &what)
                {
                    (model, what) = (candidate, wrong);
                    continue 'poorer;
                }
            }
            break;
        }
    }
    let document = Document::print(&case, &Cursors::default());
    let wrong = match what {
        Wrong::Refused(errors) | Wrong::Failed(errors) => errors,
        Wrong::Different(found, expected) => format!("found    {found}\nexpected {expected}"),
    };
    format!(
        "{}\n{}\nwith {case}\non {model:?}\n{wrong}\n(made smaller from {original})",
        document.0, document.1
    )
}

fn all_cursors_known(model: &Model, case: &Value) -> bool {
    random::cursors(case)
        .into_iter()
        .all(|(parent, kind, id, _)| match parent {
            None => model.ids(kind).contains(&id),
            Some(parent) => linked_parent(model, parent, kind, id).is_some(),
        })
}

fn linked_parent(model: &Model, parent: Kind, kind: Kind, id: i64) -> Option<i64> {
    let parents = model.ids(parent);
    parents
        .into_iter()
        .find(|key| model.linked((parent, *key), kind).contains(&id))
}

/// Checks the cursors of `pageInfo` against the edges. Replaces all cursors by a constant text.
fn check_cursors(found: &mut Value) {
    match found {
        Value::Object(object) => {
            if let (Some(edges), Some(info)) = (object.get("edges"), object.get("pageInfo")) {
                let cursor =
                    |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
                let edges = edges.as_array().unwrap();
                assert_eq!(info["startCursor"], cursor(edges.first()));
                assert_eq!(info["endCursor"], cursor(edges.last()));
            }
            for (key, value) in object {
                if key.to_lowercase().ends_with("cursor") && value.is_string() {
                    *value = "a cursor".into();
                } else {
                    check_cursors(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(check_cursors),
        _ => {}
    }
}

/// The cursors of a query, by field, order and record.
#[derive(Default)]
struct Cursors(HashMap<String, String>);

impl Cursors {
    fn key(parent: Option<Kind>, kind: Kind, id: i64, order: &Value) -> String {
        format!("{parent:?} {kind:?} {id} {order}")
    }

    /// Reads the cursors from a list of any parent that is linked to the record.
    async fn fetch(app: &TestApp, model: &Model, case: &Value) -> Result<Self, Wrong> {
        let mut known = HashMap::new();
        for (parent, kind, id, order) in random::cursors(case) {
            let list_of = kind.many();
            let connection = format!(
                "{list_of}(first: 1000, orderBy: $order) {{ edges {{ cursor node {{ id }} }} }}"
            );
            let query = match parent {
                None => connection,
                Some(parent) => {
                    let parent_id = linked_parent(model, parent, kind, id).unwrap();
                    format!(
                        "{}(id: \"{}{parent_id}\") {{ {connection} }}",
                        parent.one(),
                        parent.prefix()
                    )
                }
            };
            let query = format!("query($order: [{}Order!]) {{ {query} }}", kind.type_name());
            let answer = app.answer(&query, json!({ "order": order })).await;
            if let Some(wrong) = errors(&answer) {
                return Err(wrong);
            }
            let connection = match parent {
                None => &answer["data"][list_of],
                Some(parent) => &answer["data"][parent.one()][list_of],
            };
            let item = format!("{}{id}", kind.prefix());
            let edge = list(&connection["edges"]).find(|edge| edge["node"]["id"] == item.as_str());
            let cursor = edge.unwrap()["cursor"].as_str().unwrap().to_owned();
            known.insert(Self::key(parent, kind, id, &order), cursor);
        }
        Ok(Self(known))
    }
}

/// A query as GraphQL, with some arguments as variables and some as literals.
#[derive(Default)]
struct Document {
    at: String,
    types: Vec<String>,
    variables: Map<String, Value>,
}

impl Document {
    fn print(case: &Value, cursors: &Cursors) -> (String, Value) {
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
fn type_of(field: &Value, argument: &str) -> String {
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

// -------------------------------------------------------------------- pages ----

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
