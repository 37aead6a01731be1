//! Smaller queries and smaller data, to minimize a query with a wrong answer.

use serde_json::Value;

use super::model::{
    Kind::{self, Employee, Meeting, Project},
    Model, key_of,
};

/// Returns this query without one of its parts, for each part.
pub fn smaller(case: &Value) -> Vec<Value> {
    match case {
        Value::Object(object) => {
            let mut all = Vec::new();
            for (key, value) in object {
                // The field itself and its parent stay.
                if ["field", "id", "at", "via", "pairs"].contains(&key.as_str()) {
                    continue;
                }
                let mut without = object.clone();
                without.remove(key);
                all.push(without.into());
                for value in smaller(value) {
                    let mut with = object.clone();
                    with.insert(key.clone(), value);
                    all.push(with.into());
                }
            }
            all
        }
        Value::Array(list) => {
            let mut all: Vec<Value> = Vec::new();
            for index in 0..list.len() {
                let mut without = list.clone();
                without.remove(index);
                all.push(without.into());
                for value in smaller(&list[index]) {
                    let mut with = list.clone();
                    with[index] = value;
                    all.push(with.into());
                }
            }
            all
        }
        // Ids and times cannot be shortened.
        Value::String(text) if text.chars().count() > 1 && !text.contains(['_', '-', ':']) => {
            let mut shorter = text.clone();
            shorter.pop();
            vec![shorter.into()]
        }
        _ => Vec::new(),
    }
}

/// Returns the data without one of its rows, for each row. Rows that others refer to come last.
pub fn poorer(model: &Model) -> Vec<Model> {
    let mut all = Vec::new();
    for index in 0..model.assignments.len() {
        let mut less = model.clone();
        less.assignments.remove(index);
        all.push(less);
    }
    for index in 0..model.attendances.len() {
        let mut less = model.clone();
        less.attendances.remove(index);
        all.push(less);
    }
    for kind in [Employee, Meeting, Project] {
        for id in model.ids(kind) {
            let mut less = model.clone();
            less.employees
                .retain(|row| kind != Employee || row.id != id);
            less.meetings.retain(|row| kind != Meeting || row.id != id);
            less.projects.retain(|row| kind != Project || row.id != id);
            less.assignments.retain(|row| {
                (kind != Employee || row.employee != id) && (kind != Project || row.project != id)
            });
            less.attendances.retain(|row| {
                (kind != Employee || row.0 != id) && (kind != Meeting || row.1 != id)
            });
            all.push(less);
        }
    }
    all
}

/// Returns the records that the cursors of the query belong to: parent, kind, id, order.
pub fn cursors(case: &Value) -> Vec<(Option<Kind>, Kind, i64, Value)> {
    fn walk(
        parent: Option<Kind>,
        field: &Value,
        found: &mut Vec<(Option<Kind>, Kind, i64, Value)>,
    ) {
        for child in field["children"].as_array().into_iter().flatten() {
            let name = child["field"].as_str().unwrap();
            if child.get("id").is_some() {
                walk(Some(Kind::of_one(name)), child, found);
                continue;
            }
            let kind = Kind::of_list(name);
            for cursor in ["after", "before"] {
                if let Some(item) = child["args"].get(cursor) {
                    let id = key_of(kind, item.as_str().unwrap());
                    found.push((parent, kind, id, child["args"]["orderBy"].clone()));
                }
            }
            walk(Some(kind), child, found);
        }
    }
    let mut found = Vec::new();
    walk(None, case, &mut found);
    found
}
