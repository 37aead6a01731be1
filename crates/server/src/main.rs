//! The program `roster`: demo · serve · migrate · seed · token · schema · limits · check-documents.

#![warn(unreachable_pub)]

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use sea_orm::DatabaseBackend;
use server::{
    Error, accept,
    app::{App, Server},
    config::{
        Cli, Command, DatabaseSettings, DeadlineSettings, LimitSettings, MigrateStep, SeedCounts,
        Settings, limit_table,
    },
    database, http, identity, log, metrics, migrate,
    seed::{self, Company},
    shutdown::Shutdown,
    trusted::{FaultyDocument, Trusted},
};
use tokio::{net::TcpListener, time::timeout};

/// Many small allocations for each request: worth 10 to 20 percent.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of each thread, a second defence behind the limits on nesting.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = Cli::read();
    log::begin(cli.log_format());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The reader may have gone away.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .map_err(|reason| Error::System {
            what: "start threads",
            reason,
        })?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Demo {
                deadlines,
                settings,
            } => demo(deadlines, settings).await,
            Command::Serve {
                database,
                settings,
                migrate,
            } => serve(database, settings, migrate).await,
            Command::Migrate { database, step } => migrate(database, step).await,
            Command::Seed {
                database,
                reset,
                counts,
            } => seed(database, reset, counts).await,
            Command::Token {
                role,
                subject,
                expires,
                access,
            } => print(&identity::token(&access, role, subject, expires)?),
            Command::Schema { check: None } => schema(),
            Command::Schema { check: Some(path) } => check_schema(&path),
            Command::Limits => print(&limit_table()),
            Command::CheckDocuments { file, limits } => check_documents(&file, &limits),
        }
    });
    // A request that never ends must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

async fn demo(deadlines: DeadlineSettings, settings: Settings) -> Result<(), Error> {
    let shutdown = Shutdown::on_signals()?;
    let listeners = http::listen(&settings).await?;
    let directory = tempfile::Builder::new()
        .prefix("roster-demo-")
        .tempdir()
        .map_err(|reason| Error::System {
            what: "make a temporary directory",
            reason,
        })?;
    let temporary = DatabaseSettings {
        deadlines,
        ..DatabaseSettings::sqlite(&directory.path().join("roster.db"))
    };
    let connection = migrate::maintain_migrated(&temporary, true).await?;
    seed::fill(&connection, Company::Lesson, false).await?;
    connection.close().await?;
    let database = database::open(&temporary)?;

    let settings = Settings {
        explain: true,
        ..settings
    };
    let app = Server::new(&database, &settings, &shutdown)?;
    let url = http::url(&listeners[0])?;
    print(&format!(
        "\
Roster is running, with the lesson's company in a temporary database.

  In your browser    {url}/
  For programs       {url}/graphql

List the colleagues of Tristan Tal by project:

  curl {url}/graphql -H 'content-type: application/json' \\
    -d '{{\"query\":\"{{ employee(id: \\\"emp_2\\\") {{ name projects {{ nodes {{ title employees {{ nodes {{ name }} }} }} }} }} }}\"}}'

Ctrl-C ends it and deletes the database."
    ))?;

    answer(listeners, &settings, app).await
}

async fn answer(listeners: Vec<TcpListener>, settings: &Settings, app: App) -> Result<(), Error> {
    if let Some(address) = settings.log.metrics_address {
        metrics::serve(address, app.clone()).await?;
    }
    let database = app.database.clone();
    let served = accept::serve(listeners, app).await;
    database::close(&database).await;
    served
}

async fn serve(database: DatabaseSettings, settings: Settings, migrate: bool) -> Result<(), Error> {
    let shutdown = Shutdown::on_signals()?;
    let listeners = http::listen(&settings).await?;
    let database = tokio::select! {
        database = migrate::open_migrated(&database, migrate) => database?,
        // The signal ends the wait for the database, too.
        () = shutdown.begun() => return Ok(()),
    };
    let app = Server::new(&database, &settings, &shutdown)?;
    tracing::info!(
        "serving {} at {url}/graphql, to be tried in a browser at {url}/",
        match database.reader.backend() {
            DatabaseBackend::Sqlite => "SQLite",
            _ => "PostgreSQL",
        },
        url = http::url(&listeners[0])?,
    );
    answer(listeners, &settings, app).await
}

