//! Each limit lets one pass and refuses the next, over HTTP and over WebSocket.

use std::time::Duration;

use clap::CommandFactory;
use entity::employee;
use reqwest::StatusCode;
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use serde_json::{Value, json};
use server::config::{Cli, LimitSettings};

use crate::support::{
    app::{TestApp, apps_with, lesson_with},
    http::code,
    large::{begin_to_read, fill_with_long_names},
    rows::day,
    websocket::WebSocket,
};

/// Sends both, and both again over a WebSocket.
async fn one_under_and_one_over(app: &TestApp, limit: &str, under: Value, over: Value) {
    let (status, answer) = app.post_json(under.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{limit}: {answer}");
    assert!(answer.get("errors").is_none(), "{limit}: {answer}");
    let (_, answer) = app.post_json(over.to_string()).await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{limit}: {answer}");
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], limit,
        "{answer}"
    );
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.len() > 20, "{message}");

    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("under", &under).await;
    assert_eq!(socket.read().await["type"], "next", "{limit}");
    assert_eq!(socket.read().await["type"], "complete", "{limit}");
    socket.subscribe("over", &over).await;
    let refused = socket.read().await;
    let errors = match refused["type"].as_str() {
        // While it ran.
        Some("next") => &refused["payload"]["errors"],
        _ => &refused["payload"],
    };
    assert_eq!(errors[0]["extensions"]["limit"], limit, "{refused}");
}

fn query(text: impl Into<String>) -> Value {
    json!({ "query": text.into() })
}

async fn app(change: impl FnOnce(&mut LimitSettings)) -> TestApp {
    lesson_with(|settings| change(&mut settings.limits)).await
}

#[tokio::test]
async fn limits_on_the_text() {
    let app = app(|limits| {
        limits.max_tokens = 40;
        limits.max_brackets = 5;
        limits.max_directives = 2;
        limits.max_name_length = 12;
    })
    .await;
    let repeat = |count| query(format!("{{ {} }}", "__typename ".repeat(count)));
    one_under_and_one_over(&app, "tokens", repeat(38), repeat(39)).await;
    one_under_and_one_over(
        &app,
        "brackets",
        query("{ employees(first: 1, where: {and: [{and: []}]}) { totalCount } }"),
        query("{ employees(first: 1, where: {and: [{and: [{}]}]}) { totalCount } }"),
    )
    .await;
    let directives = |count| {
        query(format!(
            "{{ __typename {} }}",
            "a: __typename @skip(if: false) ".repeat(count)
        ))
    };
    one_under_and_one_over(&app, "directives", directives(2), directives(3)).await;
    let name = |length| query(format!("{{ {}: __typename }}", "a".repeat(length)));
    one_under_and_one_over(&app, "name_length", name(12), name(13)).await;
}

#[tokio::test]
async fn limits_on_the_document() {
    let app = app(|limits| {
        limits.max_fragments = 2;
        limits.max_operations = 2;
        limits.max_depth = 3;
        limits.max_aliases = 2;
        limits.max_root_fields = 4;
        limits.max_fields = 10;
        limits.max_variables = 1;
    })
    .await;
    let fragments = |count| {
        let spreads: String = (0..count).map(|n| format!("...F{n} ")).collect();
        let fragments: String = (0..count)
            .map(|n| format!(" fragment F{n} on Query {{ __typename }}"))
            .collect();
        query(format!("{{ {spreads} }}{fragments}"))
    };
    one_under_and_one_over(&app, "fragments", fragments(2), fragments(3)).await;
    let operations = |count| {
        let text: String = (0..count)
            .map(|n| format!("query Q{n} {{ __typename }} "))
            .collect();
        json!({ "query": text, "operationName": "Q0" })
    };
    one_under_and_one_over(&app, "operations", operations(2), operations(3)).await;
    one_under_and_one_over(
        &app,
        "depth",
        query("{ employees { nodes { name } } }"),
        query("{ employees { edges { node { name } } } }"),
    )
    .await;
    let aliases = |count| {
        query(format!(
            "{{ {} }}",
            (0..count)
                .map(|n| format!("a{n}: __typename "))
                .collect::<String>()
        ))
    };
    one_under_and_one_over(&app, "aliases", aliases(2), aliases(3)).await;
    let roots = |count| {
        let fields = [
            "employees",
            "meetings",
            "projects",
            "assignments",
            "changes",
        ];
        let fields = fields.map(|field| format!("{field} {{ __typename }} "));
        query(format!("{{ {} }}", fields[..count].concat()))
    };
    one_under_and_one_over(&app, "root_fields", roots(4), roots(5)).await;
    let fields = |count| {
        let inside = "nodes { id name hireDate version __typename } totalCount";
        let typename = "totalCount __typename ".split_inclusive(' ').take(count);
        query(format!(
            "{{ employees {{ {inside} }} meetings {{ {} }} }}",
            typename.collect::<String>()
        ))
    };
    one_under_and_one_over(&app, "fields", fields(1), fields(2)).await;
    let variables = |count| {
        let declared: String = (0..count)
            .map(|n| format!("$v{n}: Boolean = true "))
            .collect();
        let used: String = (0..count)
            .map(|n| format!("employees @include(if: $v{n}) {{ totalCount }} "))
            .collect();
        query(format!("query ({declared}) {{ {used} }}"))
    };
    one_under_and_one_over(&app, "variables", variables(1), variables(2)).await;
}

