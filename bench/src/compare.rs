//! Every operation at 1 and at 32 connections next to the floors, and as clients send it next to the
//! plain form.

use std::{fmt::Write, path::Path, thread::sleep, time::Duration, time::Instant};

use tempfile::TempDir;

use crate::{
    console::{Result, print, progress},
    database::Dataset,
    load::{Load, Measure, median, median_of},
    machine::{self, Placement},
    operations::{Basis, ClientRequest, Operation, Request},
    program::{Kind, Programs, Server},
    report,
    settings::{Database, Settings},
    table::{Table, figure, verdict},
};

const EMPLOYEES: u64 = 10_000;

/// Connections under load.
const LOAD: u64 = 32;

/// Starts of the server for the median of the start time.
const STARTS: usize = 5;

/// Longest time from the start to the first answer, in milliseconds.
const START_TARGET: f64 = 30.0;

/// Largest peak memory of any operation under load, in MiB.
const PEAK_TARGET: f64 = 72.0;

/// The least share of the floor's cost in ours: on PostgreSQL under load, on SQLite at one connection.
fn share_target(database: Database, operation: Operation) -> f64 {
    let (postgres, sqlite) = match operation {
        Operation::Point => (0.95, 0.45),
        Operation::Mission | Operation::MissionAll => (0.75, 0.80),
        Operation::Nested => (0.85, 1.00),
        Operation::NestedById => (0.85, 0.80),
        Operation::Portfolios => (0.75, 0.80),
        Operation::Flat => (0.85, 0.55),
        Operation::Edges | Operation::EdgesAll => (0.75, 0.55),
        Operation::Write => (0.80, 0.70),
    };
    match database {
        Database::Postgres => postgres,
        Database::Sqlite => sqlite,
    }
}

/// Name and largest value of the ratio of a client's request.
fn ratio_target(basis: Basis) -> (&'static str, f64) {
    match basis {
        Basis::SameValues => ("plain, same values", 1.10),
        Basis::EachByte => ("the operation, each byte", 1.40),
        Basis::Unfiltered => ("the operation", 1.50),
    }
}

/// Figures of one operation.
struct Line {
    operation: Operation,
    /// Of each server, at one connection.
    alone: Vec<Measure>,
    /// Of each server, under load.
    loaded: Vec<Measure>,
    clients: Vec<ClientLine>,
}

/// Figures of a request as a client sends it, under load.
struct ClientLine {
    name: String,
    basis: Basis,
    measure: Measure,
    ratio: f64,
}

/// A server and a request to it.
type Target<'a> = (&'a Server, Request);

/// Measures and prints.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    machine::need("wrk")?;
    let mut text = format!("{}\n- {}\n", report::origin(settings)?, method(settings));
    let programs = Programs::get(settings, true)?;
    let mut tables = String::new();
    let mut clients = Vec::new();
    for database in settings.databases() {
        let directory = TempDir::with_prefix("roster-bench-")?;
        let mut company = Dataset::make(database, EMPLOYEES, &programs, settings, &directory)?;
        let start = start_time(database, &programs, &mut company, directory.path())?;
        let directory = directory.path();
        let lines = measure(database, &programs, &mut company, settings, directory)?;
        let peaks = lines.iter().flat_map(|line| {
            let clients = line.clients.iter().map(|client| &client.measure);
            clients.chain(&line.loaded[..1]).map(|measure| measure.peak)
        });
        let peak = peaks.fold(0.0, f64::max);
        let title = database.title();
        writeln!(
            text,
            "- {title}: {} ms from start to first answer (≤ {START_TARGET}: {}), at most {} MiB at \
             {LOAD} connections (≤ {PEAK_TARGET}: {}).",
            figure(start),
            verdict(start <= START_TARGET),
            figure(peak),
            verdict(peak <= PEAK_TARGET)
        )?;
        let table = operations_table(database, &lines);
        write!(tables, "\n### {title}\n\n{table}")?;
        let lines = lines.into_iter().flat_map(|line| line.clients);
        clients.push((database, lines.collect::<Vec<_>>()));
    }
    let table = clients_table(&clients);
    write!(
        text,
        "{tables}\n### As clients send it, {LOAD} connections\n\n{table}"
    )?;
    print(&text)?;
    if settings.save {
        report::save(&text)?;
    }
    Ok(())
}

