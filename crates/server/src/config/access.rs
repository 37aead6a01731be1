//! Settings of tokens, origins and hosts.

use std::{net::IpAddr, path::PathBuf};

use axum::http::Uri;
use clap::{Args, ValueEnum, builder::FalseyValueParser};

/// Tokens, origins and hosts. Without a secret and without keys, every client may do everything.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Access")]
pub struct AccessSettings {
    /// Require JWTs signed by HS256 with this secret, 32 bytes at least; better as JWT_SECRET
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECRET",
        conflicts_with = "jwks"
    )]
    pub jwt_secret: Option<String>,
    /// Require JWTs signed by a key of this JWKS file
    #[arg(long, env, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// The algorithm of the keys in the JWKS file
    #[arg(long, env, value_name = "ALGORITHM", default_value = "eddsa")]
    pub jwks_algorithm: KeyAlgorithm,
    /// Require JWTs of this issuer (`iss`)
    #[arg(long, env, value_name = "NAME")]
    pub jwt_issuer: Option<String>,
    /// Require JWTs for this audience (`aud`)
    #[arg(long, env, value_name = "NAME")]
    pub jwt_audience: Option<String>,
    /// Listen on a public address without auth, so that every client may do everything
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub public_without_auth: bool,
    /// Allowed origins of pages, like `https://app.example.com`; several with commas
    #[arg(long, env, value_name = "ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub allow_origin: Vec<String>,
    /// Further accepted names in `Host` headers while there is no auth; several with commas
    #[arg(long, env, value_name = "NAME", value_delimiter = ',', value_parser = host)]
    pub allow_host: Vec<String>,
}

/// Parses an origin. Refuses a text that no browser sends as `Origin`, since it would never match.
fn origin(text: &str) -> Result<String, String> {
    // An empty variable counts as absent.
    if text.is_empty() {
        return Ok(String::new());
    }
    let expected = |example: &str| {
        Err(format!(
            "an origin is a scheme, a host and a port unless it is the default one, like {example}"
        ))
    };
    const EXAMPLE: &str = "https://app.example.com or http://localhost:3000";
    let Ok(url) = text.parse::<Uri>() else {
        return expected(EXAMPLE);
    };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return match text {
            "*" | "null" => expected(&format!("{EXAMPLE}; there is none for all pages")),
            _ => expected(EXAMPLE),
        };
    };
    let port = match (scheme, authority.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    let host = authority.host().to_ascii_lowercase();
    if host.is_empty() || host.contains('*') {
        return expected(EXAMPLE);
    }
    let origin = format!("{scheme}://{host}{port}");
    if text == origin {
        Ok(origin)
    } else {
        expected(&origin)
    }
}

/// Parses a host. Refuses a text that is never the name in a `Host` header.
fn host(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.bytes().all(is_name) || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("a name without scheme, port and path, like roster.example.com".to_owned())
}

/// Algorithm of the keys of a JWKS file. The token never chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeyAlgorithm {
    /// Ed25519.
    #[default]
    Eddsa,
    /// RSA with SHA-256.
    Rs256,
}

/// Rights of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Editor,
}

impl Role {
    /// Returns the value of the claim `role`.
    pub fn claim(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
        }
    }
}

/// True for an identifier of a client: 1 to 255 characters, as OpenID Connect bounds them, without NUL,
/// which PostgreSQL does not store.
pub fn is_subject(subject: &str) -> bool {
    (1..=255).contains(&subject.chars().count()) && !subject.contains('\0')
}

/// Parses an identifier of a client.
pub(super) fn subject(text: &str) -> Result<String, String> {
    if is_subject(text) {
        return Ok(text.to_owned());
    }
    Err("a subject has 1 to 255 characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{host, origin};

    #[test]
    fn an_origin_that_can_never_match_is_refused_with_an_example() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example:8443",
            "chrome-extension://abcdefghijklmnop",
            "capacitor://localhost",
        ] {
            assert_eq!(origin(good).as_deref(), Ok(good));
        }
        for (bad, example) in [
            ("https://x/", "https://x"),
            ("https://x/path?query", "https://x"),
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://x:443", "https://x"),
            ("http://x:80/", "http://x"),
            ("http://x:", "http://x"),
            ("http://x:0080", "http://x"),
            ("https://user@x", "https://x"),
            ("*", "https://app.example.com"),
            ("null", "https://app.example.com"),
            ("https://*.example.com", "https://app.example.com"),
            ("app.example.com", "https://app.example.com"),
            ("localhost:3000", "http://localhost:3000"),
            ("//app.example.com", "https://app.example.com"),
            ("https://bücher.example", "https://app.example.com"),
            ("https://a b", "https://app.example.com"),
            (" https://x", "https://app.example.com"),
            ("https://", "https://app.example.com"),
            ("/", "https://app.example.com"),
        ] {
            let refused = origin(bad).unwrap_err();
            assert!(refused.contains(example), "{bad}: {refused}");
        }
    }

    #[test]
    fn a_host_that_can_never_match_is_refused_with_an_example() {
        for good in ["roster.example.com", "Roster", "192.0.2.1", "::1", ""] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        for bad in ["https://x", "x:8000", "x/", "*", "*.example.com", "a b"] {
            let refused = host(bad).unwrap_err();
            assert!(refused.contains("roster.example.com"), "{bad}: {refused}");
        }
    }
}
