//! Stale copies of employee names: they misplace a row in a list and are never shown.

use std::collections::{BTreeMap, HashSet};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DbBackend, IsolationLevel, TransactionTrait,
};
use serde_json::Value;
use server::migrate::count_stale_copies;

use crate::support::app::{TestApp, apps};

/// Ann, Ben with two assignments, Cat and Dan on one project.
async fn team() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        let project = app.project("P", None).await;
        for name in ["Ann", "Ben", "Cat", "Dan"] {
            let employee = app.employee(name).await;
            app.assignment(employee, project).await;
        }
        app.stint(2, project, Some("again"), None, None).await;
    }
    apps
}

/// Writes to `assignments.employee_name` without the triggers that would correct it.
async fn damage(app: &TestApp, update: &str) {
    let triggers = match app.db().get_database_backend() {
        DbBackend::Sqlite => "DROP TRIGGER tr_assignments_update",
        _ => "ALTER TABLE assignments DISABLE TRIGGER USER",
    };
    for statement in [triggers, update] {
        app.db().execute_unprepared(statement).await.unwrap();
    }
}

/// Reads the team through every field that shows a name. Returns the names by id.
async fn names(app: &TestApp) -> BTreeMap<String, String> {
    let data = app
        .query(
            r#"{
                employees { nodes { id name } }
                node(id: "emp_2") { id ... on Employee { name } }
                assignments {
                    nodes { role employee { id name } }
                    edges { cursor node { employee { id name } } }
                }
                byName: assignments(orderBy: [{ field: EMPLOYEE_NAME }]) {
                    nodes { employee { id name hireDate } }
                }
                projects { nodes {
                    employees { totalCount nodes { id name } }
                    last: employees(last: 3) { edges { cursor node { id name hireDate } } }
                    sorted: employees(orderBy: [{ field: NAME, direction: DESC }]) { nodes { id name } }
                    edges: employees {
                        edges { node { id name } assignments { employee { id name } } }
                    }
                    assignments(first: 10) { nodes { employee { id name } } }
                } }
            }"#,
        )
        .await;
    let team = &data["projects"]["nodes"][0]["employees"];
    let ids: Vec<_> = nodes(team).iter().map(|node| &node["id"]).collect();
    let distinct: HashSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "{}: {ids:?}", app.name());
    assert_eq!(team["totalCount"], ids.len(), "{}", app.name());

    let mut names = BTreeMap::new();
    collect(app, &data, &mut names);
    names
}

fn nodes(connection: &Value) -> &Vec<Value> {
    connection["nodes"].as_array().unwrap()
}

/// Finds the names of employees at any depth. Each employee must have one name only.
fn collect(app: &TestApp, value: &Value, names: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            if let (Some(Value::String(id)), Some(Value::String(name))) =
                (object.get("id"), object.get("name"))
            {
                let known = names.entry(id.clone()).or_insert_with(|| name.clone());
                assert_eq!(known, name, "{}: {id} has two names", app.name());
            }
            object.values().for_each(|value| collect(app, value, names));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(app, value, names)),
        _ => {}
    }
}

/// Returns the names of the team, read one by one, forward or backward.
async fn walk(app: &TestApp, way: (&str, &str, &str, &str)) -> Vec<String> {
    walk_filtered(app, way, "").await
}

/// The same for the part of the team that meets filters.
async fn walk_filtered(
    app: &TestApp,
    (size, cursor, end, more): (&str, &str, &str, &str),
    filters: &str,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut from = Value::Null;
    loop {
        let query = format!(
            r#"{{ project(id: "prj_1") {{ employees({size}: 1, {cursor}: {from} {filters}) {{
                nodes {{ name }} pageInfo {{ {end} {more} }}
            }} }} }}"#
        );
        let data = app.query(&query).await;
        let page = &data["project"]["employees"];
        let [node] = &nodes(page)[..] else {
            panic!("{}: {page} after {names:?}", app.name());
        };
        names.push(node["name"].as_str().unwrap().to_owned());
        assert!(names.len() < 10, "{}: {names:?}", app.name());
        if page["pageInfo"][more] == false {
            return names;
        }
        from = page["pageInfo"][end].clone();
    }
}

const FORWARD: (&str, &str, &str, &str) = ("first", "after", "endCursor", "hasNextPage");
const BACKWARD: (&str, &str, &str, &str) = ("last", "before", "startCursor", "hasPreviousPage");

