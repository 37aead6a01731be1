//! Random queries on random data, and a naive model of plain vectors that answers them.
//!
//! `ORACLE_SEED` repeats a run, `ORACLE_CASES` makes it longer. A query with a wrong answer is
//! minimized together with its data before it is reported.

mod document;
pub mod model;
mod pager;
pub mod random;
pub mod random_data;
mod shrink;

use std::collections::HashMap;

use entity::{assignment, employee, employee_meeting, meeting, project};
use rand::{SeedableRng, rngs::StdRng};
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use serde_json::{Value, json};

pub use self::pager::Pager;
use self::{
    document::Document,
    model::{Kind, Model, list, time_text},
};
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
    let model = random_data::company(&mut rng);
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
            for candidate in shrink::smaller(&case) {
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
            for candidate in shrink::poorer(&model) {
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
    shrink::cursors(case)
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
        for (parent, kind, id, order) in shrink::cursors(case) {
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
