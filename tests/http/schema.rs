//! The schema at its own address.

use reqwest::{Response, StatusCode};

use crate::support::{
    app::{TestApp, lesson_with},
    auth::{token, with_auth},
};

async fn get(app: &TestApp, headers: &[(&str, &str)]) -> Response {
    let mut request = app
        .client
        .get(format!("{}/graphql/schema.graphql", app.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_schema_is_that_of_the_repository() {
    let app = lesson_with(|_| {}).await;
    let answer = get(&app, &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()["content-type"],
        "application/graphql; charset=utf-8"
    );
    assert_eq!(answer.text().await.unwrap(), api::sdl());
}

#[tokio::test]
async fn a_client_that_has_the_schema_gets_304() {
    let app = lesson_with(|_| {}).await;
    let tag = get(&app, &[]).await.headers()["etag"].clone();
    let tag = tag.to_str().unwrap();
    for known in [tag, &format!("\"other\", {tag}"), "*"] {
        let answer = get(&app, &[("if-none-match", known)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(answer.headers()["etag"], tag);
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let answer = get(&app, &[("if-none-match", "W/\"other\"")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_schema_needs_a_token_where_operations_do() {
    let app = with_auth().await;
    let refused = get(&app, &[]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    let bearer = format!("Bearer {}", token("viewer", 60));
    let answer = get(&app, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status(), StatusCode::OK);
}
