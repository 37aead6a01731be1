//! Who may ask, by which names, from which pages, and what.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, lesson_with},
    auth::{SECRET, now, signed, token, with_auth},
    http::{code, told},
};

const QUERY: &str = r#"{"query": "{ __typename }"}"#;

async fn status(app: &TestApp, headers: &[(&str, &str)]) -> StatusCode {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    app.post(&all, QUERY).await.status()
}

#[tokio::test]
async fn only_a_good_token_lets_in() {
    let app = with_auth().await;
    let with = |token: String| {
        let app = &app;
        async move { status(app, &[("authorization", &format!("Bearer {token}"))]).await }
    };
    assert_eq!(with(token("viewer", 60)).await, StatusCode::OK);
    assert_eq!(with(token("editor", 60)).await, StatusCode::OK);
    // Clocks differ by up to 30 s.
    assert_eq!(with(token("viewer", -20)).await, StatusCode::OK);
    let good = token("editor", 60);
    let (head, _) = good.rsplit_once('.').unwrap();
    for (bad, why) in [
        (token("viewer", -60), "expired"),
        (token("admin", 60), "another role"),
        (signed(json!({ "exp": now() + 60 }), SECRET), "no role"),
        (signed(json!({ "role": "editor" }), SECRET), "no expiry"),
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60, "nbf": now() + 60 }),
                SECRET,
            ),
            "not yet",
        ),
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60 }),
                &SECRET.replace('0', "1"),
            ),
            "another secret",
        ),
        (format!("{head}."), "no signature"),
        (
            "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiZWRpdG9yIiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned(),
            "algorithm none",
        ),
        ("x".to_owned(), "no token at all"),
    ] {
        assert_eq!(with(bad).await, StatusCode::UNAUTHORIZED, "{why}");
    }
    let refused = app
        .post(&[("content-type", "application/json")], QUERY)
        .await;
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(code(&told(refused).await.1), "UNAUTHENTICATED");
    // Not the page, not the probes.
    assert_eq!(app.get("/").await.status(), StatusCode::OK);
    assert_eq!(app.get("/health/live").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_times_of_a_token_may_have_a_fraction() {
    let app = with_auth().await;
    let until = f64::from(u32::try_from(now()).unwrap()) + 60.5;
    let claims = json!({ "role": "viewer", "exp": until, "nbf": until - 90.25 });
    let bearer = format!("Bearer {}", signed(claims, SECRET));
    assert_eq!(
        status(&app, &[("authorization", &bearer)]).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_token_that_depends_on_an_extension_is_refused() {
    let app = with_auth().await;
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["exp".to_owned()]);
    let claims = json!({ "role": "viewer", "exp": now() + 60 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let bearer = format!("Bearer {}", encode(&header, &claims, &key).unwrap());
    assert_eq!(
        status(&app, &[("authorization", &bearer)]).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_read() {
    let app = with_auth().await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = app.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn issuer_and_audience_are_checked_when_configured() {
    let app = lesson_with(|settings| {
        settings.access.jwt_secret = Some(SECRET.to_owned());
        settings.access.jwt_issuer = Some("us".to_owned());
        settings.access.jwt_audience = Some("roster".to_owned());
    })
    .await;
    for (iss, aud, expected) in [
        ("us", json!("roster"), StatusCode::OK),
        ("us", json!(["other", "roster"]), StatusCode::OK),
        ("them", json!("roster"), StatusCode::UNAUTHORIZED),
        ("us", json!("other"), StatusCode::UNAUTHORIZED),
    ] {
        let claims = json!({ "role": "viewer", "exp": now() + 60, "iss": iss, "aud": aud });
        let bearer = format!("Bearer {}", signed(claims, SECRET));
        assert_eq!(
            status(&app, &[("authorization", &bearer)]).await,
            expected,
            "{iss} {aud}"
        );
    }
    let without = format!("Bearer {}", token("viewer", 60));
    assert_eq!(
        status(&app, &[("authorization", &without)]).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn keys_from_a_jwks_file_check_tokens_and_only_by_their_algorithm() {
    // RFC 8037, appendix A: the key pair of the examples.
    let jwks = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }] });
    // The private key, as PKCS #8.
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, jwks.to_string()).unwrap();
    let app = lesson_with(|settings| settings.access.jwks = Some(path)).await;
    let sign = |kid: Option<&str>| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = kid.map(str::to_owned);
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
        encode(
            &header,
            &json!({ "role": "viewer", "exp": now() + 60 }),
            &key,
        )
        .unwrap()
    };
    for (token, expected) in [
        (sign(None), StatusCode::OK),
        (sign(Some("one")), StatusCode::OK),
        (sign(Some("two")), StatusCode::UNAUTHORIZED),
        // The public key as a shared secret: the oldest trick.
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60 }),
                "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            ),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        assert_eq!(
            status(&app, &[("authorization", &format!("Bearer {token}"))]).await,
            expected
        );
    }
}