#[tokio::test]
async fn limits_on_variables() {
    let app = app(|limits| {
        limits.max_variable_depth = 4;
        limits.max_variable_values = 12;
    })
    .await;
    let text = "query ($where: EmployeeFilter) { employees(where: $where) { totalCount } }";
    let nested = |depth| {
        let mut filter = json!({});
        for _ in 0..depth {
            filter = json!({ "not": filter });
        }
        json!({ "query": text, "variables": { "where": filter } })
    };
    one_under_and_one_over(&app, "variable_depth", nested(3), nested(4)).await;
    let wide =
        |count| json!({ "query": text, "variables": { "where": { "ids": vec!["emp_1"; count] } } });
    one_under_and_one_over(&app, "variable_values", wide(10), wide(11)).await;
}

#[tokio::test]
async fn limits_on_what_is_asked_and_what_is_loaded() {
    let app = app(|limits| limits.max_cost = 100).await;
    let cost = |count| {
        query(format!(
            "{{ employees(first: {count}) {{ nodes {{ name }} }} }}"
        ))
    };
    one_under_and_one_over(&app, "cost", cost(100), cost(101)).await;
    let (_, answer) = app.post_json(cost(101).to_string()).await;
    assert_eq!(answer["extensions"]["cost"]["requested"], 101);
    assert_eq!(answer["extensions"]["cost"]["limit"], 100);

    // The lesson has four employees; a page reads one more when there is one.
    let app = self::app(|limits| limits.max_loaded = 3).await;
    one_under_and_one_over(&app, "loaded", cost(2), cost(3)).await;
    let nested = query(
        "{ employees(first: 1) { nodes { name projects { nodes { title employees { nodes { name } } } } } } }",
    );
    let (status, answer) = app.post_json(nested.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (code(&answer), &answer["data"]),
        ("LIMIT_EXCEEDED", &Value::Null)
    );
    assert!(
        answer["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("`first`")
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert!(answer["extensions"]["cost"]["loaded"].as_u64() > Some(3));

    let app = self::app(|limits| limits.max_answer_values = 10).await;
    // `nodes` is one, each field of each node another.
    let values = |count: usize| {
        query(format!(
            "{{ employees(first: 3) {{ nodes {{ {} }} }} }}",
            ["id", "name", "hireDate", "version"][..count].join(" ")
        ))
    };
    one_under_and_one_over(&app, "answer_values", values(3), values(4)).await;
}

#[tokio::test]
async fn a_statement_brings_at_most_what_is_left_on_both_databases() {
    let mut settings = server::config::Settings::default();
    settings.limits.max_loaded = 50;
    for app in apps_with(&settings).await {
        let project = app.project("P", None).await;
        let mut employees = Vec::new();
        for n in 0..30 {
            let employee = app.employee(&format!("E{n}")).await;
            app.assignment(employee, project).await;
            employees.push(employee);
        }
        let nested = |employees: usize, assignments: usize| {
            query(format!(
                "{{ employees(first: {employees}) {{ nodes {{ name assignments(first: {assignments}) {{ nodes {{ id }} }} }} }} }}"
            ))
        };
        let (_, answer) = app.post_json(nested(20, 5).to_string()).await;
        assert!(answer.get("errors").is_none(), "{}: {answer}", app.name());
        assert_eq!(
            answer["data"]["employees"]["nodes"]
                .as_array()
                .unwrap()
                .len(),
            20
        );
        assert!(
            answer["data"]["employees"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|node| node["assignments"]["nodes"].as_array().unwrap().len() == 1)
        );
        let (_, answer) = app.post_json(nested(28, 5).to_string()).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{}", app.name());
        assert_eq!(
            answer["extensions"]["cost"]["loaded"],
            29 + 50 - 29 + 1,
            "{}: {answer}",
            app.name()
        );

        // The same where keys are paged first and rows are joined to them.
        let another = app.project("Q", None).await;
        for employee in employees {
            app.assignment(employee, another).await;
        }
        let teams =
            query("{ projects { nodes { employees(first: 30) { nodes { name hireDate } } } } }");
        let (_, answer) = app.post_json(teams.to_string()).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{}", app.name());
        let loaded = &answer["extensions"]["cost"]["loaded"];
        assert_eq!(loaded, 2 + 50 - 2 + 1, "{}: {answer}", app.name());
    }
}

#[tokio::test]
async fn errors_are_few_and_short() {
    let app = app(|limits| {
        limits.max_errors = 2;
        limits.max_error_length = 10;
    })
    .await;
    let (_, answer) = app
        .post_json(query("{ aaaaaaaaaaaaaaaaaaa b c }").to_string())
        .await;
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0]["message"].as_str().unwrap().chars().count(), 11);
}

