//! Parses `DATABASE_URL`. Refuses what SQLx would ignore or misread, and never shows any part of the
//! user or the password.

use std::borrow::Cow;

use form_urlencoded::parse;
use sea_orm::{
    SqlxError,
    sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions},
};

use crate::error::{Error, Reason};

/// Parameters that SQLx's parser of PostgreSQL URLs follows, by the names that libpq uses where it
/// has them.
const PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Parameters of libpq that hosting providers put into their URLs, with the values that ask for
/// nothing beyond what SQLx does.
const HARMLESS: [(&str, &str); 7] = [
    ("channel_binding", "disable"),
    ("channel_binding", "prefer"),
    ("gssencmode", "disable"),
    ("gssencmode", "prefer"),
    ("target_session_attrs", "any"),
    ("target_session_attrs", "primary"),
    ("target_session_attrs", "read-write"),
];

const FORM: &str = "write postgres://USER:PASSWORD@HOST/NAME";

/// A stray one of these characters ends the user, the password or the host too early.
const ENCODE: &str = "a character of the user, the password or another part has to be %-encoded: \
                      %23 for #, %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @, %20 for a \
                      space";

/// Parses a `postgres:` or `postgresql:` URL.
pub(crate) fn postgres(url: &str) -> Result<PgConnectOptions, Error> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or_else(|| refused(FORM))?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority);
    let is_blank = |char: char| char.is_whitespace() || char.is_control();
    if path.contains(['@', '#']) || rest.contains(is_blank) || has_stray_percent(rest) {
        return Err(refused(ENCODE));
    }
    let query = path.split_once('?').map_or("", |(_, query)| query);
    // USER:PASSWORD with the host forgotten: what follows may belong to the password.
    let is_shown = authority.contains('@') || !authority.contains(':');
    for (name, value) in parse(query.as_bytes()) {
        check_parameter(&name, &value, is_shown)?;
    }
    let (user, host) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let is_elsewhere = parse(query.as_bytes()).any(|(name, _)| name.starts_with("host"));
    let localhost = match host.is_empty() || host.starts_with(':') {
        // SQLx then takes PGHOST or the usual socket.
        true if authority.is_empty() => "",
        // SQLx accepts no user without a host; the parameter replaces this one.
        true if is_elsewhere => "localhost",
        true => {
            return Err(refused(
                "it names no host; write USER:PASSWORD@localhost, or add \
                 ?host=/var/run/postgresql for a socket",
            ));
        }
        false => "",
    };
    let options: PgConnectOptions = format!("postgres://{user}{localhost}{host}{path}")
        .parse()
        .map_err(|_: SqlxError| refused(format!("a part of it is not valid; {ENCODE}")))?;
    if options.get_port() == 0 {
        return Err(refused("the port must be from 1 to 65535"));
    }
    Ok(options)
}

/// Parses a `sqlite:` URL. The file is created unless the URL says `mode=rw`.
pub(crate) fn sqlite(url: &str) -> Result<SqliteConnectOptions, Error> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|error: SqlxError| Error::DatabaseUrl(Reason::from(&error)))?;
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    let file = options.get_filename().to_string_lossy();
    let mut is_created = true;
    for (name, value) in parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("mode", "memory") => return Err(Error::InMemory),
            ("mode", "rw") => is_created = false,
            ("mode", "ro") | ("immutable", "true" | "1") => {
                return Err(refused(format!(
                    "Roster writes to the file; remove {name}={value}"
                )));
            }
            ("cache", "shared") => {
                return Err(refused(
                    "connections that share a cache lock each other out; remove cache=shared",
                ));
            }
            _ => {}
        }
    }
    if url.contains(":memory:") || file.contains(":memory:") {
        return Err(Error::InMemory);
    }
    if file.is_empty() {
        return Err(refused("it names no file; write sqlite:roster.db"));
    }
    Ok(options.create_if_missing(is_created))
}

fn check_parameter(name: &str, value: &str, is_shown: bool) -> Result<(), Error> {
    let is_option = name.starts_with("options[") && name.ends_with(']');
    if PARAMETERS.contains(&name) || HARMLESS.contains(&(name, value)) || is_option {
        return Ok(());
    }
    let instead = match &*name.to_ascii_lowercase() {
        "schema" | "currentschema" | "search_path" => {
            "; to choose a schema, write options=-csearch_path%3Dapp"
        }
        "connect_timeout" | "statement_timeout" | "lock_timeout" => {
            "; `roster limits` lists the timeouts, `--limit` sets them"
        }
        _ => "",
    };
    // A password that is not encoded may stand where a parameter is expected.
    let is_name = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
    let name = match is_shown && !value.is_empty() && name.chars().all(is_name) {
        true => Cow::Owned(format!("the parameter {name} is unknown")),
        false => Cow::Borrowed("a parameter is unknown"),
    };
    Err(refused(format!("{name} and would be ignored{instead}")))
}

/// Returns true if a `%` does not begin an encoded byte.
fn has_stray_percent(url: &str) -> bool {
    url.split('%').skip(1).any(|rest| {
        let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() < 2
    })
}

fn refused(reason: impl AsRef<str>) -> Error {
    Error::DatabaseUrl(Reason::new(reason.as_ref()))
}
