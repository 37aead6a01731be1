//! Requests to `/graphql`: methods, media types, paths and bodies.

use reqwest::{Method, StatusCode, header};
use serde_json::json;

use crate::support::{
    app::lesson_with,
    http::{GOOD, RESPONSE, code, status_and_json},
};

#[tokio::test]
async fn the_status_of_an_answer_depends_on_the_accepted_media_type() {
    let app = lesson_with(|_| {}).await;
    for (query, status, expected) in [
        ("{ __typename }", 200, None),
        (
            "{ employees(first: 9999) { totalCount } }",
            200,
            Some("BAD_USER_INPUT"),
        ),
        ("{", 400, Some("GRAPHQL_PARSE_FAILED")),
        ("{ nothing }", 400, Some("GRAPHQL_VALIDATION_FAILED")),
        (
            "{ employees(first: true) { totalCount } }",
            400,
            Some("GRAPHQL_VALIDATION_FAILED"),
        ),
        (
            "query A { a: __typename } query B { b: __typename }",
            400,
            Some("GRAPHQL_VALIDATION_FAILED"),
        ),
        (
            "query ($x: Int!) { employees(first: $x) { totalCount } }",
            400,
            Some("BAD_USER_INPUT"),
        ),
    ] {
        let body = json!({ "query": query }).to_string();
        for (accept, status) in [(RESPONSE, status), ("application/json", 200)] {
            let response = app
                .post(
                    &[("content-type", "application/json"), ("accept", accept)],
                    body.clone(),
                )
                .await;
            let kind = response.headers()[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .to_owned();
            assert_eq!(kind, format!("{accept}; charset=utf-8"));
            let (got, answer) = status_and_json(response).await;
            assert_eq!(got, status, "{query}: {answer}");
            match expected {
                None => assert_eq!(answer, json!({ "data": { "__typename": "Query" } })),
                Some(expected) => assert_eq!(code(&answer), expected, "{query}"),
            }
            assert_eq!(
                answer.get("data").is_some(),
                query.contains("9999") || expected.is_none(),
                "{query}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_400_in_every_media_type() {
    let app = lesson_with(|_| {}).await;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"query": 1}"#,
        r#"{"query": "{ a }", "query": "{ b }"}"#,
        r#"{"query": "{ a }", "variables": 1}"#,
    ] {
        for accept in [RESPONSE, "application/json", "*/*"] {
            let (status, answer) = status_and_json(
                app.post(
                    &[("content-type", "application/json"), ("accept", accept)],
                    body,
                )
                .await,
            )
            .await;
            assert_eq!(
                (status, code(&answer)),
                (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
                "{body}"
            );
            assert!(answer.get("data").is_none());
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_415() {
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
    assert_eq!(put.headers()[header::ALLOW], "GET, POST");
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
        (Method::POST, "/graphiql", StatusCode::NOT_FOUND),
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
