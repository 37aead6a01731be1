//! Every operation at 1 and at 32 connections, the server next to the floors.

use std::{
    fmt::Write,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    console::{Result, print, progress},
    database::Dataset,
    load::{Load, Measure, median, median_of},
    machine,
    operations::Operation,
    program::{Kind, Programs, Server},
    report,
    settings::{Database, Settings},
    table::{Table, figure, verdict},
};

const EMPLOYEES: u64 = 10_000;

/// Connections of the two measurements: latency, and throughput under load.
const CONNECTIONS: [u64; 2] = [1, 32];

/// Seconds of the warm-up of each operation.
const WARM_UP: u64 = 1;

/// Starts of the server for the median of the start time.
const STARTS: usize = 5;

/// The most CPU time for each request at 32 connections, as a multiple of the floor's.
fn cpu_target(database: Database, operation: Operation) -> f64 {
    let (sqlite, postgres) = match operation {
        Operation::Point => (1.4, 1.4),
        Operation::Mission => (1.2, 1.3),
        Operation::Nested => (0.9, 1.2),
        Operation::Flat => (0.8, 1.2),
        Operation::Edges => (1.0, 1.2),
        Operation::Write => (1.3, 1.3),
    };
    match database {
        Database::Sqlite => sqlite,
        Database::Postgres => postgres,
    }
}

/// The least requests a second at 32 connections, as a share of tokio-postgres'.
fn rate_target(operation: Operation) -> Option<f64> {
    match operation {
        Operation::Point | Operation::Edges => Some(0.70),
        Operation::Mission | Operation::Flat => Some(0.75),
        Operation::Nested => Some(0.85),
        Operation::Write => None,
    }
}

const P99_TARGET: f64 = 2.0;
const MISSION_TARGET: f64 = 500.0;
const PEAK_TARGET: f64 = 100.0;
const START_TARGET: f64 = 100.0;

/// One server's figures for one operation at so many connections.
struct Line {
    operation: Operation,
    connections: u64,
    kind: Kind,
    statements: Option<u64>,
    measure: Measure,
}

/// Measures and prints.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    machine::need("wrk")?;
    let mut text = format!("{}\n- {}\n", report::origin(settings)?, method(settings));
    let programs = Programs::get(settings, true)?;
    let seconds: u64 = settings
        .databases()
        .into_iter()
        .map(|database| {
            let operations = settings.operations().len() * kinds(database).len();
            (WARM_UP + settings.rounds * settings.seconds) * (operations * CONNECTIONS.len()) as u64
        })
        .sum();
    progress(&format!(
        "this takes about {} minutes",
        (seconds + 30).div_ceil(60)
    ));

    let mut checks = Table::new(&["What", "Database", "Measured", "Target", "Holds"], 2);
    for database in settings.databases() {
        let directory = TempDir::with_prefix("roster-bench-")?;
        let mut company = Dataset::make(database, EMPLOYEES, &programs, settings, &directory)?;
        let start = start_time(database, &programs, &mut company, directory.path())?;
        let lines = measure(
            database,
            &programs,
            &mut company,
            settings,
            directory.path(),
        )?;

        writeln!(
            text,
            "\n### {}\n\n{}",
            database.title(),
            figures(database, &lines)
        )?;
        write!(text, "{}", ratios(database, &lines, settings))?;
        let mut check = |what: &str, unit: &str, value: f64, target: f64| {
            checks.row(vec![
                what.to_owned(),
                database.title().to_owned(),
                format!("{} {unit}", figure(value)),
                format!("{} {unit}", figure(target)),
                verdict(value < target),
            ]);
        };
        let roster = |operation, connections| {
            find(&lines, operation, connections, Kind::Roster).map(|line| line.measure)
        };
        if let (Database::Sqlite, Some(mission)) = (database, roster(Operation::Mission, 1)) {
            check(
                "mission, median at 1 connection",
                "µs",
                mission.p50,
                MISSION_TARGET,
            );
        }
        if let Some(nested) = roster(Operation::Nested, 32) {
            check(
                "nested, peak memory at 32 connections",
                "MiB",
                nested.peak,
                PEAK_TARGET,
            );
        }
        check("start to first answer", "ms", start, START_TARGET);
    }
    writeln!(text, "\n### Once\n\n{checks}")?;
    print(&text)?;
    if settings.save {
        report::save(&text)?;
    }
    Ok(())
}

fn method(settings: &Settings) -> String {
    let cores = match machine::halves() {
        Some((server, wrk)) => format!("the server on cores {server}, wrk on {wrk}"),
        None => "too few cores to keep the server and wrk apart".to_owned(),
    };
    format!(
        "{EMPLOYEES} employees, 2000 projects, 50,000 assignments; {cores}; medians of {} \
         interleaved rounds of {} s.",
        settings.rounds, settings.seconds
    )
}

fn kinds(database: Database) -> Vec<Kind> {
    match database {
        Database::Sqlite => vec![Kind::Roster, Kind::Floor],
        Database::Postgres => vec![Kind::Roster, Kind::Floor, Kind::OneStatement],
    }
}

/// Returns the time from the start of the process to the first answer, in milliseconds.
fn start_time(
    database: Database,
    programs: &Programs,
    company: &mut Dataset,
    directory: &Path,
) -> Result<f64> {
    progress(&format!("{}: starting it {STARTS} times", database.title()));
    let url = company.copy("start")?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let _server = Server::start(Kind::Roster, programs, &url, &directory.join("start.log"))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median_of(times))
}

