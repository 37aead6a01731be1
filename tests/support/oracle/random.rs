//! Random queries on random data.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use super::{
    model::{
        Kind::{self, Assignment, Employee, Meeting, Project},
        Model, time_text,
    },
    random_data::{BUDGETS, DATES, TEXTS, TIMES, pick},
};

/// The number of conditions of a query, before edges and nodes duplicate it.
const CONDITIONS: usize = 60;

/// The number of relations that a filter may traverse.
const HOPS: usize = 3;

/// Returns an operation: lists and lookups, with nested lists.
pub fn case(rng: &mut StdRng, model: &Model) -> Value {
    let mut questions = Questions {
        rng,
        model,
        conditions: CONDITIONS,
    };
    let roots = questions.rng.random_range(1..=2);
    let children: Vec<Value> = (0..roots).map(|_| questions.root()).collect();
    json!({ "at": questions.time(), "children": children })
}

/// Returns a list without paging, at the root or below one record.
pub fn list_to_page(rng: &mut StdRng, model: &Model) -> (Option<(Kind, i64)>, Value) {
    let mut questions = Questions {
        rng,
        model,
        conditions: CONDITIONS,
    };
    let kind = questions.kind();
    if questions.rng.random_bool(0.4) {
        return (None, questions.list(None, kind.many()));
    }
    loop {
        let kind = questions.kind();
        let id = pick(questions.rng, &model.ids(kind));
        if let Some(list) = kind.lists().choose(questions.rng) {
            let mut list = questions.list(Some(kind), list);
            // The own order of a team is that of an index, with filters too.
            if kind == Project && questions.chance(0.7) {
                list["args"].as_object_mut().unwrap().remove("orderBy");
            }
            return (Some((kind, id)), list);
        }
    }
}

struct Questions<'a> {
    rng: &'a mut StdRng,
    model: &'a Model,
    conditions: usize,
}

