//! `/graphql` over HTTP: types, statuses, what runs and what does not.

use reqwest::{Method, StatusCode, header};
use sea_orm::ConnectionTrait;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    app::{lesson_with, lessons},
    http::{RESPONSE, code, percent, told},
};

const GOOD: &str = r#"{"query": "{ __typename }"}"#;

#[tokio::test]
async fn the_status_says_whether_it_ran_when_the_type_can_say_so() {
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
            let (got, answer) = told(response).await;
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
async fn what_cannot_be_read_is_400_in_every_type_and_what_is_no_json_415() {
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
            let (status, answer) = told(
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
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ] {
        let (status, answer) = told(app.post(&[("content-type", kind)], GOOD).await).await;
        assert_eq!(
            (status, code(&answer)),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST"),
            "{kind}"
        );
    }
    let (status, _) = told(
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
async fn get_is_for_queries_and_pages() {
    let app = lesson_with(|_| {}).await;
    let (status, answer) = told(
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

    let refused = app
        .get_graphql(&[("query", "mutation { __typename }")], "*/*")
        .await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[header::ALLOW], "POST");

    let page = app.get_graphql(&[], "text/html,*/*;q=0.8").await;
    assert!(page.text().await.unwrap().contains("<html"));

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
async fn an_upgrade_that_is_not_offered_is_ignored() {
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
async fn the_endpoint_has_a_second_name_and_other_paths_name_it() {
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
    let (_, answer) = told(send(Method::POST, "/graphql/", GOOD).await).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let get = "/graphql/?query=%7B__typename%7D";
    let (_, answer) = told(send(Method::GET, get, "").await).await;
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
        let (got, answer) = told(send(method, path, GOOD).await).await;
        assert_eq!(got, status, "{path}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("/graphql"), "{message}");
    }

    // Its addresses are relative to `/graphql`.
    let page = app.client.get(format!("{}/graphql/?a=b", app.url));
    let page = page.header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.url().path(), "/graphql");
    assert_eq!(page.url().query(), Some("a=b"));
    assert!(page.text().await.unwrap().contains("<html"));
}

#[tokio::test]
async fn what_clients_add_to_json_is_read() {
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
        let (status, answer) = told(refused).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("not compressed"), "{message}");
    }
    assert_eq!(send("identity").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_version_of_persisted_queries_is_refused() {
    let app = lesson_with(|_| {}).await;
    let hash = format!("{:x}", Sha256::digest("{ __typename }"));
    for version in [json!(2), json!(0), json!("1")] {
        let extensions = json!({ "persistedQuery": { "version": version, "sha256Hash": hash } });
        let by_get = app
            .get_graphql(&[("extensions", &extensions.to_string())], RESPONSE)
            .await;
        let with_query = json!({ "query": "{ __typename }", "extensions": extensions });
        let by_hash = json!({ "extensions": extensions });
        for (status, answer) in [
            told(by_get).await,
            app.post_json(by_hash.to_string()).await,
            app.post_json(with_query.to_string()).await,
        ] {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("`version` 1"), "{message}");
        }
    }
    let (_, answer) = app
        .post_json(
            json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })
                .to_string(),
        )
        .await;
    assert_eq!(
        code(&answer),
        "PERSISTED_QUERY_NOT_FOUND",
        "nothing is kept"
    );
}

#[tokio::test]
async fn keys_come_in_the_order_of_the_query() {
    let app = lesson_with(|_| {}).await;
    let body =
        json!({ "query": r#"{ z: employee(id: "emp_2") { name id hireDate } a: __typename }"# })
            .to_string();
    let text = app
        .post(&[("content-type", "application/json")], body)
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(
        text,
        r#"{"data":{"z":{"name":"Tristan Tal","id":"emp_2","hireDate":"2020-01-30"},"a":"Query"}}"#
    );
}

#[tokio::test]
async fn persisted_queries_are_sent_once() {
    let app = lesson_with(|_| {}).await;
    let query = "{ __typename }";
    let hash: String = Sha256::digest(query)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = json!({ "extensions": extensions }).to_string();

    let (status, answer) = app.post_json(by_hash.clone()).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::BAD_REQUEST, "PERSISTED_QUERY_NOT_FOUND")
    );
    assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");

    let (status, answer) = app
        .post_json(json!({ "query": "{ a: __typename }", "extensions": extensions }).to_string())
        .await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::BAD_REQUEST, "BAD_REQUEST")
    );

    let (status, _) = app
        .post_json(json!({ "query": query, "extensions": extensions }).to_string())
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, answer) = app.post_json(by_hash).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let (_, answer) = told(
        app.get_graphql(&[("extensions", &extensions.to_string())], "*/*")
            .await,
    )
    .await;
    assert_eq!(answer["data"]["__typename"], "Query");
}

#[tokio::test]
async fn large_answers_are_compressed_for_whoever_can_read_that() {
    let app = lesson_with(|_| {}).await;
    let large = json!({ "query": "{ __schema { types { name fields { name description } } } }" })
        .to_string();
    for (accepted, expected) in [
        ("gzip", Some("gzip")),
        ("br, gzip", Some("br")),
        ("identity", None),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("accept-encoding", accepted),
        ];
        let response = app.post(&headers, large.clone()).await;
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        assert_eq!(
            encoding.and_then(|encoding| encoding.to_str().ok()),
            expected
        );
        let small = app.post(&headers, GOOD).await;
        assert_eq!(small.headers().get(header::CONTENT_ENCODING), None);
    }
}