fn named(names: [&str; 4]) -> BTreeMap<String, String> {
    let ids = (1..).map(|id| format!("emp_{id}"));
    ids.zip(names.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_stale_copy_moves_its_row_and_is_never_shown() {
    for (update, expected) in [
        // Every copy of one employee is stale.
        (
            "UPDATE assignments SET employee_name = 'Zoe' WHERE employee_id = 1",
            ["Ben", "Cat", "Dan", "Ann"],
        ),
        // The correct copy decides the position, whether it is the smaller or the larger one.
        (
            "UPDATE assignments SET employee_name = 'Aaa' WHERE id = 2",
            ["Ann", "Ben", "Cat", "Dan"],
        ),
        (
            "UPDATE assignments SET employee_name = 'Zoe' WHERE id = 5",
            ["Ann", "Ben", "Cat", "Dan"],
        ),
        // Two stale copies: the smaller one decides the position.
        (
            "UPDATE assignments SET employee_name = CASE id WHEN 2 THEN 'Yve' ELSE 'Zoe' END \
             WHERE employee_id = 2",
            ["Ann", "Cat", "Dan", "Ben"],
        ),
        // Rows with equal copies are sorted by id.
        (
            "UPDATE assignments SET employee_name = ''",
            ["Ann", "Ben", "Cat", "Dan"],
        ),
    ] {
        for app in team().await {
            damage(&app, update).await;
            assert!(count_stale_copies(app.db()).await.unwrap() > 0);
            let shown = names(&app).await;
            assert_eq!(shown, named(["Ann", "Ben", "Cat", "Dan"]), "{}", app.name());
            assert_eq!(walk(&app, FORWARD).await, expected, "{}", app.name());
            let mut backward = walk(&app, BACKWARD).await;
            backward.reverse();
            assert_eq!(backward, expected, "{}", app.name());
            let filters = r#"where: { not: { name: { eq: "Cat" } } }, through: { not: { role: { eq: "x" } } }"#;
            let kept = expected.into_iter().filter(|name| *name != "Cat");
            let kept: Vec<_> = kept.collect();
            let mut backward = walk_filtered(&app, BACKWARD, filters).await;
            backward.reverse();
            assert_eq!(backward, kept, "{}", app.name());
            assert_eq!(
                walk_filtered(&app, FORWARD, filters).await,
                kept,
                "{}",
                app.name()
            );
            // The copy that decides Ben's position elsewhere may be of an assignment that is filtered out.
            let again = r#"through: { role: { eq: "again" } }"#;
            assert_eq!(
                walk_filtered(&app, FORWARD, again).await,
                ["Ben"],
                "{}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn an_employee_that_another_program_replaced_has_the_new_name_in_every_list() {
    for app in team().await {
        let is_sqlite = app.db().get_database_backend() == DbBackend::Sqlite;
        // The default settings of SQLite in other programs.
        let mut options = ConnectOptions::new(app.database.settings().database_url);
        options.max_connections(1);
        let other = Database::connect(options).await.unwrap();
        let row = "INTO employees (id, name, hire_date) VALUES (2, 'Zoe', '2020-01-01')";
        let replace = if is_sqlite {
            let off = "PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF";
            other.execute_unprepared(off).await.unwrap();
            format!("INSERT OR REPLACE {row}")
        } else {
            format!("INSERT {row} ON CONFLICT (id) DO UPDATE SET name = excluded.name")
        };
        other.execute_unprepared(&replace).await.unwrap();
        assert_eq!(count_stale_copies(app.db()).await.unwrap(), 0);
        let shown = names(&app).await;
        assert_eq!(shown, named(["Ann", "Zoe", "Cat", "Dan"]), "{}", app.name());
        let listed = ["Ann", "Cat", "Dan", "Zoe"];
        assert_eq!(walk(&app, FORWARD).await, listed, "{}", app.name());
    }
}

/// The trigger of the rename cannot see an assignment that was committed after its snapshot.
#[tokio::test]
async fn answers_agree_after_a_rename_under_repeatable_read() {
    for app in team().await {
        if app.db().get_database_backend() == DbBackend::Sqlite {
            continue;
        }
        let repeatable = Some(IsolationLevel::RepeatableRead);
        let rename = app.db().begin_with_config(repeatable, None).await.unwrap();
        let snapshot = "SELECT count(*) FROM assignments";
        rename.execute_unprepared(snapshot).await.unwrap();
        app.stint(2, 1, Some("late"), None, None).await;
        let statement = "UPDATE employees SET name = 'Zoe' WHERE id = 2";
        rename.execute_unprepared(statement).await.unwrap();
        rename.commit().await.unwrap();
        assert_eq!(count_stale_copies(app.db()).await.unwrap(), 1);

        assert_eq!(names(&app).await, named(["Ann", "Zoe", "Cat", "Dan"]));
        assert_eq!(walk(&app, FORWARD).await, ["Ann", "Cat", "Dan", "Zoe"]);
    }
}
