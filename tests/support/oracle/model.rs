//! The naive model: plain vectors, and answers by scanning all of them.

mod answers;
mod filters;

use std::cmp::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Employee,
    Meeting,
    Project,
    Assignment,
}

use Kind::{Assignment, Employee, Meeting, Project};

impl Kind {
    pub fn prefix(self) -> &'static str {
        match self {
            Employee => "emp_",
            Meeting => "mtg_",
            Project => "prj_",
            Assignment => "asg_",
        }
    }

    pub fn type_name(self) -> &'static str {
        match self {
            Employee => "Employee",
            Meeting => "Meeting",
            Project => "Project",
            Assignment => "Assignment",
        }
    }

    /// The root field for one record.
    pub fn one(self) -> &'static str {
        match self {
            Employee => "employee",
            Meeting => "meeting",
            Project => "project",
            Assignment => "assignment",
        }
    }

    /// The field for a list of records.
    pub fn many(self) -> &'static str {
        match self {
            Employee => "employees",
            Meeting => "meetings",
            Project => "projects",
            Assignment => "assignments",
        }
    }

    pub fn of_list(name: &str) -> Self {
        if name == "colleagues" {
            return Employee;
        }
        *[Employee, Meeting, Project, Assignment]
            .iter()
            .find(|kind| kind.many() == name)
            .unwrap_or_else(|| panic!("no list is named {name}"))
    }

    pub fn of_one(name: &str) -> Self {
        *[Employee, Meeting, Project, Assignment]
            .iter()
            .find(|kind| kind.one() == name)
            .unwrap_or_else(|| panic!("nothing is named {name}"))
    }

    /// The list fields of one record.
    pub fn lists(self) -> &'static [&'static str] {
        match self {
            Employee => &["meetings", "assignments", "projects", "colleagues"],
            Meeting => &["employees"],
            Project => &["assignments", "employees"],
            Assignment => &[],
        }
    }
}

#[derive(Clone, Debug)]
pub struct EmployeeRow {
    pub id: i64,
    pub name: String,
    pub hired: String,
}

