//! Answers of the naive model.

use serde_json::{Map, Value, json};

use super::*;

impl Model {
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