/// A key pair for this test and nothing else.
const RSA: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDDSBsaw730T/+vVmrYrLqPJHCRTpdy
bzh2pnYEHmc29Cx3AObidK9iH9dNZafUfg2WMyf//tNS+4TCq/SOEPg2QI5G370jiRhY3NRQKu/p1fs5
2aBGrlaFDz/2ADkCAJtzZpth9T0yz3ksyL9O/sJM1deEnAY8v3HlQeu9XAqKhExCm1EoZfeMvcsBEft0
H8UhFd4vJO0ti3JvQWCnmD0rsX4+fuzGje77O2GtIs21nAFecznkdqVuJkKHehfzcQEWfnd0f7kXVX/v
Gz33JpfvROgu+eCE9TCG9euBApuwMERcusiCPckL3fyeHr3kt5JKb346QNmQTipYjtAC7nRlAgMBAAEC
ggEAEyUJizkvcTk6jt0BApcEfy4KXyR+Uni252LwZPz6D3gmt8/90quv2gXXHL5fksR83oHLZRx9aUBB
RriG9DqTqvXvPOGIcGhrW6Liqa1b8efJhmVggi1rTAYvthVVgW2/z7N6fkMFqeqPLaXMo5j0QYYhZ93H
+sKmDtzEmL7iRawArEuL7Qu/m+WeziMeH8uu/vH34zICvXgY6M5SQ3C93KCq6tM6jteQnzymp/O9tC6v
Muy/i1oD0gn01zruoEjIHRyz8EamSJPgFs/oyGy0eEPTI0vXkUdriFcp1FLoeSclax/LwBuMB/pwLR/j
jJH+ukubKoFQtAW81LnWRenjYQKBgQD05Xq/2C7bi+Cyf1v6YT5oiMHnPtrP6FUKxrKe39mv8B3B97Q/
oRW1l7eFiOcLNslRm6M0hJ2FjDHSHjEEMOt/dRMKE26oMFh9LTVaPrMQTZVb+mIIsQytUIlS/LL1ok2p
KV5ak5JDtR0lM7Rc2gupe1CuYRBRWL8RT89849pp3QKBgQDMIr8Zek3LaZDEC9q6832ZiCcREewVj7An
eRgEm9XtpC/xh1+jnukLfvT7eZqkk0mbVh6JGItXbGxBgcx9Vrns+bjXw7KnBtuD02PGJIeTYwnmDLWx
IlKLv7M7qPp4MOI5kjjQRaNtSrObYz2vy7Ic/lzKlaJb773rtnEwoEmAKQKBgQDK4z9hpuGTI/yBBQCX
m27PvdUfFrTDIFEsP1eGRiAcIYsVwnjDaloI+uuhJr17TeVVxeJdRS0XkgFIeZjURw8jpkOiylyX3I3D
DuwvmthQvmXqMLJ9TukYwSsz5IUC+XbrmYlA8xdvHqJJyt83ObIFtFMwVNvm+OY6mmtkpYSyxQKBgQCK
o/ah+Ryo0BOP8nUlj4V4Jq5Ru5hZtHLw/B9B0gzjDyW4pjZgS+b+9cSwnpBWwem15DFs7wyD3ZFQlDUr
0yEHPzs43yKQqemgiIs04U5q3VK1uWAU47ioTRQPqt4hjyG19Ac9/G3YJmoBWM9me7OGWYLv29yfEB4u
3oPVgKcqsQKBgAFk0c5qF/46r9+GD2g+ziRPycPVkXvGfCRckx9NcUxyVPE0Thphdu89Tft61aozqrwq
GVUxIBg7S68qkArMhoAZR57RB5024LF5xAjqOvIn+ET4s0vHnKVkWxVge23n+DR5cIr5sx6nsG8Bnke3
sFXpx3pZ0RuVgGlk8PWj2thI
-----END PRIVATE KEY-----
";
const RSA_MODULUS: &str = "w0gbGsO99E__r1Zq2Ky6jyRwkU6Xcm84dqZ2BB5nNvQsdwDm4nSvYh_XTWWn1H4NljMn__7TUvuEwqv0jhD4NkCORt-9I4kYWNzUUCrv6dX7OdmgRq5WhQ8_9gA5AgCbc2abYfU9Ms95LMi_Tv7CTNXXhJwGPL9x5UHrvVwKioRMQptRKGX3jL3LARH7dB_FIRXeLyTtLYtyb0Fgp5g9K7F-Pn7sxo3u-zthrSLNtZwBXnM55HalbiZCh3oX83EBFn53dH-5F1V_7xs99yaX70ToLvnghPUwhvXrgQKbsDBEXLrIgj3JC938nh695LeSSm9-OkDZkE4qWI7QAu50ZQ";

