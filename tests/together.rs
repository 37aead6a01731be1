//! Rows that many operations look up at the same time, one each: they share statements, and notice
//! nothing else of each other.

use api::{
    Roster,
    answer::Answer,
    auth::{Role, Viewer},
    json,
};
use async_graphql::{Request, Variables};
use entity::employee;
use futures_util::future::join_all;
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};

use crate::app::{TestApp, apps, day};

const EMPLOYEES: i64 = 150;

async fn companies() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        let employees = (1..EMPLOYEES).map(|id| employee::ActiveModel {
            id: Set(id),
            name: Set(format!("Employee {id}")),
            hire_date: Set(day("2020-01-01")),
            ..Default::default()
        });
        app.insert_many(employees.collect()).await;
    }
    apps
}

/// Asks for everybody, and for one who is not there, all at once.
async fn ask_for_each(app: &TestApp) -> impl Iterator<Item = (i64, Answer)> {
    let roster = Roster::new(app.database.connections().clone());
    let ask = |id| {
        let text = "query ($id: ID!) { employee(id: $id) { name } }";
        let id = json!({ "id": format!("emp_{id}") });
        let request = Request::new(text)
            .variables(Variables::from_json(id))
            .data(Viewer { role: Role::Viewer });
        let checked = roster.check(request).unwrap();
        let roster = &roster;
        async move { roster.run(&checked).await }
    };
    (1..).zip(join_all((1..=EMPLOYEES).map(ask)).await)
}

fn is_right(id: i64, answer: &Answer) -> bool {
    let mut data = Vec::new();
    json::write(&answer.response.data, &mut data);
    let data: Value = serde_json::from_slice(&data).unwrap();
    let name = (id < EMPLOYEES).then(|| format!("Employee {id}"));
    let employee = name.map(|name| json!({ "name": name }));
    answer.response.errors.is_empty() && data == json!({ "employee": employee })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_to_wait_shares_a_statement_with_all_who_wait() {
    for app in companies().await {
        app.database.forget_statements();
        let answers = ask_for_each(&app).await;
        // Four, unless the first ones were answered before the last ones had asked.
        let statements = app.database.statements();
        assert!(statements < 50, "{}: {statements}", app.name());
        for (id, answer) in answers {
            assert!(is_right(id, &answer), "{}: {id}: {answer:?}", app.name());
            // What it took is what it takes alone.
            let cost = answer.cost.unwrap();
            let loaded = usize::from(id < EMPLOYEES);
            assert_eq!((cost.statements, cost.loaded), (1, loaded), "{id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_is_told_to_all_who_share_it_and_to_nobody_else() {
    for app in companies().await {
        app.database.panic_once();
        let (right, wrong): (Vec<_>, Vec<_>) = ask_for_each(&app)
            .await
            .partition(|(id, answer)| is_right(*id, answer));
        assert!(!right.is_empty() && !wrong.is_empty(), "{}", app.name());
        for (id, answer) in wrong {
            let codes: Vec<_> = answer.codes().collect();
            assert_eq!(codes, ["INTERNAL"], "{}: {id}: {answer:?}", app.name());
        }
        for (id, answer) in ask_for_each(&app).await {
            assert!(is_right(id, &answer), "{}: {id}: {answer:?}", app.name());
        }
    }
}
