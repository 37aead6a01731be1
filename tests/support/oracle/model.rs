//! The naive model: plain vectors, and answers by scanning all of them.

use std::cmp::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_level::text::normalized;
use serde_json::{Map, Value, json};

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

    // ------------------------------------------------------------ filters ----

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

    fn active(&self, id: i64, at: &str) -> bool {
        self.active_holds(id, &json!({ "at": at }))
    }

    // ------------------------------------------------------------- orders ----

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

    /// Returns the expected answer. Cursors are a constant text.
    pub fn answer(&self, case: &Value) -> Value {
        let at = case["at"].as_str().unwrap();
        self.children(None, case, at).into()
    }

    fn children(&self, parent: Option<(Kind, i64)>, field: &Value, at: &str) -> Map<String, Value> {
        list(&field["children"])
            .enumerate()
            .map(|(index, child)| {
                let answer = match child.get("id") {
                    Some(id) => self.lookup(child, id.as_str().unwrap(), at),
                    None => self.connection(parent, child, at),
                };
                (format!("f{index}"), answer)
            })
            .collect()
    }

    fn lookup(&self, field: &Value, id: &str, at: &str) -> Value {
        let kind = Kind::of_one(field["field"].as_str().unwrap());
        let known = self.ids(kind);
        match known
            .iter()
            .find(|key| id == format!("{}{key}", kind.prefix()))
        {
            Some(key) => self.node((kind, *key), field, at),
            None => Value::Null,
        }
    }

    fn node(&self, node: (Kind, i64), field: &Value, at: &str) -> Value {
        let id = node.1;
        let mut answer = match node.0 {
            Employee => {
                let row = self.employee(id);
                json!({ "name": row.name, "hireDate": row.hired })
            }
            Meeting => {
                let row = self.meeting(id);
                json!({ "topic": row.topic, "scheduledTime": time_text(row.at), "location": row.location })
            }
            Project => {
                let row = self.project(id);
                let active = self.assignments.iter().filter(|row| row.project == id);
                let mut heads: Vec<_> = active
                    .filter(|row| self.active(row.id, at))
                    .map(|row| row.employee)
                    .collect();
                heads.sort_unstable();
                heads.dedup();
                json!({ "title": row.title, "budget": row.budget, "headcount": heads.len() })
            }
            Assignment => {
                let row = self.assignment(id);
                json!({
                    "role": row.role,
                    "startDate": row.start.map(time_text),
                    "endDate": row.end.map(time_text),
                    "isActive": self.active(id, at),
                    "employee": { "name": self.employee(row.employee).name },
                    "project": { "title": self.project(row.project).title },
                })
            }
        };
        let object = answer.as_object_mut().unwrap();
        object.insert("id".into(), format!("{}{id}", node.0.prefix()).into());
        object.extend(self.children(Some(node), field, at));
        if let (Employee, Some(asked)) = (node.0, field.get("pairs")) {
            let pairs = self.pairs(id, asked);
            object.extend(fields(&pairs).map(|(name, value)| (name.clone(), value.clone())));
        }
        answer
    }

    fn connection(&self, parent: Option<(Kind, i64)>, field: &Value, at: &str) -> Value {
        let kind = Kind::of_list(field["field"].as_str().unwrap());
        let all = self.whole(parent, field);
        let order = order(parent, kind, field);
        let cursor = |name| argument(field, name).map(|item| key_of(kind, item.as_str().unwrap()));
        let (after, before) = (cursor("after"), cursor("before"));
        let behind = |id: i64, cursor: i64| self.compare(kind, &order, id, cursor).is_gt();
        let ahead = |id: i64, cursor: i64| self.compare(kind, &order, id, cursor).is_lt();

        let mut page = all.clone();
        page.retain(|id| after.is_none_or(|after| behind(*id, after)));
        page.retain(|id| before.is_none_or(|before| ahead(*id, before)));
        let size = |name| argument(field, name).map(|n| n.as_u64().unwrap() as usize);
        let backward = size("last").is_some();
        if let Some(last) = size("last") {
            page.drain(..page.len().saturating_sub(last));
        } else {
            page.truncate(size("first").unwrap_or(20));
        }

        // Rows before and after the page. An empty page is positioned at a cursor or at an end.
        let (previous, next) = match (page.first(), page.last()) {
            (Some(first), Some(last)) => (
                all.iter().any(|id| ahead(*id, *first)),
                all.iter().any(|id| behind(*id, *last)),
            ),
            _ if backward => match before {
                Some(before) => (
                    all.iter().any(|id| ahead(*id, before)),
                    all.iter().any(|id| !ahead(*id, before)),
                ),
                None => (!all.is_empty(), false),
            },
            _ => match after {
                Some(after) => (
                    all.iter().any(|id| !behind(*id, after)),
                    all.iter().any(|id| behind(*id, after)),
                ),
                None => (false, !all.is_empty()),
            },
        };

        let mut answer = Map::new();
        for part in list(&field["parts"]) {
            match part.as_str().unwrap() {
                "edges" => {
                    let edges = page
                        .iter()
                        .map(|id| self.edge(parent, kind, *id, field, at));
                    answer.insert("edges".into(), edges.collect());
                }
                "nodes" => {
                    let nodes = page.iter().map(|id| self.node((kind, *id), field, at));
                    answer.insert("nodes".into(), nodes.collect());
                }
                "totalCount" => {
                    answer.insert("totalCount".into(), all.len().into());
                }
                "pageInfo" => {
                    let cursor = (!page.is_empty()).then_some("a cursor");
                    let info = json!({
                        "hasNextPage": next, "hasPreviousPage": previous,
                        "startCursor": cursor, "endCursor": cursor,
                    });
                    answer.insert("pageInfo".into(), info);
                }
                "budget" => {
                    answer.insert("budget".into(), self.budget(&all));
                }
                "byRole" => {
                    answer.insert("byRole".into(), self.by_role(&all));
                }
                _ => {}
            }
        }
        answer.into()
    }

    fn edge(
        &self,
        parent: Option<(Kind, i64)>,
        kind: Kind,
        id: i64,
        field: &Value,
        at: &str,
    ) -> Value {
        let mut edge = json!({ "cursor": "a cursor", "node": self.node((kind, id), field, at) });
        if field["field"] == "colleagues" {
            let (_, whose) = parent.unwrap();
            let projects = self.shared_projects(whose, id, field);
            let meetings = self.shared_meetings(whose, id, field);
            let first = field["link"].as_u64().unwrap_or(0) as usize;
            let listed = |kind: Kind, ids: &[i64]| -> Value {
                let listed = ids.iter().take(first);
                listed
                    .map(|id| json!({ "id": format!("{}{id}", kind.prefix()) }))
                    .collect()
            };
            edge["sharedProjects"] = listed(Project, &projects);
            edge["sharedProjectCount"] = projects.len().into();
            edge["sharedMeetings"] = listed(Meeting, &meetings);
            edge["sharedMeetingCount"] = meetings.len().into();
        } else if let Some(first) = field.get("link") {
            let between = self.between(parent.unwrap(), id, field);
            let mut roles: Vec<&str> = Vec::new();
            for role in between.iter().filter_map(|row| row.role.as_deref()) {
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
            let all = |times: Vec<Option<i64>>| times.into_iter().collect::<Option<Vec<_>>>();
            let starts = all(between.iter().map(|row| row.start).collect());
            let ends = all(between.iter().map(|row| row.end).collect());
            let listed = between.iter().take(first.as_u64().unwrap() as usize);
            let object = edge.as_object_mut().unwrap();
            object.extend(fields(&json!({
                "assignments": listed.map(|row| json!({ "id": format!("asg_{}", row.id) })).collect::<Value>(),
                "assignmentCount": between.len(),
                "roles": roles,
                "since": starts.and_then(|starts| starts.into_iter().min()).map(time_text),
                "until": ends.and_then(|ends| ends.into_iter().max()).map(time_text),
            })).map(|(name, value)| (name.clone(), value.clone())));
        }
        edge
    }

    fn budget(&self, projects: &[i64]) -> Value {
        let budgets: Vec<i64> = projects
            .iter()
            .filter_map(|id| self.project(*id).budget)
            .collect();
        let sum: i128 = budgets.iter().map(|budget| i128::from(*budget)).sum();
        json!({
            "count": budgets.len(),
            "sum": (sum < 1 << 53).then_some(sum as i64),
            "average": (!budgets.is_empty()).then(|| sum as f64 / budgets.len() as f64),
            "min": budgets.iter().min(),
            "max": budgets.iter().max(),
        })
    }

    fn by_role(&self, assignments: &[i64]) -> Value {
        let rows: Vec<_> = assignments.iter().map(|id| self.assignment(*id)).collect();
        let mut roles: Vec<_> = rows.iter().map(|row| row.role.as_deref()).collect();
        roles.sort_unstable();
        roles.dedup();
        let mut counted: Vec<_> = roles
            .into_iter()
            .map(|role| {
                let of_role = rows.iter().filter(|row| row.role.as_deref() == role);
                let mut employees: Vec<_> = of_role.clone().map(|row| row.employee).collect();
                employees.sort_unstable();
                employees.dedup();
                (role, of_role.count(), employees.len())
            })
            .collect();
        counted.sort_by_key(|(role, count, _)| (usize::MAX - count, role.is_none(), *role));
        counted
            .into_iter()
            .take(100)
            .map(|(role, count, employees)| {
                json!({ "role": role, "assignmentCount": count, "employeeCount": employees })
            })
            .collect()
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

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}
