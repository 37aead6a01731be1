//! Origin of the figures, and their place in the README.

use std::fs;

use crate::{
    console::{Result, progress},
    database, machine,
    program::root,
    settings::{Database, Settings},
};

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->";

/// Returns machine, day and versions as a list.
pub(crate) fn origin(settings: &Settings) -> Result<String> {
    let mut lines = vec![format!("- Machine: {}.", machine::description())];
    let day = machine::output("date", &["--utc", "+%Y-%m-%d"]).unwrap_or_default();
    let workspace = root().display().to_string();
    let commit = machine::output(
        "git",
        &[
            "-C", &workspace, "describe", "--always", "--dirty", "--tags",
        ],
    );
    lines.push(match &settings.roster {
        Some(_) => format!("- {day}; the server was given, not built from this source."),
        None => format!("- {day}, commit {}.", commit.unwrap_or_default()),
    });
    let mut versions = vec![machine::output("rustc", &["--version"]).unwrap_or_default()];
    if settings.databases().contains(&Database::Sqlite) {
        versions.push(format!("SQLite {}", sqlite_version().unwrap_or_default()));
    }
    if settings.databases().contains(&Database::Postgres) {
        versions.push(format!(
            "PostgreSQL {}",
            database::postgres_version(settings)?
        ));
    }
    lines.push(format!("- {}.", versions.join(", ")));
    Ok(lines.join("\n"))
}

/// Returns the version of the crate that has SQLite in it.
fn sqlite_version() -> Option<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once("name = \"libsqlite3-sys\"\nversion = \"")?;
    let (version, _) = rest.split_once('"')?;
    Some(format!("of libsqlite3-sys {version}"))
}

/// Writes the figures between the marks of the README.
pub(crate) fn save(text: &str) -> Result<()> {
    let path = root().join("bench/README.md");
    let readme = fs::read_to_string(&path)?;
    let (before, rest) = readme
        .split_once(BEGIN)
        .ok_or("bench/README.md has lost the mark of its figures")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("bench/README.md has lost the mark at the end of its figures")?;
    fs::write(
        path,
        format!("{before}{BEGIN}\n{}\n\n{END}{after}", text.trim()),
    )?;
    progress("bench/README.md has the new figures");
    Ok(())
}