impl Questions<'_> {
    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    fn kind(&mut self) -> Kind {
        pick(self.rng, &[Employee, Meeting, Project, Assignment])
    }

    fn root(&mut self) -> Value {
        let kind = self.kind();
        if self.chance(0.25) && kind != Assignment {
            let id = self.id(kind);
            let children = self.children(kind, 2);
            let mut lookup = json!({ "field": kind.one(), "id": id, "children": children });
            if kind == Employee {
                let during = if self.chance(0.5) {
                    self.range()
                } else {
                    json!({ "from": time_text(TIMES[0]) })
                };
                let within = pick(self.rng, &[0, 1, 60, 1440]);
                lookup["pairs"] = json!({ "during": during, "within": within });
            }
            lookup
        } else {
            let mut list = self.list(None, kind.many());
            self.page(&mut list, None, kind);
            list["children"] = self.children(kind, 2).into();
            list
        }
    }

    fn children(&mut self, kind: Kind, depth: usize) -> Vec<Value> {
        let mut children = Vec::new();
        while depth > 0 && children.len() < 2 && self.chance(0.5) {
            let Some(name) = kind.lists().choose(self.rng) else {
                break;
            };
            let below = Kind::of_list(name);
            let mut list = self.list(Some(kind), name);
            self.page(&mut list, Some(kind), below);
            list["children"] = self.children(below, depth - 1).into();
            children.push(list);
        }
        children
    }

    /// Returns a list with a filter, an order, and the selected parts of the connection.
    fn list(&mut self, parent: Option<Kind>, name: &str) -> Value {
        let kind = Kind::of_list(name);
        let is_link = matches!(
            (parent, kind),
            (Some(Employee), Project) | (Some(Project), Employee)
        );
        let mut arguments = Map::new();
        if self.chance(0.6) {
            arguments.insert("where".into(), self.filter(kind, 3, HOPS));
        }
        let colleagues = name == "colleagues";
        if colleagues && self.chance(0.7) {
            let via = pick(self.rng, &["PROJECTS", "MEETINGS", "ANY"]);
            arguments.insert("via".into(), via.into());
        }
        let looks_at_assignments = arguments.get("via").is_none_or(|via| via != "MEETINGS");
        if (is_link || colleagues && looks_at_assignments) && self.chance(0.6) {
            arguments.insert("through".into(), self.filter(Assignment, 2, 2));
        }
        if self.chance(0.7) {
            let order = if colleagues {
                self.order_of(&["NAME", "SHARED_COUNT"], false)
            } else {
                self.order(kind)
            };
            arguments.insert("orderBy".into(), order);
        }
        let mut parts = vec!["edges", "nodes", "totalCount", "pageInfo"];
        match (parent, kind) {
            (None, Project) => parts.push("budget"),
            (_, Assignment) => parts.push("byRole"),
            _ => {}
        }
        parts.retain(|_| self.rng.random_bool(0.6));
        let mut list =
            json!({ "field": name, "args": arguments, "parts": parts, "inline": self.chance(0.5) });
        if colleagues || is_link && self.chance(0.7) {
            list["link"] = self.rng.random_range(0..4).into();
        }
        list
    }

    fn page(&mut self, list: &mut Value, parent: Option<Kind>, kind: Kind) {
        // The record of the cursor may be absent from this list, but must be in some list of the field.
        let known: Vec<i64> = match parent {
            None => self.model.ids(kind),
            // The position of a colleague depends on the parent, because it shares other records.
            Some(_) if list["field"] == "colleagues" => Vec::new(),
            Some(parent) => {
                let parents = self.model.ids(parent);
                let linked = |id: &i64| self.model.linked((parent, *id), kind);
                parents.iter().flat_map(linked).collect()
            }
        };
        let arguments = &mut list["args"];
        let size = if self.chance(0.1) {
            0
        } else {
            self.rng.random_range(1..7)
        };
        match self.rng.random_range(0..5) {
            0 => {}
            1 | 2 => arguments["first"] = size.into(),
            _ => arguments["last"] = size.into(),
        }
        for cursor in ["after", "before"] {
            if self.chance(0.3)
                && let Some(id) = known.choose(self.rng)
            {
                arguments[cursor] = format!("{}{id}", kind.prefix()).into();
            }
        }
    }

    fn order(&mut self, kind: Kind) -> Value {
        let fields: &[&str] = match kind {
            Employee => &[
                "ID",
                "NAME",
                "HIRE_DATE",
                "MEETING_COUNT",
                "PROJECT_COUNT",
                "ASSIGNMENT_COUNT",
            ],
            Meeting => &[
                "ID",
                "TOPIC",
                "SCHEDULED_TIME",
                "LOCATION",
                "EMPLOYEE_COUNT",
            ],
            Project => &[
                "ID",
                "TITLE",
                "BUDGET",
                "EMPLOYEE_COUNT",
                "ASSIGNMENT_COUNT",
            ],
            Assignment => &[
                "ID",
                "ROLE",
                "START_DATE",
                "END_DATE",
                "EMPLOYEE_NAME",
                "PROJECT_TITLE",
            ],
        };
        self.order_of(fields, kind != Employee)
    }

    fn order_of(&mut self, fields: &[&str], nulls: bool) -> Value {
        let keys = pick(self.rng, &[0, 1, 1, 2, 2, 3, 4]);
        (0..keys)
            .map(|_| {
                let mut key = json!({ "field": pick(self.rng, fields) });
                if self.chance(0.6) {
                    key["direction"] = pick(self.rng, &["ASC", "DESC"]).into();
                }
                if nulls && self.chance(0.6) {
                    key["nulls"] = pick(self.rng, &["FIRST", "LAST"]).into();
                }
                key
            })
            .collect()
    }

    fn filter(&mut self, kind: Kind, depth: usize, hops: usize) -> Value {
        let mut filter = Map::new();
        let entries = pick(self.rng, &[0, 1, 1, 1, 2, 2, 3]);
        for _ in 0..entries {
            if self.conditions == 0 {
                break;
            }
            let (name, value) = match self.rng.random_range(0..10) {
                0 if depth > 0 => ("and", self.filters(kind, depth, hops)),
                1 | 2 if depth > 0 => ("or", self.filters(kind, depth, hops)),
                3 if depth > 0 => ("not", self.filter(kind, depth - 1, hops)),
                4 => ("ids", self.ids(kind)),
                _ => self.condition(kind, depth, hops),
            };
            filter.insert(name.to_owned(), value);
            self.conditions = self.conditions.saturating_sub(1);
        }
        filter.into()
    }

    fn filters(&mut self, kind: Kind, depth: usize, hops: usize) -> Value {
        (0..self.rng.random_range(0..4))
            .map(|_| self.filter(kind, depth - 1, hops))
            .collect()
    }

    fn condition(&mut self, kind: Kind, depth: usize, hops: usize) -> (&'static str, Value) {
        let list = |to| ("", Some(to));
        let own = |name| (name, None);
        let choices = match kind {
            Employee => vec![
                own("name"),
                own("hireDate"),
                list(Meeting),
                list(Project),
                list(Assignment),
            ],
            Meeting => vec![
                own("topic"),
                own("scheduledTime"),
                own("location"),
                list(Employee),
            ],
            Project => vec![
                own("title"),
                own("budget"),
                list(Employee),
                list(Assignment),
            ],
            Assignment => vec![
                own("role"),
                own("startDate"),
                own("endDate"),
                own("active"),
                own("active"),
                ("employee", Some(Employee)),
                ("project", Some(Project)),
            ],
        };
        let choices: Vec<_> = choices
            .into_iter()
            .filter(|choice| hops > 0 || choice.1.is_none())
            .collect();
        match pick(self.rng, &choices) {
            ("", Some(to)) => {
                let depth = depth.max(1) - 1;
                let mut filter = Map::new();
                for _ in 0..pick(self.rng, &[0, 1, 1, 1, 2]) {
                    let (name, value) = match self.rng.random_range(0..4) {
                        0 => ("some", self.filter(to, depth, hops - 1)),
                        1 => ("none", self.filter(to, depth, hops - 1)),
                        2 => ("every", self.filter(to, depth, hops - 1)),
                        _ => (
                            "count",
                            self.comparisons(false, |rng| rng.random_range(-1..5).into()),
                        ),
                    };
                    filter.insert(name.to_owned(), value);
                }
                (to.many(), filter.into())
            }
            (name, Some(to)) => (name, self.filter(to, depth.max(1) - 1, hops - 1)),
            ("active", None) => {
                let name = pick(self.rng, &["at", "during", "throughout"]);
                let value = if name == "at" {
                    self.time()
                } else {
                    self.range()
                };
                ("active", json!({ name: value }))
            }
            (name @ ("name" | "topic" | "title" | "location" | "role"), None) => {
                (name, self.text_filter())
            }
            (name @ "hireDate", None) => {
                (name, self.comparisons(true, |rng| pick(rng, DATES).into()))
            }
            (name @ "budget", None) => (
                name,
                self.comparisons(true, |rng| {
                    (pick(rng, BUDGETS) + rng.random_range(-1..=1)).into()
                }),
            ),
            (name, None) => {
                let mut filter = self.comparisons(true, instant);
                filter.as_object_mut().unwrap().remove("ne");
                (name, filter)
            }
        }
    }

    fn text_filter(&mut self) -> Value {
        let mut filter = Map::new();
        for _ in 0..pick(self.rng, &[0, 1, 1, 1, 2]) {
            let name = pick(
                self.rng,
                &[
                    "eq",
                    "ne",
                    "in",
                    "contains",
                    "startsWith",
                    "endsWith",
                    "isNull",
                ],
            );
            let value = match name {
                "in" => (0..self.rng.random_range(0..4))
                    .map(|_| self.needle())
                    .collect(),
                "isNull" => self.chance(0.5).into(),
                _ => self.needle(),
            };
            filter.insert(name.to_owned(), value);
        }
        filter.into()
    }

    /// Returns a part of a text, sometimes in the other case.
    fn needle(&mut self) -> Value {
        let text = if self.chance(0.2) {
            "Lead"
        } else {
            pick(self.rng, TEXTS)
        };
        let letters: Vec<char> = text.chars().collect();
        let (mut from, mut until) = (0, letters.len());
        if self.chance(0.5) {
            from = self.rng.random_range(0..=letters.len());
            until = self.rng.random_range(from..=letters.len());
        }
        let part: String = letters[from..until].iter().collect();
        match self.rng.random_range(0..3) {
            0 => part.to_uppercase(),
            1 => part.to_ascii_lowercase(),
            _ => part,
        }
        .into()
    }

    fn comparisons(&mut self, nullable: bool, value: impl Fn(&mut StdRng) -> Value) -> Value {
        let mut filter = Map::new();
        for _ in 0..pick(self.rng, &[0, 1, 1, 1, 2]) {
            let name = pick(self.rng, &["eq", "ne", "lt", "lte", "gt", "gte"]);
            filter.insert(name.to_owned(), value(self.rng));
        }
        if nullable && self.chance(0.2) {
            filter.insert("isNull".to_owned(), self.chance(0.5).into());
        }
        filter.into()
    }

    fn time(&mut self) -> Value {
        instant(self.rng)
    }

    fn range(&mut self) -> Value {
        let mut ends = [pick(self.rng, TIMES), pick(self.rng, TIMES)];
        ends.sort_unstable();
        let [from, until] = ends;
        match self.rng.random_range(0..3) {
            0 => json!({ "from": time_text(from) }),
            1 => json!({ "until": time_text(until) }),
            _ if from == until => json!({ "from": time_text(from) }),
            _ => json!({ "from": time_text(from), "until": time_text(until) }),
        }
    }

    fn ids(&mut self, kind: Kind) -> Value {
        (0..self.rng.random_range(0..5))
            .map(|_| self.id(kind))
            .collect()
    }

    /// Usually of a record that exists.
    fn id(&mut self, kind: Kind) -> Value {
        let known = self.model.ids(kind);
        match self.rng.random_range(0..12) {
            0 => "nonsense".into(),
            1 => format!("{}9999", kind.prefix()).into(),
            2 => format!("{}1", if kind == Meeting { "emp_" } else { "mtg_" }).into(),
            3 => format!("{}0{}", kind.prefix(), pick(self.rng, &known)).into(),
            _ => format!("{}{}", kind.prefix(), pick(self.rng, &known)).into(),
        }
    }
}

/// Returns one of the times, at some offset, sometimes with more digits than are stored.
fn instant(rng: &mut StdRng) -> Value {
    let micros = pick(rng, &TIMES[1..TIMES.len() - 1]) + pick(rng, &[0, 0, 0, 0, -1, 1]);
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
    let minutes = pick(rng, &[0, 0, 120, -690, 845]);
    let local = time.with_timezone(&chrono::FixedOffset::east_opt(minutes * 60).unwrap());
    let text = local.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    if rng.random_bool(0.2) {
        let digits = text.find('.').unwrap() + 7;
        return format!("{}789{}", &text[..digits], &text[digits..]).into();
    }
    text.into()
}
