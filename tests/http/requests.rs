//! Requests to `/graphql`: methods, media types, paths and bodies.

use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, lesson_with},
    http::{GOOD, PARTIAL, RESPONSE, code, status_and_json},
    operations::{CREATE, EVENTS, query},
};

#[tokio::test]
async fn data_with_errors_has_a_reason_phrase() {
    let app = lesson_with(|_| {}).await;
    let body = query("{ employees(first: 9999) { totalCount } }").to_string();
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let length = body.len();
    let kind = "content-type: application/json";
    let answer = app
        .raw(&format!(
            "{head}{kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 294 Partial Success\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_status_tells_refused_partial_and_complete_answers_apart() {
    let app = lesson_with(|settings| settings.limits.operation.document.aliases = 3).await;
    for (query, status, expected) in [
        ("{ __typename }", 200, None),
        (
            "{ employees(first: 9999) { totalCount } }",
            PARTIAL,
            Some("BAD_USER_INPUT"),
        ),
        (
            "{ __typename employees(first: 9999) { totalCount } }",
            PARTIAL,
            Some("BAD_USER_INPUT"),
        ),
        ("{", 400, Some("GRAPHQL_PARSE_FAILED")),
        ("", 400, Some("GRAPHQL_PARSE_FAILED")),
        ("{ nothing }", 422, Some("GRAPHQL_VALIDATION_FAILED")),
        (
            "{ employees(first: true) { totalCount } }",
            422,
            Some("GRAPHQL_VALIDATION_FAILED"),
        ),
        (
            "query A { a: __typename } query B { b: __typename }",
            422,
            Some("GRAPHQL_VALIDATION_FAILED"),
        ),
        (
            "query ($x: Int!) { employees(first: $x) { totalCount } }",
            422,
            Some("BAD_USER_INPUT"),
        ),
        (
            "{ a: __typename b: __typename c: __typename d: __typename }",
            422,
            Some("LIMIT_EXCEEDED"),
        ),
    ] {
        let body = json!({ "query": query }).to_string();
        for accept in [RESPONSE, "application/json"] {
            let headers = [("content-type", "application/json"), ("accept", accept)];
            let response = app.post(&headers, body.clone()).await;
            // A client that knows `application/json` only gets that label, and 200, for a 2xx.
            let (status, kind) = match (accept, status) {
                ("application/json", 200 | PARTIAL) => (200, accept),
                _ => (status, RESPONSE),
            };
            let labelled = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
            assert_eq!(labelled, format!("{kind}; charset=utf-8"), "{query}");
            let (got, answer) = status_and_json(response).await;
            assert_eq!(got, status, "{query}: {answer}");
            match expected {
                None => assert_eq!(answer, json!({ "data": { "__typename": "Query" } })),
                Some(expected) => assert_eq!(code(&answer), expected, "{query}"),
            }
            assert_eq!(
                answer.get("data").is_some(),
                matches!(status, 200 | PARTIAL),
                "{query}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_operation_name_is_422() {
    let app = lesson_with(|_| {}).await;
    let body = r#"{"query": "query A { __typename }", "operationName": "B"}"#;
    let (status, answer) = app.post_json(body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert_eq!(answer.get("data"), None);
}

/// Returns status and answer of a POST of this body, which are the same for every accepted type.
async fn refused(app: &TestApp, body: &str) -> (StatusCode, Value) {
    let mut answers = Vec::new();
    for accept in [RESPONSE, "application/json", "*/*"] {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        let response = app.post(&headers, body.to_owned()).await;
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(kind, format!("{RESPONSE}; charset=utf-8"), "{accept}");
        answers.push(status_and_json(response).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{body}");
    let (status, answer) = answers.remove(0);
    assert_eq!(answer.get("data"), None, "{body}");
    assert_eq!(code(&answer), "BAD_REQUEST", "{body}");
    (status, answer)
}

#[tokio::test]
async fn a_body_that_is_not_json_or_repeats_a_key_is_400() {
    let app = lesson_with(|_| {}).await;
    for body in [
        "",
        "{",
        "NONSENSE",
        r#"{"query": "{ a }", "query": "{ b }"}"#,
        r#"{"query": "{ a }"} x"#,
    ] {
        let (status, answer) = refused(&app, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    }
}

#[tokio::test]
async fn json_that_is_no_well_formed_request_is_422() {
    let app = lesson_with(|_| {}).await;
    for body in [
        "[]",
        "1",
        "{}",
        r#"{"qeury": "{ __typename }"}"#,
        r#"{"query": 1}"#,
        r#"{"query": "{ a }", "variables": 1}"#,
        r#"{"query": "{ a }", "variables": [7]}"#,
        r#"{"query": "{ a }", "operationName": 1}"#,
        r#"{"query": "{ a }", "extensions": "x"}"#,
        r#"[{"query": "{ __typename }"}]"#,
    ] {
        let (status, answer) = refused(&app, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_is_415() {
    let app = lesson_with(|_| {}).await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ] {
        let (status, answer) =
            status_and_json(app.post(&[("content-type", kind)], GOOD).await).await;
        assert_eq!(
            (status, code(&answer)),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_request_that_accepts_no_json_is_406() {
    let app = lesson_with(|_| {}).await;
    let (status, _) = status_and_json(
        app.post(
            &[
                ("content-type", "application/json"),
                ("accept", "image/png"),
            ],
            GOOD,
        )
        .await,
    )
    .await;
    assert_eq!(status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_query_by_get_is_answered() {
    let app = lesson_with(|_| {}).await;
    let (status, answer) = status_and_json(
        app.get_graphql(
            &[
                ("query", "query ($id: ID!) { employee(id: $id) { name } }"),
                ("variables", r#"{"id": "emp_2"}"#),
            ],
            "*/*",
        )
        .await,
    )
    .await;
    assert_eq!(
        (status, &answer["data"]["employee"]["name"]),
        (StatusCode::OK, &json!("Tristan Tal"))
    );
}

#[tokio::test]
async fn a_mutation_by_get_is_405() {
    let app = lesson_with(|_| {}).await;
    let refused = app
        .get_graphql(&[("query", "mutation { __typename }")], "*/*")
        .await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn a_get_without_a_query_is_422_and_with_a_broken_parameter_400() {
    let app = lesson_with(|_| {}).await;
    for (parameters, status) in [
        (&[][..], 422),
        (&[("query", "{ __typename }"), ("variables", "[7]")], 422),
        (&[("query", "{ __typename }"), ("variables", "{")], 400),
        (&[("query", "{ a }"), ("query", "{ b }")], 400),
        (&[("query", "{")], 400),
        (&[("query", "{ nothing }")], 422),
        (&[("query", "{ __typename }"), ("variables", "")], 200),
    ] {
        let answer = app.get_graphql(parameters, "*/*").await;
        assert_eq!(answer.status(), status, "{parameters:?}");
    }
}

/// Sends a QUERY (RFC 10008), which is a GET with a body.
async fn by_query(app: &TestApp, kind: &str, query: &str) -> Response {
    let method = Method::from_bytes(b"QUERY").unwrap();
    let request = app.client.request(method, format!("{}/graphql", app.url));
    let body = json!({ "query": query }).to_string();
    let request = request.header("content-type", kind).body(body);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_query_by_the_method_query_is_answered() {
    let app = lesson_with(|_| {}).await;
    let answer = by_query(&app, "application/json", "{ __typename }").await;
    let (status, answer) = status_and_json(answer).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn a_mutation_by_the_method_query_is_405_and_changes_nothing() {
    let app = lesson_with(|_| {}).await;
    let before = app.latest_cursor().await;
    let refused = by_query(&app, "application/json", CREATE).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[header::ALLOW], "POST");
    assert_eq!(app.latest_cursor().await, before);
}

#[tokio::test]
async fn a_body_of_the_method_query_that_is_no_json_is_415_and_names_the_type() {
    let app = lesson_with(|_| {}).await;
    let refused = by_query(&app, "application/graphql", "{ __typename }").await;
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(refused.headers()["accept-query"], "application/json");
}

#[tokio::test]
async fn a_subscription_without_a_stream_is_406_and_names_both_transports() {
    let app = lesson_with(|_| {}).await;
    let by_post = app.post_json(query(EVENTS).to_string()).await;
    let by_get = app.get_graphql(&[("query", EVENTS)], "*/*").await;
    for (status, answer) in [by_post, status_and_json(by_get).await] {
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("text/event-stream"), "{message}");
        assert!(message.contains("graphql-transport-ws"), "{message}");
    }
}

#[tokio::test]
async fn a_get_from_a_browser_shows_the_page() {
    let app = lesson_with(|_| {}).await;
    let page = app.get_graphql(&[], "text/html,*/*;q=0.8").await;
    assert!(page.text().await.unwrap().contains("<html"));
}

#[tokio::test]
async fn another_method_is_405() {
    let app = lesson_with(|_| {}).await;
    let put = app
        .client
        .request(Method::PUT, format!("{}/graphql", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(put.headers()[header::ALLOW], "GET, HEAD, POST, QUERY");
}

#[tokio::test]
async fn an_unsupported_upgrade_is_ignored() {
    let app = lesson_with(|_| {}).await;
    let h2c = "host: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let query = "/graphql?query=%7B__typename%7D";
    let post = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n\r\n{GOOD}",
        GOOD.len()
    );
    for (request, rest, expected) in [
        (format!("GET {query}"), "\r\n", r#"{"__typename":"Query"}"#),
        (
            "POST /graphql".to_owned(),
            &post,
            r#"{"__typename":"Query"}"#,
        ),
        ("GET /health/live".to_owned(), "\r\n", "alive"),
        ("GET /".to_owned(), "\r\n", "<html"),
    ] {
        // A second request shows that the connection still speaks HTTP/1.1.
        let bytes = format!(
            "{request} HTTP/1.1\r\n{h2c}{rest}{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{rest}"
        );
        let answer = app.raw(&bytes).await;
        assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
        assert!(answer.contains(expected), "{answer}");
    }
    let half = format!(
        "GET {query} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: close\r\n\r\n"
    );
    let answer = app.raw(&half).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("Connection: Upgrade"), "{answer}");
}

#[tokio::test]
async fn the_endpoint_accepts_a_trailing_slash_and_other_paths_name_it() {
    let origin = "https://app.example";
    let app = lesson_with(|settings| settings.access.allow_origin = vec![origin.to_owned()]).await;
    let send = async |method: Method, path: &str, body: &'static str| {
        let request = app.client.request(method, format!("{}{path}", app.url));
        let request = request
            .header("content-type", "application/json")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        response
    };
    let (_, answer) = status_and_json(send(Method::POST, "/graphql/", GOOD).await).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let get = "/graphql/?query=%7B__typename%7D";
    let (_, answer) = status_and_json(send(Method::GET, get, "").await).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let preflight = send(Method::OPTIONS, "/graphql/", "").await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);

    let post_to_a_page = (Method::POST, "/", StatusCode::METHOD_NOT_ALLOWED);
    for (method, path, status) in [
        (Method::POST, "/api/graphql", StatusCode::NOT_FOUND),
        (Method::POST, "/graphql/v1", StatusCode::NOT_FOUND),
        (Method::GET, "/api", StatusCode::NOT_FOUND),
        post_to_a_page,
    ] {
        let (got, answer) = status_and_json(send(method, path, GOOD).await).await;
        assert_eq!(got, status, "{path}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("/graphql"), "{message}");
    }

    // The page is redirected, because its links are relative to `/graphql`.
    let page = app.client.get(format!("{}/graphql/?a=b", app.url));
    let page = page.header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.url().path(), "/graphql");
    assert_eq!(page.url().query(), Some("a=b"));
    assert!(page.text().await.unwrap().contains("<html"));
}

#[tokio::test]
async fn common_deviations_in_json_bodies_are_accepted() {
    let app = lesson_with(|_| {}).await;
    let nameless = r#"{"query": "query A { __typename }", "operationName": ""}"#;
    let (status, answer) = app.post_json(nameless).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, answer) = app.post_json(format!("\u{feff}{GOOD}")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    for kind in [
        "application/json; charset=utf8",
        "application/json;charset=\"UTF8\"",
    ] {
        let answer = app.post(&[("content-type", kind)], GOOD).await;
        assert_eq!(answer.status(), StatusCode::OK, "{kind}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_with_the_reason() {
    let app = lesson_with(|_| {}).await;
    let send = async |encoding| {
        let json = ("content-type", "application/json");
        app.post(&[json, ("content-encoding", encoding)], GOOD)
            .await
    };
    for encoding in ["gzip", "br", "x-gzip", "identity, deflate"] {
        let refused = send(encoding).await;
        assert_eq!(refused.headers()["accept-encoding"], "identity");
        let (status, answer) = status_and_json(refused).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("not compressed"), "{message}");
    }
    assert_eq!(send("identity").await.status(), StatusCode::OK);
}
