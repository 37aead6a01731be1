//! Instructions for each operation, counted by callgrind: a machine that is busy with other things
//! does not change them, so a few percent more are a few percent more.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    console::{Result, print, progress},
    database::Dataset,
    http::Connection,
    machine,
    operations::{Operation, Request},
    program::{Kind, Programs, Server, free_port, root},
    settings::{Database, Settings},
    table::{Table, thousands},
};

const EMPLOYEES: u64 = 10_000;

/// Relative change from which a difference is more than chance.
const TOLERANCE: f64 = 0.05;

/// Largest ratio of a document as clients send it to a plain document with the same answer.
const CLIENT_RATIO: f64 = 1.10;

/// Requests that fill caches before anything is counted.
const WARM_UP: u64 = 50;

/// Different employees in the requests, in turn.
const KEYS: u64 = 20;

/// Instructions by operation, by database.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Counts, compares and prints. Fails if an operation takes more than in the baseline.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    machine::need("valgrind")?;
    let programs = Programs::get(settings, false)?;
    let baseline = baseline()?;
    let mut counts = Counts::new();
    for database in settings.databases() {
        let counted = count(database, &programs, settings)?;
        counts.insert(database.key().to_owned(), counted);
    }

    let mut table = Table::new(
        &["Database", "Operation", "Instructions", "Were", "Change"],
        2,
    );
    let mut more = Vec::new();
    let mut less = false;
    for (database, operations) in &counts {
        for (operation, &now) in operations {
            let before = baseline.get(database).and_then(|of| of.get(operation));
            let change = before.map(|&before| now as f64 / before as f64 - 1.0);
            table.row(vec![
                database.clone(),
                operation.clone(),
                thousands(now),
                before.map_or("–".to_owned(), |&before| thousands(before)),
                change.map_or("–".to_owned(), |change| {
                    format!("{:+.1} %", 100.0 * change)
                }),
            ]);
            if let (Some(&before), Some(change)) = (before, change) {
                if change > TOLERANCE {
                    more.push(format!(
                        "{operation} on {database}: {:.2} M instructions, was {:.2} M ({:+.0} %)",
                        now as f64 / 1e6,
                        before as f64 / 1e6,
                        100.0 * change
                    ));
                }
                less |= change < -TOLERANCE;
            }
        }
    }
    print(&table.to_string())?;
    let slow: Vec<String> = slow_clients(&counts).collect();
    if !slow.is_empty() {
        return Err(slow.join("\n").into());
    }
    if settings.save {
        return save(baseline, counts);
    }
    if less {
        progress("some take less than they did: --save records it");
    }
    if more.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nIf that is what it costs, --save records it.",
        more.join("\n")
    )
    .into())
}

fn count(
    database: Database,
    programs: &Programs,
    settings: &Settings,
) -> Result<BTreeMap<String, u64>> {
    let directory = TempDir::with_prefix("roster-bench-")?;
    let mut company = Dataset::make(database, EMPLOYEES, programs, settings, &directory)?;
    let url = company.copy("instructions")?;
    progress(&format!("{}: starting it in callgrind", database.title()));
    let server = start(programs, &url, directory.path())?;
    let mut connection = Connection::open(server.port)?;
    let mut counted = BTreeMap::new();
    let mut dumps = Dumps {
        directory: directory.path(),
        pid: server.pid(),
        count: 0,
    };
    for operation in settings.operations() {
        let requests = requests(operation);
        progress(&format!(
            "{}: {} × {}",
            database.title(),
            operation.name(),
            requests
        ));
        let mut nth = 0;
        let mut count = |request: &Request| -> Result<u64> {
            let mut ask = |times| -> Result<()> {
                for _ in 0..times {
                    let (employee, project) = keys(operation, nth);
                    connection.ask(&request.with(employee, project))?;
                    nth += 1;
                }
                Ok(())
            };
            ask(WARM_UP.min(requests))?;
            dumps.take()?;
            ask(requests)?;
            Ok(dumps.take()? / requests)
        };
        counted.insert(operation.name(), count(&operation.graphql())?);
        for client in operation.clients() {
            let plain = format!("{}{PLAIN}", client.name);
            counted.insert(client.name, count(&client.sent)?);
            counted.insert(plain, count(&client.plain)?);
        }
    }
    Ok(counted)
}