#[derive(Clone, Debug)]
pub struct MeetingRow {
    pub id: i64,
    pub topic: String,
    /// Microseconds since 1970, here and below.
    pub at: i64,
    pub location: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ProjectRow {
    pub id: i64,
    pub title: String,
    pub budget: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct AssignmentRow {
    pub id: i64,
    pub role: Option<String>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub employee: i64,
    pub project: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub employees: Vec<EmployeeRow>,
    pub meetings: Vec<MeetingRow>,
    pub projects: Vec<ProjectRow>,
    pub assignments: Vec<AssignmentRow>,
    /// Employee and meeting.
    pub attendances: Vec<(i64, i64)>,
}

/// A value to sort by. Only values of one variant are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

/// An order of a list. Colleagues are sorted by shared records, which depend on the parent.
struct Order<'a> {
    keys: Vec<SortKey>,
    parent: Option<(Kind, i64)>,
    field: &'a Value,
}

/// One key of an order.
struct SortKey {
    field: String,
    descending: bool,
    nulls_first: bool,
}

pub fn micros(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_micros()
}

pub fn time_text(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros)
        .unwrap()
        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl Model {
    pub fn ids(&self, kind: Kind) -> Vec<i64> {
        match kind {
            Employee => self.employees.iter().map(|row| row.id).collect(),
            Meeting => self.meetings.iter().map(|row| row.id).collect(),
            Project => self.projects.iter().map(|row| row.id).collect(),
            Assignment => self.assignments.iter().map(|row| row.id).collect(),
        }
    }

    fn employee(&self, id: i64) -> &EmployeeRow {
        self.employees.iter().find(|row| row.id == id).unwrap()
    }

    fn meeting(&self, id: i64) -> &MeetingRow {
        self.meetings.iter().find(|row| row.id == id).unwrap()
    }

    fn project(&self, id: i64) -> &ProjectRow {
        self.projects.iter().find(|row| row.id == id).unwrap()
    }

    fn assignment(&self, id: i64) -> &AssignmentRow {
        self.assignments.iter().find(|row| row.id == id).unwrap()
    }

    /// Returns the distinct records of one kind that are linked to a record.
    pub fn linked(&self, of: (Kind, i64), to: Kind) -> Vec<i64> {
        let (kind, id) = of;
        let assignments = self.assignments.iter();
        let attendances = self.attendances.iter();
        let mut found: Vec<i64> = match (kind, to) {
            (Employee, Meeting) => attendances.filter(|a| a.0 == id).map(|a| a.1).collect(),
            (Meeting, Employee) => attendances.filter(|a| a.1 == id).map(|a| a.0).collect(),
            (Employee, Project) => assignments
                .filter(|a| a.employee == id)
                .map(|a| a.project)
                .collect(),
            (Project, Employee) => assignments
                .filter(|a| a.project == id)
                .map(|a| a.employee)
                .collect(),
            (Employee, Assignment) => assignments
                .filter(|a| a.employee == id)
                .map(|a| a.id)
                .collect(),
            (Project, Assignment) => assignments
                .filter(|a| a.project == id)
                .map(|a| a.id)
                .collect(),
            _ => panic!("{kind:?} is not linked to {to:?}"),
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    fn key(&self, kind: Kind, id: i64, field: &str) -> Option<Key> {
        let count = |to| Some(Key::Number(self.linked((kind, id), to).len() as i64));
        let text = |text: &str| Some(Key::Text(text.to_owned()));
        match (kind, field) {
            (_, "ID") => Some(Key::Number(id)),
            (Employee, "NAME") => text(&self.employee(id).name),
            (Employee, "HIRE_DATE") => text(&self.employee(id).hired),
            (Meeting, "TOPIC") => text(&self.meeting(id).topic),
            (Meeting, "SCHEDULED_TIME") => Some(Key::Number(self.meeting(id).at)),
            (Meeting, "LOCATION") => self.meeting(id).location.clone().map(Key::Text),
            (Project, "TITLE") => text(&self.project(id).title),
            (Project, "BUDGET") => self.project(id).budget.map(Key::Number),
            (Assignment, "ROLE") => self.assignment(id).role.clone().map(Key::Text),
            (Assignment, "START_DATE") => self.assignment(id).start.map(Key::Number),
            (Assignment, "END_DATE") => self.assignment(id).end.map(Key::Number),
            (Assignment, "EMPLOYEE_NAME") => {
                text(&self.employee(self.assignment(id).employee).name)
            }
            (Assignment, "PROJECT_TITLE") => text(&self.project(self.assignment(id).project).title),
            (_, "MEETING_COUNT") => count(Meeting),
            (_, "PROJECT_COUNT") => count(Project),
            (_, "ASSIGNMENT_COUNT") => count(Assignment),
            (_, "EMPLOYEE_COUNT") => count(Employee),
            _ => panic!("{kind:?} by {field}"),
        }
    }

    fn compare(&self, kind: Kind, order: &Order, a: i64, b: i64) -> Ordering {
        let by_key = |key: &SortKey| {
            let ends = if key.nulls_first {
                (Ordering::Less, Ordering::Greater)
            } else {
                (Ordering::Greater, Ordering::Less)
            };
            let value = |id| match (&*key.field, order.parent) {
                ("SHARED_COUNT", Some((_, whose))) => {
                    let shared = self.shared_projects(whose, id, order.field).len()
                        + self.shared_meetings(whose, id, order.field).len();
                    Some(Key::Number(shared as i64))
                }
                (field, _) => self.key(kind, id, field),
            };
            match (value(a), value(b)) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => ends.0,
                (Some(_), None) => ends.1,
                (Some(a), Some(b)) if key.descending => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
            }
        };
        order
            .keys
            .iter()
            .map(by_key)
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| a.cmp(&b))
    }

    // -------------------------------------------------------- connections ----

    /// Returns the ids of the whole list of a field, in order.
    pub fn whole(&self, parent: Option<(Kind, i64)>, field: &Value) -> Vec<i64> {
        let kind = Kind::of_list(field["field"].as_str().unwrap());
        let mut all = match parent {
            None => self.ids(kind),
            Some((_, whose)) if field["field"] == "colleagues" => self.colleagues(whose, field),
            Some(parent) => self.linked(parent, kind),
        };
        if let Some(filter) = argument(field, "where") {
            all.retain(|id| self.holds(kind, *id, filter));
        }
        if argument(field, "through").is_some() && field["field"] != "colleagues" {
            all.retain(|id| !self.between(parent.unwrap(), *id, field).is_empty());
        }
        let order = order(parent, kind, field);
        all.sort_by(|a, b| self.compare(kind, &order, *a, *b));
        all
    }

    fn colleagues(&self, whose: i64, field: &Value) -> Vec<i64> {
        let mut all = self.ids(Employee);
        all.retain(|id| {
            *id != whose
                && !(self.shared_projects(whose, *id, field).is_empty()
                    && self.shared_meetings(whose, *id, field).is_empty())
        });
        all
    }

    /// Returns the projects on which both employees have a matching assignment, by title.
    fn shared_projects(&self, one: i64, other: i64, field: &Value) -> Vec<i64> {
        let mut shared = self.ids(Project);
        let on = |project, employee| {
            self.assignments.iter().any(|row| {
                (row.employee, row.project) == (employee, project)
                    && argument(field, "through").is_none_or(|f| self.holds(Assignment, row.id, f))
            })
        };
        let counts = argument(field, "via").is_none_or(|via| via != "MEETINGS");
        shared.retain(|project| counts && on(*project, one) && on(*project, other));
        shared.sort_by_key(|id| (self.project(*id).title.clone(), *id));
        shared
    }

    /// Returns the meetings that both employees attend, earliest first.
    fn shared_meetings(&self, one: i64, other: i64, field: &Value) -> Vec<i64> {
        let mut shared = self.ids(Meeting);
        let at = |meeting, employee| self.attendances.contains(&(employee, meeting));
        let counts = argument(field, "via").is_some_and(|via| via != "PROJECTS");
        shared.retain(|meeting| counts && at(*meeting, one) && at(*meeting, other));
        shared.sort_by_key(|id| (self.meeting(*id).at, *id));
        shared
    }

    /// Returns pairs of overlapping assignments and of close meetings of one employee.
    fn pairs(&self, employee: i64, asked: &Value) -> Value {
        let mut rows: Vec<_> = self
            .assignments
            .iter()
            .filter(|row| row.employee == employee)
            .collect();
        rows.sort_by_key(|row| (row.start, row.id));
        let mut overlaps = Vec::new();
        for (index, first) in rows.iter().enumerate() {
            for second in &rows[index + 1..] {
                let from = first.start.max(second.start);
                let until = [first.end, second.end].into_iter().flatten().min();
                let bound = |name: &str| {
                    asked["during"]
                        .get(name)
                        .map(|time| micros(time.as_str().unwrap()))
                };
                let latest = [from, bound("from")].into_iter().flatten().max();
                let earliest = [until, bound("until")].into_iter().flatten().min();
                let share = |from: Option<i64>, until: Option<i64>| {
                    from.unwrap_or(i64::MIN) < until.unwrap_or(i64::MAX)
                };
                if share(from, until) && share(latest, earliest) {
                    overlaps.push((
                        from,
                        first.id,
                        second.id,
                        until,
                        first.project == second.project,
                    ));
                }
            }
        }
        overlaps.sort_unstable();
        let mut meetings = self.linked((Employee, employee), Meeting);
        meetings.sort_by_key(|id| (self.meeting(*id).at, *id));
        let mut clashes = Vec::new();
        for (index, first) in meetings.iter().enumerate() {
            for second in &meetings[index + 1..] {
                let apart = self.meeting(*second).at - self.meeting(*first).at;
                if apart <= asked["within"].as_i64().unwrap() * 60_000_000 {
                    clashes.push(json!({
                        "first": { "id": format!("mtg_{first}") },
                        "second": { "id": format!("mtg_{second}") },
                        "minutesApart": apart / 60_000_000,
                    }));
                }
            }
        }
        let overlap =
            |(from, first, second, until, same): (Option<i64>, i64, i64, Option<i64>, bool)| {
                json!({
                    "first": { "id": format!("asg_{first}") },
                    "second": { "id": format!("asg_{second}") },
                    "from": from.map(time_text),
                    "until": until.map(time_text),
                    "sameProject": same,
                })
            };
        json!({
            "assignmentOverlaps": overlaps.into_iter().take(100).map(overlap).collect::<Value>(),
            "meetingClashes": clashes.into_iter().take(100).collect::<Value>(),
        })
    }

    /// Returns the assignments of a link that match `through`, earliest first.
    fn between(&self, parent: (Kind, i64), node: i64, field: &Value) -> Vec<&AssignmentRow> {
        let mut between: Vec<_> = self
            .assignments
            .iter()
            .filter(|row| match parent.0 {
                Employee => row.employee == parent.1 && row.project == node,
                _ => row.project == parent.1 && row.employee == node,
            })
            .filter(|row| {
                argument(field, "through").is_none_or(|f| self.holds(Assignment, row.id, f))
            })
            .collect();
        between.sort_by_key(|row| (row.start, row.id));
        between
    }
}

/// Returns the value of an argument, if given.
pub fn argument<'a>(field: &'a Value, name: &str) -> Option<&'a Value> {
    field["args"].get(name)
}

pub fn key_of(kind: Kind, id: &str) -> i64 {
    id.strip_prefix(kind.prefix()).unwrap().parse().unwrap()
}

fn order(parent: Option<(Kind, i64)>, kind: Kind, field: &Value) -> Order<'_> {
    let key = |field: &str, descending, nulls_first| SortKey {
        field: field.to_owned(),
        descending,
        nulls_first,
    };
    let given = argument(field, "orderBy").into_iter().flat_map(list);
    let mut keys: Vec<_> = given
        .map(|given| {
            let by = given["field"].as_str().unwrap();
            key(by, given["direction"] == "DESC", given["nulls"] == "FIRST")
        })
        .collect();
    if keys.is_empty() && parent.is_some() {
        keys = match kind {
            Employee if field["field"] == "colleagues" => {
                vec![key("SHARED_COUNT", true, false), key("NAME", false, false)]
            }
            Employee => vec![key("NAME", false, false)],
            Meeting => vec![key("SCHEDULED_TIME", false, false)],
            Project => vec![key("TITLE", false, false)],
            Assignment => vec![key("START_DATE", false, true)],
        };
    }
    Order {
        keys,
        parent,
        field,
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}