fn method(settings: &Settings) -> String {
    let placed = |connections| {
        let Placement { server, wrk } = Placement::of(connections);
        format!("the server on cores {server}, wrk on {wrk}")
    };
    let sessions = match machine::may_pin_postgres() {
        true => "with the server",
        false => "on any, since they are another user's",
    };
    format!(
        "{EMPLOYEES} employees, {} projects, {} assignments; at one connection {}, at {LOAD} {}; \
         PostgreSQL's sessions {sessions}; medians of {} interleaved rounds of {} s.",
        EMPLOYEES / 5,
        EMPLOYEES * 5,
        placed(1),
        placed(LOAD),
        settings.rounds,
        settings.seconds
    )
}

fn kinds(database: Database) -> &'static [Kind] {
    match database {
        Database::Sqlite => &[Kind::Roster, Kind::Floor, Kind::SqlxFloor],
        Database::Postgres => &[Kind::Roster, Kind::Floor],
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
    for &kind in kinds(database) {
        let url = company.copy(kind.title())?;
        let log = directory.join(format!("{}.log", kind.title()));
        servers.push(Server::start(kind, programs, &url, &log)?);
    }
    for operation in settings.operations() {
        same_answers(operation, &servers)?;
    }

    let mut seed = 0;
    let mut rounds = |targets: &[Target<'_>], connections, rounds| -> Result<Vec<Measure>> {
        let mut measures = vec![Vec::new(); targets.len()];
        for _ in 0..rounds {
            seed += 1;
            for (nth, (server, request)) in targets.iter().enumerate() {
                let load = Load {
                    request,
                    connections,
                    seconds: settings.seconds,
                    // Each server gets the same keys. Requests of clients get others, since a write
                    // must not find the row of the one before.
                    seed: 100 * seed + (nth + 1).saturating_sub(servers.len()) as u64,
                    employees: company.employees,
                    projects: company.projects,
                    keys: &[],
                };
                measures[nth].push(load.drive(server, database)?);
                // Work that the database still does must not count for the next.
                sleep(Duration::from_millis(50));
            }
        }
        Ok(measures.iter().map(|measures| median(measures)).collect())
    };

    let mut lines = Vec::new();
    for operation in settings.operations() {
        progress(&format!("{}: {}", database.title(), operation.name()));
        let own = servers.iter();
        let own = own.map(|server| (server, server.kind.request(operation)));
        let mut targets: Vec<Target<'_>> = own.collect();
        let mut clients = Vec::new();
        for client in operation.clients().filter(is_compared) {
            clients.push((client.name, client.basis, targets.len()));
            targets.push((&servers[0], client.sent));
            if client.basis == Basis::SameValues {
                targets.push((&servers[0], client.plain));
            }
        }
        // Warms up.
        rounds(&targets, LOAD, 1)?;
        let alone = rounds(&targets[..servers.len()], 1, settings.rounds)?;
        let loaded = rounds(&targets, LOAD, settings.rounds)?;
        let clients = clients.into_iter().map(|(name, basis, at)| {
            let measure = loaded[at];
            let each_byte = |of: Measure| of.cost() / of.bytes;
            let ratio = match basis {
                Basis::SameValues => measure.cost() / loaded[at + 1].cost(),
                Basis::EachByte => each_byte(measure) / each_byte(loaded[0]),
                Basis::Unfiltered => measure.cost() / loaded[0].cost(),
            };
            ClientLine {
                name,
                basis,
                measure,
                ratio,
            }
        });
        lines.push(Line {
            operation,
            clients: clients.collect(),
            alone,
            loaded: loaded[..servers.len()].to_vec(),
        });
    }
    Ok(lines)
}

/// False for Relay's form of a single object, which has no cursors.
fn is_compared(client: &ClientRequest) -> bool {
    let body = client.sent.body.as_deref().unwrap_or_default();
    client.basis != Basis::EachByte || body.contains("cursor")
}

