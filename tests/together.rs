//! Concurrent operations that look up one row each: they share statements and are otherwise
//! independent.

use std::time::Duration;

use api::Roster;
use entity::employee;
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
    poll,
};
use sea_level::{guard::Request, json, response::OperationResponse};
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    app::{TestApp, apps},
    rows::day,
};

const EMPLOYEES: i64 = 150;

/// One for each of the first two lookups, then one for up to a hundred waiting ones.
const STATEMENTS: usize = 1 + 1 + 2;

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

/// Returns a query for each employee, and one for an unknown id.
fn asking(app: &TestApp) -> Vec<(i64, BoxFuture<'static, OperationResponse>)> {
    let roster = Roster::new(app.database.connections().clone());
    let ask = |id| {
        let text = "query ($id: ID!) { employee(id: $id) { name } }";
        let variables = json!({ "id": format!("emp_{id}") });
        let request = Request {
            text: text.to_owned(),
            variables: variables.as_object().cloned().unwrap_or_default(),
            ..Request::default()
        };
        let checked = roster.check(request).unwrap();
        let roster = roster.clone();
        (id, async move { roster.run(&checked).await }.boxed())
    };
    (1..=EMPLOYEES).map(ask).collect()
}

/// Runs all operations concurrently.
async fn answers(
    asking: Vec<(i64, BoxFuture<'static, OperationResponse>)>,
) -> Vec<(i64, OperationResponse)> {
    let answers = asking
        .into_iter()
        .map(async |(id, answer)| (id, answer.await));
    let answers = timeout(Duration::from_secs(30), join_all(answers)).await;
    answers.expect("an operation waits forever")
}

fn is_right(id: i64, answer: &OperationResponse) -> bool {
    let mut data = Vec::new();
    json::write(&answer.response.data, &mut data);
    let data: Value = serde_json::from_slice(&data).unwrap();
    let name = (id < EMPLOYEES).then(|| format!("Employee {id}"));
    let employee = name.map(|name| json!({ "name": name }));
    answer.response.errors.is_empty() && data == json!({ "employee": employee })
}

// On one thread, all lookups are waiting before the first statement returns.
#[tokio::test]
async fn waiting_lookups_share_a_statement() {
    for app in companies().await {
        app.database.forget_statements();
        let answers = answers(asking(&app)).await;
        let statements = app.database.statements();
        assert_eq!(statements, STATEMENTS, "{}", app.name());
        for (id, answer) in answers {
            assert!(is_right(id, &answer), "{}: {id}: {answer:?}", app.name());
            // The cost is that of the operation alone.
            let cost = answer.cost.unwrap();
            let loaded = usize::from(id < EMPLOYEES);
            assert_eq!((cost.statements, cost.loaded), (1, loaded), "{id}");
        }
    }
}

/// Like operations on a WebSocket whose client does not read.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_not_polled_does_not_delay_others() {
    for app in companies().await {
        let mut asking = asking(&app);
        let mut deaf: Vec<_> = asking.drain(..3).collect();
        for (_, answer) in &mut deaf {
            let _ = poll!(answer);
        }
        for (id, answer) in answers(asking).await {
            assert!(is_right(id, &answer), "{}: {id}: {answer:?}", app.name());
        }
    }
}

#[tokio::test]
async fn a_shared_statement_that_fails_is_sent_again_for_each_request() {
    for app in companies().await {
        // The first two statements serve one lookup each; requests share the third.
        app.database.panic_at(3);
        for (id, answer) in answers(asking(&app)).await {
            assert!(is_right(id, &answer), "{}: {id}: {answer:?}", app.name());
        }
    }
}
