//! Host names and origins.

use reqwest::{Method, StatusCode};

use crate::support::{
    app::{TestApp, lesson_with},
    http::{GOOD, status},
};

/// A server that allows one more host and one more origin.
async fn with_allowed_names() -> TestApp {
    lesson_with(|settings| {
        settings.access.allow_origin = vec!["https://app.example".to_owned()];
        settings.access.allow_host = vec!["roster.internal".to_owned()];
    })
    .await
}

#[tokio::test]
async fn a_host_is_an_address_localhost_or_an_allowed_name() {
    let app = with_allowed_names().await;
    for (host, expected) in [
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("localhost:1", 200),
        ("roster.internal", 200),
        ("[::1]:8000", 200),
        ("192.0.2.1", 200),
    ] {
        let status = status(&app, &[("host", host)]).await;
        assert_eq!(status.as_u16(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_probe_is_answered_under_any_host() {
    let app = with_allowed_names().await;
    let probe = app.client.get(format!("{}/health/live", app.url));
    let probe = probe.header("host", "evil.example").send().await;
    assert_eq!(probe.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_origin_is_the_server_or_an_allowed_one() {
    let app = with_allowed_names().await;
    for (origin, expected) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("https://app.example.evil.example", 403),
        ("http://app.example", 403),
        (app.url.as_str(), 200),
        ("https://app.example", 200),
    ] {
        let status = status(&app, &[("origin", origin)]).await;
        assert_eq!(status.as_u16(), expected, "{origin} at {}", app.url);
    }
}

#[tokio::test]
async fn a_request_across_sites_needs_an_allowed_origin() {
    let app = with_allowed_names().await;
    let across = ("sec-fetch-site", "cross-site");
    for (headers, expected) in [
        (vec![("origin", "https://app.example"), across], 200),
        (vec![across], 403),
        (vec![("sec-fetch-site", "same-origin")], 200),
        (vec![("sec-fetch-site", "none")], 200),
    ] {
        let status = status(&app, &headers).await;
        assert_eq!(status.as_u16(), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_link_from_another_site_opens_the_page() {
    let app = with_allowed_names().await;
    let page = app.client.get(&app.url);
    let page = page.header("sec-fetch-site", "cross-site").send().await;
    assert_eq!(page.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn cors_headers_are_sent_to_allowed_origins_only() {
    let app = lesson_with(|settings| {
        settings.access.allow_origin = vec!["https://app.example".to_owned()]
    })
    .await;
    let preflight = |origin: &'static str| {
        let request = app
            .client
            .request(Method::OPTIONS, format!("{}/graphql", app.url));
        request
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("https://app.example").await.unwrap();
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    let varies: Vec<_> = allowed.headers().get_all("vary").iter().collect();
    assert!(varies.contains(&"origin".parse().as_ref().unwrap()));
    let refused = preflight("https://evil.example").await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );
    let answer = app
        .post(
            &[
                ("content-type", "application/json"),
                ("origin", "https://app.example"),
            ],
            GOOD,
        )
        .await;
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://app.example"
    );
}

#[tokio::test]
async fn a_preflight_of_an_allowed_origin_is_granted_its_headers() {
    let app = lesson_with(|settings| {
        settings.access.allow_origin = vec!["https://app.example".to_owned()]
    })
    .await;
    let allowed = async |asked: &str| {
        let url = format!("{}/graphql", app.url);
        let request = app.client.request(Method::OPTIONS, url);
        let request = request
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", asked);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let methods = &response.headers()["access-control-allow-methods"];
        assert_eq!(methods, "GET, POST, QUERY");
        let allowed = response.headers()["access-control-allow-headers"].clone();
        allowed.to_str().unwrap().to_owned()
    };
    let asked = "apollographql-client-name,apollographql-client-version, content-type";
    assert_eq!(allowed(asked).await, asked);
    let usual = allowed("").await;
    assert!(usual.contains("authorization"), "{usual}");
    for asked in ["a b", "a;b", "a,", "x: y", &"a,b".repeat(2_000)] {
        assert_eq!(allowed(asked).await, usual, "{asked:.20}");
    }
}