#[tokio::test]
async fn json_is_not_nested_deeper_than_it_may() {
    let app = app(|limits| limits.max_json_depth = 10).await;
    let nested = |depth: usize| {
        format!(
            r#"{{"query": "{{ __typename }}", "variables": {{"x": {}{}}}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(app.post_json(nested(8)).await.0, StatusCode::OK);
    let (status, answer) = app.post_json(nested(9)).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::BAD_REQUEST, "BAD_REQUEST")
    );

    // The payload of a message is one level further down.
    let message = |depth| {
        let payload = nested(depth);
        format!(r#"{{"id": "a", "type": "subscribe", "payload": {payload}}}"#)
    };
    let mut socket = WebSocket::ready(&app.url).await;
    socket.send(&message(7)).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.read().await["type"], "complete");
    socket.send(&message(8)).await;
    assert_eq!(socket.close_code().await, 4400);
}

const CREATE: &str = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;

/// Whoever else wants to write waits until this ends.
async fn write(app: &TestApp) -> DatabaseTransaction {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    app.db().begin_with_options(options).await.unwrap()
}

#[tokio::test]
async fn as_many_operations_run_at_once_as_may_and_the_next_is_turned_away() {
    let app = app(|limits| limits.max_operations_at_once = 1).await;
    let after = app.latest_cursor().await;
    let writing = write(&app).await;
    let waiting = async {
        loop {
            let (status, answer) = app.post_json(query(CREATE).to_string()).await;
            // The mutation is turned away if it comes while the query below runs.
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return (status, answer);
            }
        }
    };
    let others = async {
        let mut socket = WebSocket::ready(&app.url).await;
        // A query is turned away as soon as the mutation runs.
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        answered_with(&app, "{ __typename }", unavailable).await;
        socket.subscribe("a", &query("{ __typename }")).await;
        let refused = socket.read().await;
        assert_eq!(
            refused["payload"][0]["extensions"]["code"], "UNAVAILABLE",
            "{refused}"
        );
        // A subscription does not count as an operation that runs.
        let changes = "subscription($after: String) { changes(after: $after) { kind } }";
        let changes = json!({ "query": changes, "variables": { "after": after } });
        socket.subscribe("b", &changes).await;
        // Messages are read in order, so the subscription was accepted while the mutation ran.
        socket.subscribe("c", &query("{ __typename }")).await;
        let refused = socket.read().await;
        assert_eq!(
            (&refused["id"], &refused["type"]),
            (&json!("c"), &json!("error")),
            "{refused}"
        );
        writing.rollback().await.unwrap();
        let event = socket.read().await;
        assert_eq!(
            (&event["id"], &event["type"]),
            (&json!("b"), &json!("next")),
            "{event}"
        );
    };
    let ((status, answer), ()) = tokio::join!(waiting, others);
    assert_eq!(status, StatusCode::OK);
    assert!(answer.get("errors").is_none(), "{answer}");
    // The permit is free a moment after the client has read the answer.
    answered_with(&app, "{ __typename }", StatusCode::OK).await;
}