async fn migrate(settings: DatabaseSettings, step: MigrateStep) -> Result<(), Error> {
    let connection = match step {
        MigrateStep::Repair => migrate::maintain_migrated(&settings, false).await?,
        _ => database::maintain(&settings).await?,
    };
    match step {
        MigrateStep::Up => {
            migrate::up(&connection).await?;
        }
        MigrateStep::Down { steps } => migrate::down(&connection, steps).await?,
        MigrateStep::Fresh { force } => migrate::fresh(&connection, force).await?,
        MigrateStep::Status => {}
        MigrateStep::Repair => {
            let repaired = migrate::repair(&connection).await?;
            connection.close().await?;
            return print(&format!(
                "Stale copies of employees' names corrected: {repaired}. All lists are in order; a \
                 running server needs no restart."
            ));
        }
    }
    let steps = migrate::status(&connection).await?;
    for (name, applied) in &steps {
        print(&format!(
            "{}  {name}",
            if *applied { "applied" } else { "pending" }
        ))?;
    }
    if matches!(step, MigrateStep::Status) && steps.iter().all(|(_, applied)| *applied) {
        // A role that may only read the list of migrations cannot count them.
        let stale = migrate::count_stale_copies(&connection).await.unwrap_or(0);
        if stale > 0 {
            print(&format!(
                "Stale copies of employees' names: {stale}. No answer shows them, but lists are out of \
                 order; correct them with `roster migrate repair`."
            ))?;
        }
    }
    connection.close().await?;
    Ok(())
}

async fn seed(database: DatabaseSettings, reset: bool, counts: SeedCounts) -> Result<(), Error> {
    let start = Instant::now();
    let company = Company::of(counts)?;
    let connection = migrate::maintain_migrated(&database, false).await?;
    let made = tokio::select! {
        made = seed::fill(&connection, company, reset) => made,
        Ok(()) = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            // Removes SQLite's log, which may fill the disk, unless a long statement is still running.
            let _ = timeout(Duration::from_secs(2), connection.close()).await;
            return Err(error);
        }
    };
    connection.close().await?;
    print(&format!(
        "Made {made} in {:.1} s.\nNext: `roster serve`, then http://127.0.0.1:8000/ in your browser.",
        start.elapsed().as_secs_f64()
    ))
}

fn schema() -> Result<(), Error> {
    print(api::sdl().trim_end())
}

fn check_schema(path: &Path) -> Result<(), Error> {
    let file = fs::read_to_string(path).map_err(|reason| Error::UnreadableSchema {
        path: path.to_owned(),
        reason,
    })?;
    let schema = api::sdl();
    let mut ours = schema.trim_end().lines();
    let mut theirs = file.trim_end().lines();
    let mut line = 1;
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return Ok(()),
            (our, their) if our == their => line += 1,
            _ => {
                return Err(Error::StaleSchema {
                    path: path.to_owned(),
                    line,
                });
            }
        }
    }
}

fn check_documents(path: &Path, limits: &LimitSettings) -> Result<(), Error> {
    let trusted = Trusted::read(path)?;
    let faults = trusted.faults(limits.operation);
    for FaultyDocument {
        id,
        description,
        errors,
    } in &faults
    {
        let described = match description.is_empty() {
            true => String::new(),
            false => format!(" ({description})"),
        };
        for fault in errors {
            let place = fault.locations.first();
            let place = place.map_or(String::new(), |place| {
                format!(" (line {}, column {})", place.line, place.column)
            });
            let message = fault.message.replace('\n', "\n    ");
            print(&format!("{id}{described}: {message}{place}"))?;
        }
    }
    if faults.is_empty() {
        return print(&format!("All {} documents run.", trusted.count()));
    }
    Err(Error::FaultyDocuments {
        path: path.to_owned(),
        faulty: faults.len(),
        all: trusted.count(),
    })
}

/// Writes to the standard output. A closed pipe is no error: its reader has seen enough.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => Err(Error::System {
            what: "write the output",
            reason,
        }),
        _ => Ok(()),
    }
}
