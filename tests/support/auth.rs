//! Servers that require a token, and the tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
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
    signed_with(json!({ "alg": "HS256" }), claims, secret)
}

pub fn signed_with(header: Value, claims: Value, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    jwt(&header, &claims, |text| {
        hmac::sign(&key, text).as_ref().to_vec()
    })
}

/// Returns the token whose signature `sign` makes.
pub fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encoded = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
    let text = format!("{header}.{claims}");
    let signature = encoded(&sign(text.as_bytes()));
    format!("{text}.{signature}")
}

pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
