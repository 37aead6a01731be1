//! Who may ask, and from which pages, as flags and environment variables.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::FalseyValueParser};

/// Who may ask, and from which pages. Without a secret and without keys, everybody may everything.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Access")]
pub struct AccessSettings {
    /// Ask for JWTs signed by HS256 with this secret, 32 bytes at least; better as JWT_SECRET
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECRET",
        conflicts_with = "jwks"
    )]
    pub jwt_secret: Option<String>,
    /// Ask for JWTs signed by a key of this JWKS file
    #[arg(long, env, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// How the keys of the JWKS file sign
    #[arg(long, env, value_name = "ALGORITHM", default_value = "eddsa")]
    pub jwks_algorithm: KeyAlgorithm,
    /// Ask for JWTs of this issuer (`iss`)
    #[arg(long, env, value_name = "NAME")]
    pub jwt_issuer: Option<String>,
    /// Ask for JWTs for this audience (`aud`)
    #[arg(long, env, value_name = "NAME")]
    pub jwt_audience: Option<String>,
    /// Listen on an address that others reach, and let everybody do everything
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub public_without_auth: bool,
    /// Origins whose pages may ask, like `https://app.example.com`; several with commas
    #[arg(long, env, value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,
    /// Further names that this server is asked by while there is no auth; several with commas
    #[arg(long, env, value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Vec<String>,
}

/// How a key of a JWKS file signs. Never the token's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeyAlgorithm {
    /// Ed25519.
    #[default]
    Eddsa,
    /// RSA with SHA-256.
    Rs256,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Editor,
}

impl Role {
    /// As tokens say it.
    pub fn claim(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
        }
    }
}