#[tokio::test]
async fn keys_of_rsa_check_tokens_and_only_those_of_rs256() {
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB", "n": RSA_MODULUS },
    ] });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, jwks.to_string()).unwrap();
    let app = lesson_with(|settings| {
        settings.access.jwks = Some(path.clone());
        settings.access.jwks_algorithm = server::config::KeyAlgorithm::Rs256;
    })
    .await;
    let sign = |algorithm: Algorithm, kid: Option<&str>, exp: i64| {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
        encode(
            &header,
            &json!({ "role": "viewer", "exp": now() + exp }),
            &key,
        )
        .unwrap()
    };
    let altered = {
        let good = sign(Algorithm::RS256, None, 60);
        let (head, signature) = good.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{head}.{other}{}", &signature[1..])
    };
    for (token, expected, why) in [
        (sign(Algorithm::RS256, None, 60), StatusCode::OK, "good"),
        (
            sign(Algorithm::RS256, Some("one"), 60),
            StatusCode::OK,
            "its key",
        ),
        (
            sign(Algorithm::RS256, Some("two"), 60),
            StatusCode::UNAUTHORIZED,
            "another key",
        ),
        (
            sign(Algorithm::RS256, None, -60),
            StatusCode::UNAUTHORIZED,
            "expired",
        ),
        (
            sign(Algorithm::RS512, None, 60),
            StatusCode::UNAUTHORIZED,
            "another algorithm",
        ),
        (
            sign(Algorithm::PS256, None, 60),
            StatusCode::UNAUTHORIZED,
            "another padding",
        ),
        (altered, StatusCode::UNAUTHORIZED, "another signature"),
        (
            signed(json!({ "role": "editor", "exp": now() + 60 }), RSA_MODULUS),
            StatusCode::UNAUTHORIZED,
            "the public key as a secret",
        ),
    ] {
        let bearer = format!("Bearer {token}");
        assert_eq!(
            status(&app, &[("authorization", &bearer)]).await,
            expected,
            "{why}"
        );
    }
}

/// Every field at the root, from the schema itself, with values for the arguments it must have.
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
    let (_, answer) = told(app.post(&headers, introspection.to_string()).await).await;
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

/// A value that the type takes.
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

#[tokio::test]
async fn every_field_of_the_schema_is_for_somebody() {
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
            let (_, answer) = told(app.post(&headers, body).await).await;
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
        // Without a token nothing is.
        let body = json!({ "query": query }).to_string();
        assert_eq!(
            app.post(&[("content-type", "application/json")], body)
                .await
                .status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn other_names_and_other_sites_are_refused() {
    let app = lesson_with(|settings| {
        settings.access.allow_origin = vec!["https://app.example".to_owned()];
        settings.access.allow_host = vec!["roster.internal".to_owned()];
    })
    .await;
    let own = app.url.clone();
    let authority = own.trim_start_matches("http://").to_owned();
    for (headers, expected) in [
        (vec![("host", "evil.example")], 403),
        (vec![("host", "evil.example:8000")], 403),
        (vec![("host", "localhost.evil.example")], 403),
        (vec![("host", "localhost:1")], 200),
        (vec![("host", "roster.internal")], 200),
        (vec![("host", "[::1]:8000")], 200),
        (vec![("host", "192.0.2.1")], 200),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "https://app.example.evil.example")], 403),
        (vec![("origin", "http://app.example")], 403),
        (vec![("origin", own.as_str())], 200),
        (vec![("origin", "https://app.example")], 200),
        (
            vec![
                ("origin", "https://app.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            200,
        ),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-origin")], 200),
        (vec![("sec-fetch-site", "none")], 200),
    ] {
        assert_eq!(
            status(&app, &headers).await.as_u16(),
            expected,
            "{headers:?} ({authority})"
        );
    }
    // Probes are asked by any name.
    let probe = app
        .client
        .get(format!("{own}/health/live"))
        .header("host", "evil.example");
    assert_eq!(probe.send().await.unwrap().status(), StatusCode::OK);
    // A link to the page may be followed from anywhere.
    let page = app.client.get(&own).header("sec-fetch-site", "cross-site");
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn cors_is_for_exactly_the_origins_that_were_allowed() {
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
            QUERY,
        )
        .await;
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://app.example"
    );
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send_the_headers_it_asks_for() {
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

#[tokio::test]
async fn with_tokens_any_name_may_be_used() {
    let app = with_auth().await;
    let bearer = format!("Bearer {}", token("viewer", 60));
    let headers = [
        ("host", "roster.example"),
        ("authorization", bearer.as_str()),
    ];
    assert_eq!(status(&app, &headers).await, StatusCode::OK);
}
