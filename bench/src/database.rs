//! Databases of the benchmark: created, filled by the server's program, copied, dropped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::{
    console::{Result, progress},
    program::{Programs, without_settings},
    settings::{Database, Settings},
};

/// Prefix of the names of all PostgreSQL databases of the benchmark.
pub(crate) const NAME: &str = "roster_bench";

/// Company in a database. Each server gets its own copy, so that no server sees the writes of another
/// and all begin with the same rows.
pub(crate) struct Dataset {
    pub employees: u64,
    pub projects: u64,
    place: Place,
    copies: Vec<String>,
}

enum Place {
    Sqlite { file: PathBuf, directory: PathBuf },
    Postgres { server: String, name: String },
}

impl Dataset {
    /// Creates a company with a fifth as many projects and five times as many assignments as employees.
    pub(crate) fn make(
        database: Database,
        employees: u64,
        programs: &Programs,
        settings: &Settings,
        directory: &TempDir,
    ) -> Result<Self> {
        let projects = employees / 5;
        progress(&format!(
            "{}: making a company of {employees} employees",
            database.title()
        ));
        let directory = directory.path().to_owned();
        let place = match database {
            Database::Sqlite => Place::Sqlite {
                file: directory.join(format!("{employees}.db")),
                directory,
            },
            Database::Postgres => Place::Postgres {
                server: server(settings)?,
                name: format!("{NAME}_{employees}"),
            },
        };
        if let Place::Postgres { server, name } = &place {
            execute(
                server,
                &[
                    &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                    &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"),
                ],
            )?;
        }
        let dataset = Self {
            employees,
            projects,
            place,
            copies: Vec::new(),
        };
        let url = dataset.url();
        roster(programs, &url, &["migrate", "up"])?;
        roster(
            programs,
            &url,
            &[
                "seed",
                "--employees",
                &employees.to_string(),
                "--projects",
                &projects.to_string(),
            ],
        )?;
        if let Place::Postgres { server, name } = &dataset.place {
            // Otherwise autovacuum would run during a measurement.
            execute(
                &with_database(server, name)?,
                &["VACUUM ANALYZE", "CHECKPOINT"],
            )?;
        }
        Ok(dataset)
    }

    /// Returns the URL of the original.
    pub(crate) fn url(&self) -> String {
        match &self.place {
            Place::Sqlite { file, .. } => sqlite_url(file),
            // The URL was parsed before.
            Place::Postgres { server, name } => with_database(server, name).unwrap_or_default(),
        }
    }

    /// Creates a copy and returns its URL. No client may be connected to the original.
    pub(crate) fn copy(&mut self, suffix: &str) -> Result<String> {
        match &self.place {
            Place::Sqlite { file, directory } => {
                let copy = directory.join(format!("{}-{suffix}.db", self.employees));
                fs::copy(file, &copy)?;
                Ok(sqlite_url(&copy))
            }
            Place::Postgres { server, name } => {
                let copy = format!("{name}_{}", suffix.replace('-', "_"));
                self.copies.push(copy.clone());
                execute(
                    server,
                    &[
                        &format!("DROP DATABASE IF EXISTS {copy} WITH (FORCE)"),
                        &format!("CREATE DATABASE {copy} TEMPLATE {name}"),
                        "CHECKPOINT",
                    ],
                )?;
                with_database(server, &copy)
            }
        }
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        let Place::Postgres { server, name } = &self.place else {
            return;
        };
        for name in self.copies.iter().chain([name]) {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            if let Err(error) = execute(server, &[&drop]) {
                progress(&format!("{name} is left behind: {error}"));
            }
        }
    }
}

/// Returns the version of PostgreSQL.
pub(crate) fn postgres_version(settings: &Settings) -> Result<String> {
    let row = connect(&server(settings)?)?.query_one("SHOW server_version", &[])?;
    Ok(row.get(0))
}

fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls).map_err(|error| {
        format!(
            "PostgreSQL refuses the connection: {}. See --postgres-url, or leave it out with \
             --database sqlite",
            reason(&error)
        )
        .into()
    })
}

/// Runs statements one after the other, without a transaction.
fn execute(url: &str, statements: &[&str]) -> Result<()> {
    let mut client = connect(url)?;
    for statement in statements {
        client
            .batch_execute(statement)
            .map_err(|error| format!("{statement}: {}", reason(&error)))?;
    }
    Ok(())
}

/// Returns the message of PostgreSQL, which `Display` of the error leaves out.
fn reason(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => error.to_string(),
    }
}

fn server(settings: &Settings) -> Result<String> {
    settings.postgres_url.clone().ok_or_else(|| {
        "which PostgreSQL? Give --postgres-url or TEST_DATABASE_URL, like \
         postgres://postgres@127.0.0.1/postgres, or leave it out with --database sqlite"
            .into()
    })
}

/// Replaces the database in the URL. Turns TLS off unless the URL sets it, to keep its cost out.
fn with_database(url: &str, name: &str) -> Result<String> {
    let wrong = || format!("{url} is not of the form postgres://USER@HOST/NAME");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let tls = if parameters.contains("sslmode=") {
        ""
    } else {
        "sslmode=disable&"
    };
    let host = rest.split('/').next().unwrap_or_default();
    Ok(format!("{scheme}://{host}/{name}?{tls}{parameters}"))
}

fn sqlite_url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

fn roster(programs: &Programs, url: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(&programs.roster);
    without_settings(&mut command);
    let output = command
        .args(arguments)
        .args(["--database-url", url])
        .output();
    let output =
        output.map_err(|error| format!("cannot start {}: {error}", programs.roster.display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`roster {}` failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}
