//! Roles: every root field of the schema, for viewers and editors.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    auth::{token, with_auth},
    http::status_and_json,
};

#[tokio::test]
async fn every_root_field_is_allowed_to_the_roles_that_need_it() {
    let app = with_auth().await;
    let bearer = |role: &str| format!("Bearer {}", token(role, 600));
    let fields = root_fields(&app, &bearer("viewer")).await;
    assert!(fields.len() > 8);
    for (kind, name, query) in fields {
        for role in ["viewer", "editor"] {
            let bearer = bearer(role);
            let headers = [
                ("content-type", "application/json"),
                ("authorization", &bearer),
            ];
            let body = json!({ "query": query }).to_string();
            let (_, answer) = status_and_json(app.post(&headers, body).await).await;
            let forbidden = answer["errors"][0]["extensions"]["code"] == "FORBIDDEN";
            assert_eq!(
                forbidden,
                kind == "mutation" && role == "viewer",
                "{role}: {query}: {answer}"
            );
            if forbidden {
                assert_eq!(answer["errors"][0]["path"], json!([name]));
                assert_eq!(answer["data"], Value::Null);
            } else if kind == "query" {
                assert_ne!(
                    answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
                    "{query}: {answer}"
                );
            }
        }
        // Without a token, every field is refused.
        let body = json!({ "query": query }).to_string();
        assert_eq!(
            app.post(&[("content-type", "application/json")], body)
                .await
                .status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

/// Returns kind, name and a document for every root field of the schema, with its required arguments.
async fn root_fields(app: &TestApp, bearer: &str) -> Vec<(String, String, String)> {
    let introspection = json!({ "query": "{ __schema {
        queryType { name } mutationType { name } subscriptionType { name }
        types { name kind inputFields { name defaultValue type { ...T } } fields { name args { name defaultValue type { ...T } } type { kind ofType { kind ofType { kind ofType { kind } } } } } }
    } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }" });
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer),
    ];
    let (_, answer) = status_and_json(app.post(&headers, introspection.to_string()).await).await;
    let schema = &answer["data"]["__schema"];
    let types = schema["types"].as_array().unwrap();
    let find = |name: &Value| types.iter().find(|ty| ty["name"] == *name);
    let mut fields = Vec::new();
    for kind in ["query", "mutation", "subscription"] {
        let Some(root) = find(&schema[format!("{kind}Type")]["name"]) else {
            continue;
        };
        for field in root["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap().to_owned();
            let arguments: Vec<_> = required(&field["args"])
                .map(|argument| {
                    let value = example(&argument["type"], &find, 0);
                    format!("{}: {value}", argument["name"].as_str().unwrap())
                })
                .collect();
            let arguments = if arguments.is_empty() {
                String::new()
            } else {
                format!("({})", arguments.join(", "))
            };
            fields.push((
                kind.to_owned(),
                name.clone(),
                format!("{kind} {{ {name}{arguments} {{ __typename }} }}"),
            ));
        }
    }
    fields
}

fn required(arguments: &Value) -> impl Iterator<Item = &Value> {
    let arguments = arguments.as_array().unwrap().iter();
    arguments.filter(|argument| {
        argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
    })
}

/// Returns a literal of this type.
fn example<'a>(ty: &Value, find: &impl Fn(&Value) -> Option<&'a Value>, depth: usize) -> String {
    assert!(depth < 10);
    match ty["kind"].as_str().unwrap() {
        "NON_NULL" => example(&ty["ofType"], find, depth + 1),
        "LIST" => "[]".to_owned(),
        "INPUT_OBJECT" => {
            let inputs = &find(&ty["name"]).unwrap()["inputFields"];
            let fields: Vec<_> = required(inputs)
                .map(|field| {
                    format!(
                        "{}: {}",
                        field["name"].as_str().unwrap(),
                        example(&field["type"], find, depth + 1)
                    )
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        _ => match ty["name"].as_str().unwrap() {
            "Int" | "Long" | "Float" => "1".to_owned(),
            "Boolean" => "true".to_owned(),
            "Date" => "\"2024-01-01\"".to_owned(),
            "DateTime" => "\"2024-01-01T00:00:00Z\"".to_owned(),
            _ => "\"x\"".to_owned(),
        },
    }
}