/// Fails if the servers answer differently, or the server answers a client differently.
fn same_answers(operation: Operation, servers: &[Server]) -> Result<()> {
    let keys = match operation {
        Operation::Point | Operation::Mission | Operation::MissionAll => 50,
        Operation::Write => 5,
        _ => 1,
    };
    let clients: Vec<_> = operation.clients().collect();
    let beginning = |text: &str| text.chars().take(2_000).collect::<String>();
    for key in 1..=keys {
        // Pairs that the dataset does not link without role and start.
        let (employee, project) = (7 * key + 1, 13 * key + 1);
        let ask =
            |server: &Server, request: &Request| server.answer(&request.with(employee, project));
        let same = |what: &str, answer: &str, expected: &str| match answer == expected {
            true => Ok(()),
            false => Err(format!(
                "{}: {what} is answered otherwise for employee {employee}:\n{}\n{}",
                operation.name(),
                beginning(answer),
                beginning(expected)
            )),
        };
        let expected = ask(&servers[0], &operation.graphql())?;
        for floor in &servers[1..] {
            let answer = ask(floor, &operation.by_hand())?;
            same(floor.kind.title(), &answer, &expected)?;
        }
        for client in &clients {
            let expected = ask(&servers[0], &client.plain)?;
            same(&client.name, &ask(&servers[0], &client.sent)?, &expected)?;
        }
    }
    Ok(())
}

fn operations_table(database: Database, lines: &[Line]) -> Table {
    let of_database = match database {
        Database::Sqlite => "",
        Database::Postgres => " = server + PostgreSQL",
    };
    let mut head = vec!["Operation".to_owned()];
    for connections in [1, LOAD] {
        let titles = kinds(database).iter().map(|kind| kind.title());
        head.extend(titles.map(|title| format!("{connections}: {title} µs{of_database}")));
        head.push("Share".to_owned());
    }
    let rest = ["Target", "Holds", "Requests/s", "p99 ms"];
    head.extend(rest.map(str::to_owned));
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    for line in lines {
        let mut row = vec![line.operation.name()];
        let share = |of: &[Measure]| of[1].cost() / of[0].cost();
        for measures in [&line.alone, &line.loaded] {
            row.extend(measures.iter().map(|measure| match database {
                Database::Sqlite => figure(measure.cost()),
                Database::Postgres => format!(
                    "{} = {} + {}",
                    figure(measure.cost()),
                    figure(measure.cpu),
                    figure(measure.database_cpu)
                ),
            }));
            row.push(format!("{:.2}", share(measures)));
        }
        let target = share_target(database, line.operation);
        let held = match database {
            Database::Postgres => share(&line.loaded),
            Database::Sqlite => share(&line.alone),
        };
        let roster = &line.loaded[0];
        row.extend([
            format!("≥ {target:.2}"),
            verdict(held >= target),
            figure(roster.per_second),
            figure(roster.p99 / 1e3),
        ]);
        table.row(row);
    }
    table
}

/// The same requests on each database.
fn clients_table(databases: &[(Database, Vec<ClientLine>)]) -> Table {
    let mut head = vec!["Request".to_owned(), "Ratio to".to_owned()];
    for (database, _) in databases {
        head.extend([format!("{} µs", database.title()), "Ratio".to_owned()]);
    }
    head.extend(["Target", "Holds"].map(str::to_owned));
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>(), 2);
    for nth in 0..databases[0].1.len() {
        let lines = || databases.iter().map(|(_, lines)| &lines[nth]);
        let ClientLine { name, basis, .. } = &databases[0].1[nth];
        let (to, target) = ratio_target(*basis);
        let mut row = vec![name.clone(), to.to_owned()];
        for line in lines() {
            row.extend([figure(line.measure.cost()), format!("{:.2}", line.ratio)]);
        }
        row.push(format!("≤ {target:.2}"));
        row.push(verdict(lines().all(|line| line.ratio <= target)));
        table.row(row);
    }
    table
}
