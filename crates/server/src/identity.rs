//! Verifies tokens and returns their viewer. [`sea_level::auth`] has the rights of viewers.

mod signature;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::JwkSet,
};
use sea_level::auth::{Role, Viewer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    config::{self, AccessSettings, KeyAlgorithm, is_subject},
    error::Error,
};

/// Seconds that the clocks of issuer and server may differ.
const LEEWAY: u64 = 30;

/// Bytes that a secret has at least: a shorter one can be guessed.
const SECRET: usize = 32;

/// Verifier of tokens. A server without one gives every client all rights.
pub struct Verifier {
    /// Keys, with their `kid` if they have one.
    keys: Vec<(Option<String>, DecodingKey)>,
    validation: Validation,
}

/// Bearer of a valid token.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Rights of the bearer.
    pub viewer: Viewer,
    /// End of the validity of the token.
    pub expires: SystemTime,
}

impl Identity {
    /// Later than any process lives.
    pub const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

    /// Returns the time until the token expires, [`Identity::FOREVER`] at most.
    pub fn left(&self) -> Duration {
        let left = self.expires.duration_since(SystemTime::now());
        left.unwrap_or_default().min(Self::FOREVER)
    }
}

/// Viewer of requests without a token, if the server requires none.
pub const ANONYMOUS: Viewer = Viewer::anonymous(Role::Editor);

/// Returns the end of a token for its bearer; `None` if it is after the year 9999, which the API cannot
/// express.
fn expires_at(exp: u64) -> Option<DateTime<Utc>> {
    const END_OF_9999: i64 = 253_402_300_799;
    let seconds = i64::try_from(exp).ok().filter(|exp| *exp <= END_OF_9999)?;
    DateTime::from_timestamp(seconds, 0)
}

#[derive(Serialize, Deserialize)]
struct Claims {
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(deserialize_with = "seconds")]
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
}

/// Reads a NumericDate, which may have a fraction (RFC 7519 §2), as whole seconds.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    // The cast saturates; the library has refused a time that is negative.
    f64::deserialize(deserializer).map(|seconds| seconds as u64)
}

impl Verifier {
    /// Returns the verifier of the settings; `None` if they require no tokens.
    pub fn new(settings: &AccessSettings) -> Result<Option<Self>, Error> {
        let (keys, algorithm) = match (&settings.jwt_secret, &settings.jwks) {
            (None, None) => return Ok(None),
            (Some(secret), _) if secret.len() < SECRET => return Err(Error::ShortSecret),
            (Some(secret), _) => {
                let key = DecodingKey::from_secret(secret.as_bytes());
                (vec![(None, key)], Algorithm::HS256)
            }
            (None, Some(path)) => {
                let unusable = |reason: String| Error::UnusableKeys {
                    path: path.clone(),
                    reason,
                };
                let text = std::fs::read_to_string(path).map_err(|e| unusable(e.to_string()))?;
                let set: JwkSet =
                    serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?;
                let mut keys = Vec::new();
                for jwk in &set.keys {
                    let key = DecodingKey::from_jwk(jwk).map_err(|e| unusable(e.to_string()))?;
                    keys.push((jwk.common.key_id.clone(), key));
                }
                if keys.is_empty() {
                    return Err(unusable("it has no keys".to_owned()));
                }
                let algorithm = match settings.jwks_algorithm {
                    KeyAlgorithm::Eddsa => Algorithm::EdDSA,
                    KeyAlgorithm::Rs256 => Algorithm::RS256,
                };
                (keys, algorithm)
            }
        };
        signature::install();
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.validate_aud = settings.jwt_audience.is_some();
        let mut required = vec!["exp"];
        if let Some(issuer) = &settings.jwt_issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &settings.jwt_audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Some(Self { keys, validation }))
    }

    /// Returns the bearer of a valid token. The client does not learn the reason of a refusal.
    pub fn identify(&self, token: &str) -> Option<Identity> {
        let Header { kid, crit, .. } = decode_header(token).ok()?;
        // No extension is understood here, so a token that depends on one is refused (RFC 7515 §4.1.11).
        if crit.is_some() {
            return None;
        }
        // A token that names its key is checked by that one only.
        let keys = self
            .keys
            .iter()
            .filter(|(id, _)| kid.is_none() || id.is_none() || *id == kid);
        let claims = keys
            .filter_map(|(_, key)| decode::<Claims>(token, key, &self.validation).ok())
            .next()?
            .claims;
        let role = match claims.role.as_str() {
            "viewer" => Role::Viewer,
            "editor" => Role::Editor,
            _ => return None,
        };
        // Stored with each change: PostgreSQL takes no NUL.
        if claims.sub.as_ref().is_some_and(|sub| !is_subject(sub)) {
            return None;
        }
        Some(Identity {
            viewer: Viewer {
                role,
                subject: claims.sub.map(Into::into),
                expires_at: expires_at(claims.exp),
            },
            expires: UNIX_EPOCH
                .checked_add(Duration::from_secs(claims.exp.saturating_add(LEEWAY)))?,
        })
    }

    /// Returns the bearer of an `Authorization` header.
    pub fn identify_bearer(&self, authorization: &str) -> Option<Identity> {
        let (scheme, token) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.identify(token.trim())
    }
}

/// Returns a token that a server with these settings accepts.
pub fn token(
    settings: &AccessSettings,
    role: config::Role,
    subject: Option<String>,
    expires: Duration,
) -> Result<String, Error> {
    let secret = settings.jwt_secret.as_ref().ok_or(Error::NoSecret)?;
    if secret.len() < SECRET {
        return Err(Error::ShortSecret);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let claims = Claims {
        role: role.claim().to_owned(),
        sub: subject,
        exp: now.saturating_add(expires).as_secs(),
        iss: settings.jwt_issuer.clone(),
        aud: settings.jwt_audience.clone().map(Into::into),
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    signature::install();
    encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|reason| Error::System {
        what: "sign the token",
        reason: std::io::Error::other(reason.to_string()),
    })
}
