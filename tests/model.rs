//! Random mutations against a model in memory. After each step the graph equals the model; at the end
//! the replayed feed has the same records and links.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps},
    model::{Model, replay},
    mutations::text,
};

const STEPS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn random_mutations_agree_with_a_model_and_with_the_feed() {
    let seed: u64 = rand::random();
    for app in apps().await {
        let mut random = StdRng::seed_from_u64(seed);
        let mut model = Model::default();
        for step in 0..STEPS {
            let before = app.latest_cursor().await;
            let changed = model.step(&app, &mut random, step).await;
            let place = format!("{} seed {seed} step {step}", app.name());
            assert_eq!(Model::read(&app).await, model, "{place}");
            assert_eq!(app.latest_cursor().await != before, changed, "{place}");
        }
        let all = app.changes().await;
        replay(&app, &all).await;
    }
}

impl Model {
    fn attend(&mut self, meeting: &str, employee: &str, attends: bool) -> bool {
        let link = (meeting.to_owned(), employee.to_owned());
        if attends {
            self.attendances.insert(link)
        } else {
            self.attendances.remove(&link)
        }
    }

    fn grow(&mut self, meeting: &str) {
        self.meetings.get_mut(meeting).unwrap().1 += 1;
    }

    /// Runs one mutation on the server and on the model. Returns whether it changes anything.
    async fn step(&mut self, app: &TestApp, random: &mut StdRng, step: usize) -> bool {
        fn some<V>(random: &mut StdRng, of: &BTreeMap<String, V>) -> Option<String> {
            let keys: Vec<_> = of.keys().collect();
            (!keys.is_empty()).then(|| keys[random.random_range(0..keys.len())].clone())
        }
        fn few<V>(random: &mut StdRng, of: &BTreeMap<String, V>) -> Vec<String> {
            let mut few: Vec<String> = Vec::new();
            for _ in 0..random.random_range(0..4) {
                few.extend(some(random, of).filter(|id| !few.contains(id)));
            }
            few
        }
        let role = |random: &mut StdRng| {
            random
                .random_bool(0.7)
                .then(|| format!("r{}", random.random_range(0..3)))
        };
        let (e, p, m, a) = (
            some(random, &self.employees),
            some(random, &self.projects),
            some(random, &self.meetings),
            some(random, &self.assignments),
        );
        match (random.random_range(0..100), e, p, m, a) {
            (0..10, ..) => {
                let (meetings, project) =
                    (few(random, &self.meetings), some(random, &self.projects));
                let name = format!("E{step}");
                let assignments: Vec<_> = project
                    .iter()
                    .map(|project| json!({ "project": { "id": project }, "role": "new" }))
                    .collect();
                let input =
                    json!({ "name": name, "meetingIds": meetings, "assignments": assignments });
                let payload = app
                    .done(
                        "createEmployee",
                        input,
                        "employee { id assignments { nodes { id } } }",
                    )
                    .await;
                let id = text(&payload["employee"]["id"]);
                self.employees.insert(id.clone(), (name, 1));
                for meeting in meetings {
                    self.attend(&meeting, &id, true);
                    self.grow(&meeting);
                }
                if let Some(project) = project {
                    let assignment = text(&payload["employee"]["assignments"]["nodes"][0]["id"]);
                    self.assignments
                        .insert(assignment, (id, project, Some("new".to_owned()), 1));
                }
                true
            }
            (10..16, ..) => {
                let id = app.new_project(&format!("P{step}")).await;
                self.projects.insert(id, (None, 1));
                true
            }
            (16..22, ..) => {
                let employees = few(random, &self.employees);
                let input = json!({ "topic": "T", "scheduledTime": "2023-01-01T00:00:00Z",
                                    "employeeIds": employees });
                let payload = app.done("createMeeting", input, "meeting { id }").await;
                let id = text(&payload["meeting"]["id"]);
                self.meetings.insert(id.clone(), (None, 1));
                for employee in employees {
                    self.attend(&id, &employee, true);
                }
                true
            }
            (22..30, Some(e), ..) => {
                let name = format!("N{}", random.random_range(0..2));
                let input =
                    json!({ "id": e, "name": name, "expectedVersion": self.employees[&e].1 });
                app.done("updateEmployee", input, "__typename").await;
                let row = self.employees.get_mut(&e).unwrap();
                let changes = row.0 != name;
                *row = (name, row.1 + i64::from(changes));
                changes
            }
            (30..36, _, Some(p), ..) => {
                let budget = random.random_bool(0.6).then(|| random.random_range(0..3));
                app.done(
                    "updateProject",
                    json!({ "id": p, "budget": budget }),
                    "__typename",
                )
                .await;
                let row = self.projects.get_mut(&p).unwrap();
                let changes = row.0 != budget;
                *row = (budget, row.1 + i64::from(changes));
                changes
            }
            (36..42, _, _, Some(m), _) => {
                let location = role(random);
                app.done(
                    "updateMeeting",
                    json!({ "id": m, "location": location }),
                    "__typename",
                )
                .await;
                let row = self.meetings.get_mut(&m).unwrap();
                let changes = row.0 != location;
                *row = (location, row.1 + i64::from(changes));
                changes
            }
            (42..50, ..) => {
                let (meetings, employees) =
                    (few(random, &self.meetings), few(random, &self.employees));
                if meetings.is_empty() || employees.is_empty() {
                    return false;
                }
                let add = random.random_bool(0.6);
                let input = json!({ "meetingIds": meetings, "employeeIds": employees });
                let field = if add {
                    "addAttendees"
                } else {
                    "removeAttendees"
                };
                app.done(field, input, "__typename").await;
                let mut any = false;
                for meeting in meetings {
                    let mut changes = false;
                    for employee in &employees {
                        changes |= self.attend(&meeting, employee, add);
                    }
                    if changes {
                        self.grow(&meeting);
                    }
                    any |= changes;
                }
                any
            }
            (50..58, _, _, Some(m), _) => {
                let employees = few(random, &self.employees);
                let input = json!({ "meetingId": m, "employeeIds": employees });
                app.done("setAttendees", input, "__typename").await;
                let of_meeting = |link: &&(String, String)| link.0 == m;
                let before: BTreeSet<_> = self
                    .attendances
                    .iter()
                    .filter(of_meeting)
                    .cloned()
                    .collect();
                let after: BTreeSet<_> = employees.into_iter().map(|e| (m.clone(), e)).collect();
                if before == after {
                    return false;
                }
                self.attendances.retain(|link| link.0 != m);
                self.attendances.extend(after);
                self.grow(&m);
                true
            }
            (58..68, Some(e), Some(p), ..) => {
                let role = role(random);
                let input = json!({ "employeeId": e, "projectId": p, "role": role });
                let payload = app
                    .done("assignEmployee", input, "created assignment { id }")
                    .await;
                let id = text(&payload["assignment"]["id"]);
                let same = |row: &(String, String, Option<String>, i64)| {
                    (&row.0, &row.1, &row.2) == (&e, &p, &role)
                };
                let there = self
                    .assignments
                    .iter()
                    .find(|(_, row)| same(row))
                    .map(|(id, _)| id);
                assert_eq!(there.unwrap_or(&id), &id);
                let created = there.is_none();
                assert_eq!(payload["created"], created);
                if created {
                    self.assignments.insert(id, (e, p, role, 1));
                }
                created
            }
            (68..75, .., Some(a)) => {
                let role = role(random);
                let (e, p, old, _) = self.assignments[&a].clone();
                let twin = self
                    .assignments
                    .iter()
                    .any(|(id, row)| *id != a && (&row.0, &row.1, &row.2) == (&e, &p, &role));
                let input = json!({ "id": a, "role": role });
                let payload = app.mutate("updateAssignment", input, "__typename").await;
                let code = &payload["userErrors"][0]["code"];
                if twin && old != role {
                    assert_eq!(code, "DUPLICATE");
                    return false;
                }
                assert_eq!(code, &Value::Null);
                let row = self.assignments.get_mut(&a).unwrap();
                row.3 += i64::from(old != role);
                row.2.clone_from(&role);
                old != role
            }
            (75..80, .., Some(a)) => {
                app.done("deleteAssignment", json!({ "id": a }), "__typename")
                    .await;
                self.assignments.remove(&a);
                true
            }
            (80..88, Some(e), ..) => {
                let projects = few(random, &self.projects);
                let input = json!({ "employeeId": e, "projectIds": projects });
                let payload = app
                    .done(
                        "setEmployeeProjects",
                        input,
                        "added { id project { id } } deletedAssignmentIds",
                    )
                    .await;
                self.relink(
                    &payload,
                    |row| row.0 == e && !projects.contains(&row.1),
                    |added| (e.clone(), text(&added["project"]["id"])),
                )
            }
            (88..94, _, Some(p), ..) => {
                let employees = few(random, &self.employees);
                let input = json!({ "projectId": p, "employeeIds": employees });
                let payload = app
                    .done(
                        "setProjectEmployees",
                        input,
                        "added { id employee { id } } deletedAssignmentIds",
                    )
                    .await;
                self.relink(
                    &payload,
                    |row| row.1 == p && !employees.contains(&row.0),
                    |added| (text(&added["employee"]["id"]), p.clone()),
                )
            }
            (94..96, Some(e), ..) => {
                app.done("deleteEmployee", json!({ "id": e }), "__typename")
                    .await;
                self.employees.remove(&e);
                self.assignments.retain(|_, row| row.0 != e);
                let attended: Vec<_> = self
                    .attendances
                    .iter()
                    .filter(|link| link.1 == e)
                    .map(|link| link.0.clone())
                    .collect();
                for meeting in attended {
                    self.attend(&meeting, &e, false);
                    self.grow(&meeting);
                }
                true
            }
            (96..98, _, Some(p), ..) => {
                app.done("deleteProject", json!({ "id": p }), "__typename")
                    .await;
                self.projects.remove(&p);
                self.assignments.retain(|_, row| row.1 != p);
                true
            }
            (98.., _, _, Some(m), _) => {
                app.done("deleteMeeting", json!({ "id": m }), "__typename")
                    .await;
                self.meetings.remove(&m);
                self.attendances.retain(|link| link.0 != m);
                true
            }
            _ => false,
        }
    }

    fn relink(
        &mut self,
        payload: &Value,
        orphaned: impl Fn(&(String, String, Option<String>, i64)) -> bool,
        pair: impl Fn(&Value) -> (String, String),
    ) -> bool {
        let orphans: BTreeSet<_> = self
            .assignments
            .iter()
            .filter(|(_, row)| orphaned(row))
            .map(|(id, _)| id.clone())
            .collect();
        let deleted = payload["deletedAssignmentIds"]
            .as_array()
            .unwrap()
            .iter()
            .map(text);
        assert_eq!(deleted.collect::<BTreeSet<_>>(), orphans);
        self.assignments.retain(|id, _| !orphans.contains(id));
        let added = payload["added"].as_array().unwrap();
        for added in added {
            let (employee, project) = pair(added);
            self.assignments
                .insert(text(&added["id"]), (employee, project, None, 1));
        }
        !added.is_empty() || !orphans.is_empty()
    }
}