/// Suffix of the name of the plain document with the same answer as a client's.
const PLAIN: &str = "-plain";

/// Returns the documents of clients beyond [`CLIENT_RATIO`].
fn slow_clients<'c>(counts: &'c Counts) -> impl Iterator<Item = String> + 'c {
    counts.iter().flat_map(|(database, operations)| {
        operations.iter().filter_map(move |(name, &plain)| {
            let client = name.strip_suffix(PLAIN)?;
            let ratio = operations[client] as f64 / plain as f64;
            let is_slow = ratio > CLIENT_RATIO;
            is_slow.then(|| {
                format!("{client} on {database} takes {ratio:.2} times what the plain one takes")
            })
        })
    })
}

/// Returns enough requests for two runs to differ by much less than the tolerance.
fn requests(operation: Operation) -> u64 {
    match operation {
        // Many, since opening a reader costs as much as forty requests.
        Operation::Point => 2_000,
        Operation::Mission | Operation::Write => 200,
        _ => 10,
    }
}

/// Returns the keys of a request: the same in every run, different for each write of a run.
fn keys(operation: Operation, nth: u64) -> (u64, u64) {
    match operation {
        Operation::Write => (1 + nth, 1 + nth * 7 % 2_000),
        _ => (1 + nth % KEYS, 1),
    }
}

/// Starts the server with one worker thread, so that no thread steals work, and one connection for it.
fn start(programs: &Programs, url: &str, directory: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("env");
    command
        .args(["TOKIO_WORKER_THREADS=1", "valgrind", "--tool=callgrind"])
        .arg(format!(
            "--callgrind-out-file={}",
            directory.join("counts").display()
        ))
        .arg(&programs.roster)
        .args(["serve", "--limit", "database_connections=3"])
        .args(["--port", &port.to_string(), "--database-url", url]);
    Server::run(Kind::Roster, command, port, &directory.join("log"))
}

/// Dumps of callgrind. Each counts from the one before.
struct Dumps<'a> {
    directory: &'a Path,
    pid: u32,
    count: u64,
}

impl Dumps<'_> {
    /// Returns the instructions since the last dump.
    fn take(&mut self) -> Result<u64> {
        let output = Command::new("callgrind_control")
            .args(["--dump", &self.pid.to_string()])
            .output()
            .map_err(|error| format!("callgrind_control, a part of valgrind: {error}"))?;
        self.count += 1;
        let file = self.directory.join(format!("counts.{}", self.count));
        let dump = fs::read_to_string(&file).map_err(|_| {
            format!(
                "callgrind wrote no counts:\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        fs::remove_file(file)?;
        let total = dump.lines().rev().find_map(|line| {
            let total = line
                .strip_prefix("totals:")
                .or(line.strip_prefix("summary:"));
            total?.trim().parse().ok()
        });
        total.ok_or_else(|| "the counts of callgrind have no sum".into())
    }
}

fn path() -> PathBuf {
    root().join("bench/instructions.json")
}

fn baseline() -> Result<Counts> {
    if !path().exists() {
        return Ok(Counts::new());
    }
    Ok(serde_json::from_str(&fs::read_to_string(path())?)?)
}

/// Writes the counts. Operations that were not counted keep their old ones.
fn save(mut baseline: Counts, counts: Counts) -> Result<()> {
    for (database, operations) in counts {
        baseline.entry(database).or_default().extend(operations);
    }
    fs::write(path(), serde_json::to_string_pretty(&baseline)? + "\n")?;
    progress("bench/instructions.json has the new counts");
    Ok(())
}
