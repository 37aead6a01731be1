//! Filters of the naive model.

use sea_level::text::normalized;
use serde_json::{Value, json};

use super::*;

impl Model {
    pub fn holds(&self, kind: Kind, id: i64, filter: &Value) -> bool {
        fields(filter).all(|(name, value)| match name.as_str() {
            "and" => list(value).all(|filter| self.holds(kind, id, filter)),
            "or" => list(value).any(|filter| self.holds(kind, id, filter)),
            "not" => !self.holds(kind, id, value),
            "ids" => list(value).any(|given| given == &json!(format!("{}{id}", kind.prefix()))),
            name => self.field_holds(kind, id, name, value),
        })
    }

    fn field_holds(&self, kind: Kind, id: i64, name: &str, value: &Value) -> bool {
        match (kind, name) {
            (Employee, "name") => text_holds(Some(&self.employee(id).name), value),
            (Employee, "hireDate") => {
                ordered(Some(self.employee(id).hired.clone()), value, |date| {
                    date.as_str().unwrap().to_owned()
                })
            }
            (Meeting, "topic") => text_holds(Some(&self.meeting(id).topic), value),
            (Meeting, "location") => text_holds(self.meeting(id).location.as_deref(), value),
            (Meeting, "scheduledTime") => time_holds(Some(self.meeting(id).at), value),
            (Project, "title") => text_holds(Some(&self.project(id).title), value),
            (Project, "budget") => ordered(self.project(id).budget, value, |n| n.as_i64().unwrap()),
            (Assignment, "role") => text_holds(self.assignment(id).role.as_deref(), value),
            (Assignment, "startDate") => time_holds(self.assignment(id).start, value),
            (Assignment, "endDate") => time_holds(self.assignment(id).end, value),
            (Assignment, "active") => self.active_holds(id, value),
            (Assignment, "employee") => self.holds(Employee, self.assignment(id).employee, value),
            (Assignment, "project") => self.holds(Project, self.assignment(id).project, value),
            (kind, list) => self.list_holds((kind, id), Kind::of_list(list), value),
        }
    }

    fn list_holds(&self, of: (Kind, i64), to: Kind, filter: &Value) -> bool {
        let linked = self.linked(of, to);
        fields(filter).all(|(name, value)| match name.as_str() {
            "some" => linked.iter().any(|id| self.holds(to, *id, value)),
            "none" => !linked.iter().any(|id| self.holds(to, *id, value)),
            "every" => linked.iter().all(|id| self.holds(to, *id, value)),
            "count" => ordered(Some(linked.len() as i64), value, |n| n.as_i64().unwrap()),
            _ => panic!("{name}"),
        })
    }

    fn active_holds(&self, id: i64, filter: &Value) -> bool {
        let row = self.assignment(id);
        let from = row.start.unwrap_or(i64::MIN);
        let until = row.end.unwrap_or(i64::MAX);
        let bound = |range: &Value, name: &str, open: i64| {
            range
                .get(name)
                .map_or(open, |time| micros(time.as_str().unwrap()))
        };
        fields(filter).all(|(name, value)| match name.as_str() {
            "at" => {
                let at = micros(value.as_str().unwrap());
                from <= at && at < until
            }
            "during" => {
                from < bound(value, "until", i64::MAX) && bound(value, "from", i64::MIN) < until
            }
            "throughout" => {
                from <= bound(value, "from", i64::MIN) && bound(value, "until", i64::MAX) <= until
            }
            _ => panic!("{name}"),
        })
    }

    pub(super) fn active(&self, id: i64, at: &str) -> bool {
        self.active_holds(id, &json!({ "at": at }))
    }

    // ------------------------------------------------------------- orders ----
}

/// Evaluates a filter on text of another program, of which only ASCII case is folded.
fn text_holds(text: Option<&str>, filter: &Value) -> bool {
    let text = text.map(str::to_ascii_lowercase);
    let needle = |value: &Value, is: &dyn Fn(&str) -> bool| {
        let needle = value.as_str().unwrap();
        let nfc = normalized(needle);
        // The last alternative folds the case in every script.
        is(&needle.to_ascii_lowercase())
            || is(&nfc.to_ascii_lowercase())
            || is(&normalized(&nfc.to_uppercase().to_lowercase()))
    };
    fields(filter).all(|(name, value)| match (name.as_str(), &text) {
        ("isNull", text) => text.is_none() == value.as_bool().unwrap(),
        ("ne", None) => true,
        (_, None) => false,
        ("eq", Some(text)) => needle(value, &|needle| text == needle),
        ("ne", Some(text)) => !needle(value, &|needle| text == needle),
        ("in", Some(text)) => list(value).any(|value| needle(value, &|needle| text == needle)),
        ("contains", Some(text)) => needle(value, &|needle| text.contains(needle)),
        ("startsWith", Some(text)) => needle(value, &|needle| text.starts_with(needle)),
        ("endsWith", Some(text)) => needle(value, &|needle| text.ends_with(needle)),
        _ => panic!("{name}"),
    })
}

fn time_holds(time: Option<i64>, filter: &Value) -> bool {
    ordered(time, filter, |value| micros(value.as_str().unwrap()))
}

fn ordered<T: Ord>(held: Option<T>, filter: &Value, read: impl Fn(&Value) -> T) -> bool {
    fields(filter).all(|(name, value)| {
        if name == "isNull" {
            return held.is_none() == value.as_bool().unwrap();
        }
        let Some(held) = &held else { return false };
        let ordering = held.cmp(&read(value));
        match name.as_str() {
            "eq" => ordering.is_eq(),
            "ne" => ordering.is_ne(),
            "lt" => ordering.is_lt(),
            "lte" => ordering.is_le(),
            "gt" => ordering.is_gt(),
            "gte" => ordering.is_ge(),
            _ => panic!("{name}"),
        }
    })
}