#[tokio::test]
async fn the_cost_is_told_to_whoever_asks() {
    let app = lesson_with(|_| {}).await;
    let body = json!({ "query": "{ employees(first: 3) { nodes { name projects(first: 5) { nodes { title } } } } }" }).to_string();
    let headers = [("content-type", "application/json"), ("x-cost", "true")];
    let (_, answer) = told(app.post(&headers, body.clone()).await).await;
    let cost = &answer["extensions"]["cost"];
    assert_eq!(
        (&cost["requested"], &cost["limit"], &cost["statements"]),
        (&json!(18), &json!(500_000), &json!(2))
    );
    assert!(cost["loaded"].as_u64() > Some(3), "{cost}");
    let (_, answer) = app.post_json(body).await;
    assert_eq!(answer.get("extensions"), None);
}

#[tokio::test]
async fn what_fails_inside_is_told_by_a_number_only() {
    for app in lessons().await {
        let broken = "ALTER TABLE assignments RENAME TO lost";
        app.db().execute_unprepared(broken).await.unwrap();
        let query = "{ employees { nodes { name assignments { nodes { id } } } } }";
        let (status, answer) = app.post_json(json!({ "query": query }).to_string()).await;
        assert_eq!(
            (status, code(&answer)),
            (StatusCode::OK, "INTERNAL"),
            "{answer}"
        );
        let error = &answer["errors"][0];
        assert_eq!(error["message"], "Something went wrong on the server.");
        assert!(error["extensions"]["requestId"].is_string(), "{error}");
        assert_eq!(error["path"][0], "employees");
        for internal in ["assignments_", "no such", "relation", "SELECT", "lost"] {
            assert!(
                !answer.to_string().contains(internal),
                "{}: {answer}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn every_answer_forbids_browsers_what_they_need_not_do() {
    let app = lesson_with(|_| {}).await;
    let answer = app
        .post(&[("content-type", "application/json")], GOOD)
        .await;
    assert!(answer.headers().contains_key("x-request-id"));
    let other = async |path: &str| app.client.get(format!("{}{path}", app.url)).send().await;
    for (response, status) in [
        (answer, StatusCode::OK),
        (other("/health/live").await.unwrap(), StatusCode::OK),
        (other("/nothing").await.unwrap(), StatusCode::NOT_FOUND),
        (other("/graphql/").await.unwrap(), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(response.status(), status);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(response.headers()[name], value, "{}", response.url());
        }
    }
}

#[tokio::test]
async fn a_head_has_what_a_get_has_but_no_body() {
    let app = lesson_with(|_| {}).await;
    let large = "{ __schema { types { name fields { name description } } } }";
    for (query, encoding) in [("{ __typename }", None), (large, Some("gzip"))] {
        let url = format!("{}/graphql?query={}", app.url, percent(query));
        let ask = async |method| {
            let request = app.client.request(method, &url);
            let request = request.header("accept-encoding", "gzip");
            let mut response = request.send().await.unwrap();
            for changing in ["date", "x-request-id", "transfer-encoding"] {
                response.headers_mut().remove(changing);
            }
            response
        };
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(head.headers(), get.headers());
        let got = get.headers().get(header::CONTENT_ENCODING);
        assert_eq!(got.map(|got| got.to_str().unwrap()), encoding);
        let query = percent(query);
        let head = format!(
            "HEAD /graphql?query={query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        assert!(app.raw(&head).await.ends_with("\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_slow_head_a_slow_body_and_an_idle_connection_are_closed() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.body_timeout = 1;
        settings.limits.idle_timeout = 2;
    })
    .await;
    assert_eq!(
        app.raw("POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
            .await,
        ""
    );
    assert_eq!(app.raw("").await, "");
    let slow = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = app.raw(slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let answered_then_idle = app
        .raw("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(
        answered_then_idle.ends_with("alive\n"),
        "{answered_then_idle}"
    );
}

#[tokio::test]
async fn a_connection_that_was_slow_is_closed_when_it_is_idle() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.idle_timeout = 2;
    })
    .await;
    let mut stream = app.connect().await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        GOOD.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    stream.write_all(GOOD.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let closed = stream.read_to_end(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(20), closed)
        .await
        .expect("it is closed")
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_second_request_may_come_later_than_a_head_may_take() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.idle_timeout = 4;
    })
    .await;
    let mut stream = app.connect().await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        let mut answer = [0; 1_000];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"alive\n"));
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    }
}

#[tokio::test]
async fn headers_and_bodies_have_a_largest_size_and_the_client_sees_the_answer() {
    let app = lesson_with(|settings| {
        settings.limits.max_body_size = 1_000;
        settings.limits.max_header_size = 8_192;
    })
    .await;
    let body = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    assert_eq!(app.post_json(body(1_000)).await.0, StatusCode::OK);
    for length in [1_001, 3_000_000] {
        let (status, answer) = app.post_json(body(length)).await;
        assert_eq!(
            (status, code(&answer)),
            (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED")
        );
    }
    let chunked = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
        body(2_000)
    );
    assert!(app.raw(&chunked).await.starts_with("HTTP/1.1 413"));
    let head = |length: usize| {
        format!(
            "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-long: {}\r\n\r\n",
            "x".repeat(length)
        )
    };
    assert!(app.raw(&head(6_000)).await.starts_with("HTTP/1.1 200"));
    let answer = app.raw(&head(20_000)).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let app = lesson_with(|settings| settings.limits.max_connections = 2).await;
    let mut first = app.connect().await;
    let _second = app.connect().await;
    let mut waiting = app.connect().await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    let mut answer = [0; 1_000];
    // Requests that come later on a connection that was accepted are answered before.
    for _ in 0..20 {
        first.write_all(request).await.unwrap();
        let length = first.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"alive\n"));
        let early = waiting.try_read(&mut answer).map_err(|error| error.kind());
        assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
    }
    drop(first);
    let length = waiting.read(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert!(answer[..length].ends_with(b"alive\n"));
}