#[test]
fn every_limit_is_a_flag_and_a_variable_with_a_default() {
    let cli = Cli::command();
    for command in ["serve", "demo"] {
        let command = cli.find_subcommand(command).unwrap();
        let limits: Vec<_> = command
            .get_arguments()
            .filter(|argument| {
                let heading = argument.get_help_heading();
                matches!(heading, Some("Limits" | "Deadlines of the database"))
            })
            .collect();
        assert!(limits.len() >= 45, "{}", limits.len());
        for limit in limits {
            let id = limit.get_id();
            let flag = limit.get_long().unwrap_or_else(|| panic!("{id}: no flag"));
            let variable = limit
                .get_env()
                .unwrap_or_else(|| panic!("{id}: no variable"));
            assert_eq!(
                variable.to_str().unwrap(),
                flag.replace('-', "_").to_uppercase()
            );
            assert_eq!(limit.get_default_values().len(), 1, "{id}");
        }
    }
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_stopped_and_too_many_are_turned_away() {
    let app = app(|limits| limits.execution_timeout = 0).await;
    // What waits for somebody else takes long on any machine. Where all cores are busy, a query may be
    // answered before anybody looks at the clock, but not each time.
    let writing = write(&app).await;
    let (status, answer) = app.post_json(query(CREATE).to_string()).await;
    assert_eq!(
        (status, code(&answer), &answer["data"]),
        (StatusCode::OK, "TIMEOUT", &Value::Null)
    );
    writing.rollback().await.unwrap();

    let names = (0..5_000).map(|n| employee::ActiveModel {
        name: Set(format!("E{n}")),
        hire_date: Set(day("2020-01-01")),
        ..Default::default()
    });
    app.insert_many(names.collect()).await;
    let slow = r#"{ employees(first: 1000, where: {name: {contains: "e"}}, orderBy: [{field: NAME}]) { totalCount nodes { name meetings { totalCount } } } }"#;
    let mut is_stopped = false;
    for _ in 0..5 {
        let (status, answer) = app.post_json(query(slow).to_string()).await;
        assert_eq!(status, StatusCode::OK);
        is_stopped |=
            answer["errors"][0]["extensions"]["code"] == "TIMEOUT" && answer["data"] == Value::Null;
    }
    assert!(is_stopped);

    let app = self::app(|limits| limits.max_operations_at_once = 0).await;
    let response = app
        .post(
            &[("content-type", "application/json")],
            query("{ __typename }").to_string(),
        )
        .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("a", &query("{ __typename }")).await;
    assert_eq!(
        socket.read().await["payload"][0]["extensions"]["code"],
        "UNAVAILABLE"
    );
}

#[tokio::test]
async fn filters_go_through_and_say_as_much_as_was_set() {
    let app = self::app(|limits| {
        limits.max_filter_hops = 1;
        limits.max_filter_conditions = 2;
    })
    .await;
    let count = |filter: &str| format!("{{ employees(where: {filter}) {{ totalCount }} }}");
    for (fits, too_much, says) in [
        (
            "{meetings: {some: {}}}",
            "{meetings: {some: {employees: {some: {}}}}}",
            "at most 1 relations",
        ),
        (
            r#"{name: {ne: "a", contains: "b"}}"#,
            r#"{name: {ne: "a", contains: "b", isNull: false}}"#,
            "more than 2 conditions",
        ),
    ] {
        app.query(&count(fits)).await;
        let errors = app.errors(&count(too_much)).await;
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn an_answer_may_take_as_many_bytes_as_was_set() {
    let nested = "{ employees { nodes { name projects { nodes { title employees { nodes { id name } } } } } } }";
    let unlimited = app(|_| {}).await;
    let size = unlimited.query(nested).await.to_string().len();
    let fits = app(|limits| limits.max_answer_size = size).await;
    // Each byte counts once, however deep it is nested.
    fits.query(nested).await;
    let twice = "{ employees { nodes { name projects { nodes { title employees { nodes { id name } } } } } } a: __typename }";
    one_under_and_one_over(&fits, "answer_bytes", query(nested), query(twice)).await;

    let small = app(|limits| limits.max_answer_size = 150).await;
    for (under, over) in [
        ("nodes { id }", "nodes { id name hireDate version }"),
        // Written as a tree, since a name is selected twice.
        (
            "nodes { id } nodes { id }",
            "nodes { id name } nodes { hireDate version name }",
        ),
    ] {
        let page = |selection| query(format!("{{ employees(first: 3) {{ {selection} }} }}"));
        one_under_and_one_over(&small, "answer_bytes", page(under), page(over)).await;
    }
    // Refused as soon as the first level is too large: the second is not loaded.
    let (_, answer) = small
        .post_json(
            query(
                "{ employees { nodes { id name hireDate version projects { nodes { title } } } } }",
            )
            .to_string(),
        )
        .await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["extensions"]["cost"]["statements"], 1, "{answer}");
    // async-graphql writes introspection.
    let (_, answer) = small
        .post_json(query("{ __schema { types { name } } }").to_string())
        .await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["data"], Value::Null);
}

/// About 10 MB: more than the system takes for a client that does not read.
fn large() -> String {
    let names: String = (0..50).map(|n| format!("a{n}: name ")).collect();
    format!("nodes {{ {names} }}")
}

/// Waits until a query is answered with this status.
async fn answered_with(app: &TestApp, text: &str, expected: StatusCode) -> Value {
    for _ in 0..200 {
        let (status, answer) = app.post_json(query(text).to_string()).await;
        if status == expected {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {expected}: {text}");
}

/// Leaves an answer unread on a WebSocket, so that another query is turned away.
async fn leave_unread(app: &TestApp, text: &str, other: &str) -> WebSocket {
    let mut socket = WebSocket::ready_with_small_buffer(&app.url).await;
    for attempt in 0..20 {
        // Turned away itself if the answer before, which has been read, still counts for a moment.
        socket.subscribe(&attempt.to_string(), &query(text)).await;
        for _ in 0..20 {
            let (status, _) = app.post_json(query(other).to_string()).await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return socket;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("never turned away: {other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_that_nobody_reads_share_a_budget() {
    let app = app(|limits| limits.max_unread_answers = 16 << 20).await;
    fill_with_long_names(&app).await;
    let all = format!("{{ employees(first: 1000) {{ {} }} }}", large());
    let unread = begin_to_read(&app.url, &all).await;

    let body = query(&all).to_string();
    let refused = app
        .post(&[("content-type", "application/json")], body)
        .await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    let answer: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(code(&answer), "UNAVAILABLE");
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("a", &query(&all)).await;
    let refused = socket.read().await;
    assert_eq!(refused["type"], "error", "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAVAILABLE");
    // Small answers pass.
    app.query("{ employees { totalCount } }").await;
    socket.subscribe("a", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.read().await["type"], "complete");

    // A mutation is carried out, and its answer says so.
    let rename = format!(
        "mutation {{ updateProject(input: {{id: \"prj_3\", title: \"Renamed\"}}) {{ project {{ employees(first: 1000) {{ {} }} }} }} }}",
        large()
    );
    let (status, answer) = app.post_json(query(rename).to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (code(&answer), &answer["data"]),
        ("UNAVAILABLE", &Value::Null)
    );
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("carried out"), "{message}");
    let title = app.query("{ project(id: \"prj_3\") { title } }").await;
    assert_eq!(title["project"]["title"], "Renamed");

    drop(unread);
    answered_with(&app, &all, StatusCode::OK).await;
    // The same where the client that does not read has a WebSocket.
    drop(leave_unread(&app, &all, &all).await);
    answered_with(&app, &all, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_counts_until_its_answer_has_been_sent() {
    let app = app(|limits| limits.max_operations_at_once = 1).await;
    fill_with_long_names(&app).await;
    let all = format!("{{ employees(first: 1000) {{ {} }} }}", large());
    let small = "{ __typename }";
    let unread = begin_to_read(&app.url, &all).await;
    let (status, _) = app.post_json(query(small).to_string()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    drop(unread);
    answered_with(&app, small, StatusCode::OK).await;

    drop(leave_unread(&app, &all, small).await);
    answered_with(&app, small, StatusCode::OK).await;
}
