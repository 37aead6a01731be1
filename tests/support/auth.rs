//! Servers that require a token, and the tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::app::{TestApp, lesson_with};

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub async fn with_auth() -> TestApp {
    lesson_with(|settings| settings.access.jwt_secret = Some(SECRET.to_owned())).await
}

/// Returns a token. `expires` is in seconds from now.
pub fn token(role: &str, expires: i64) -> String {
    signed(json!({ "role": role, "exp": now() + expires }), SECRET)
}

pub fn signed(claims: Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
