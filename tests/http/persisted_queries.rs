//! Automatic persisted queries.

use reqwest::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    app::lesson_with,
    http::{RESPONSE, code, status_and_json},
};

#[tokio::test]
async fn a_persisted_query_of_another_version_is_refused() {
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
            status_and_json(by_get).await,
            app.post_json(by_hash.to_string()).await,
            app.post_json(with_query.to_string()).await,
        ] {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
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
async fn a_persisted_query_is_sent_once_and_then_runs_by_its_hash() {
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
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "PERSISTED_QUERY_NOT_FOUND"
        )
    );
    assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");

    let (status, answer) = app
        .post_json(json!({ "query": "{ a: __typename }", "extensions": extensions }).to_string())
        .await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::UNPROCESSABLE_ENTITY, "BAD_REQUEST")
    );

    let (status, _) = app
        .post_json(json!({ "query": query, "extensions": extensions }).to_string())
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, answer) = app.post_json(by_hash).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let (_, answer) = status_and_json(
        app.get_graphql(&[("extensions", &extensions.to_string())], "*/*")
            .await,
    )
    .await;
    assert_eq!(answer["data"]["__typename"], "Query");
}