fn measure(
    database: Database,
    programs: &Programs,
    company: &mut Dataset,
    settings: &Settings,
    directory: &Path,
) -> Result<Vec<Line>> {
    let mut servers = Vec::new();
    for kind in kinds(database) {
        let url = company.copy(kind.title())?;
        let log = directory.join(format!("{}.log", kind.title()));
        servers.push(Server::start(kind, programs, &url, &log)?);
    }
    for operation in settings.operations() {
        same_answers(operation, &servers)?;
    }

    let mut lines = Vec::new();
    let mut seed = 0;
    for operation in settings.operations() {
        // The cost of a mutation leaves out the statements of its transaction.
        let statements = match operation {
            Operation::Write => None,
            _ => Some(servers[0].statements(operation)?),
        };
        for connections in CONNECTIONS {
            progress(&format!(
                "{}: {} at {connections}",
                database.title(),
                operation.name()
            ));
            let mut measures = vec![Vec::new(); servers.len()];
            for round in 0..=settings.rounds {
                seed += 1;
                for (server, measures) in servers.iter().zip(&mut measures) {
                    let load = Load {
                        request: &server.kind.request(operation),
                        connections,
                        seconds: if round == 0 {
                            WARM_UP
                        } else {
                            settings.seconds
                        },
                        seed,
                        employees: company.employees,
                        projects: company.projects,
                        keys: &[],
                    };
                    let measure = load.drive(server, database)?;
                    if round > 0 {
                        measures.push(measure);
                    }
                    // Work that the database still does must not count for the next server.
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            for (server, measures) in servers.iter().zip(measures) {
                lines.push(Line {
                    operation,
                    connections,
                    kind: server.kind,
                    statements: statements.filter(|_| server.kind == Kind::Roster),
                    measure: median(&measures),
                });
            }
        }
    }
    Ok(lines)
}

/// Fails if the servers answer differently.
fn same_answers(operation: Operation, servers: &[Server]) -> Result<()> {
    let keys = match operation {
        Operation::Point | Operation::Mission => 50,
        Operation::Write => 5,
        Operation::Nested | Operation::Flat | Operation::Edges => 1,
    };
    for key in 1..=keys {
        // Pairs that the dataset does not link without role and start.
        let (employee, project) = (7 * key + 1, 13 * key + 1);
        let mut answers = Vec::new();
        for server in servers {
            answers.push(server.answer(operation, employee, project)?);
        }
        for (server, answer) in servers.iter().zip(&answers).skip(1) {
            if *answer != answers[0] {
                return Err(format!(
                    "{}: {} answers otherwise than {} for employee {employee}:\n{}\n{}",
                    operation.name(),
                    server.kind.title(),
                    servers[0].kind.title(),
                    beginning(answer),
                    beginning(&answers[0])
                )
                .into());
            }
        }
    }
    Ok(())
}

fn beginning(text: &str) -> String {
    text.chars().take(2_000).collect()
}

fn find(lines: &[Line], operation: Operation, connections: u64, kind: Kind) -> Option<&Line> {
    lines.iter().find(|line| {
        line.operation == operation && line.connections == connections && line.kind == kind
    })
}

fn figures(database: Database, lines: &[Line]) -> Table {
    let mut table = Table::new(
        &[
            "Operation",
            "Server",
            "Connections",
            "Requests/s",
            "p50 µs",
            "p99 µs",
            "CPU µs",
            "PostgreSQL CPU µs",
            "Statements",
            "Peak MiB",
        ],
        2,
    );
    for line in lines {
        let measure = &line.measure;
        table.row(vec![
            line.operation.name().to_owned(),
            line.kind.title().to_owned(),
            line.connections.to_string(),
            figure(measure.per_second),
            figure(measure.p50),
            figure(measure.p99),
            figure(measure.cpu),
            match database {
                Database::Sqlite => "–".to_owned(),
                Database::Postgres => figure(measure.database_cpu),
            },
            line.statements
                .map_or("–".to_owned(), |statements| statements.to_string()),
            figure(measure.peak),
        ]);
    }
    table
}

fn ratios(database: Database, lines: &[Line], settings: &Settings) -> Table {
    let mut head = vec![
        "At 32 connections",
        "CPU to floor",
        "Target",
        "Holds",
        "p99 to floor",
        "Target",
        "Holds",
    ];
    if database == Database::Postgres {
        head.extend(["Requests/s to tokio-postgres", "Target", "Holds"]);
    }
    let mut table = Table::new(&head, 1);
    for operation in settings.operations() {
        let measure = |kind| find(lines, operation, 32, kind).map(|line| line.measure);
        let (Some(roster), Some(floor)) = (measure(Kind::Roster), measure(Kind::Floor)) else {
            continue;
        };
        let (cpu, target) = (roster.cpu / floor.cpu, cpu_target(database, operation));
        let p99 = roster.p99 / floor.p99;
        let mut row = vec![
            operation.name().to_owned(),
            format!("{cpu:.2}"),
            format!("≤ {target:.2}"),
            verdict(cpu <= target),
            format!("{p99:.2}"),
            format!("≤ {P99_TARGET:.2}"),
            verdict(p99 <= P99_TARGET),
        ];
        if let Some(best) = measure(Kind::OneStatement) {
            let rate = roster.per_second / best.per_second;
            row.push(format!("{rate:.2}"));
            row.extend(match rate_target(operation) {
                Some(target) => [format!("≥ {target:.2}"), verdict(rate >= target)],
                None => ["–".to_owned(), "–".to_owned()],
            });
        }
        table.row(row);
    }
    table
}
