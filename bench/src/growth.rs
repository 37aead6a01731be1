//! Whether the same answer costs the same from 1, 10 and 100 times the data and from deep in a list,
//! and whether memory stays flat.

use std::collections::BTreeMap;

use postgres::{Client, NoTls};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    console::{Result, print, progress},
    database::Dataset,
    http::Connection,
    load::{Load, Measure, median},
    machine,
    operations::{Operation, Request, graphql},
    program::{Kind, Programs, Server},
    report,
    settings::{Database, Settings},
    table::{Table, figure, thousands, verdict},
};

/// Parts of the company that are measured beside it.
const SIZES: [u64; 3] = [100, 10, 1];

/// Largest ratio of the cost of the same answer.
const TARGET: f64 = 1.3;

/// Employees of each company in the search for answers of equal size.
const SAMPLE: u64 = 1_000;

/// Keys in the requests: few enough for their rows to be in memory.
const KEYS: usize = 80;

/// One of so many projects, beginning with the first, has 200 employees.
const LARGE: u64 = 50;

/// Requests between two readings of the statistics of PostgreSQL.
const READ: usize = 100;

/// Size of an answer, as a multiple of the smallest, up to which answers count as equal.
const EQUAL: f64 = 1.1;

/// A page of all employees by name, after a cursor.
const PAGE: &str = "\
query Page($after: String) {
  employees(first: 50, after: $after, orderBy: [{ field: NAME, direction: ASC }]) {
    nodes { name }
  }
}";

/// Where the names of the company's employees are half, and nine tenths, of the way through.
const DEPTHS: [(&str, &str); 2] = [("half way", "Leila"), ("at 90 %", "Thabo")];

const CURSOR: &str = "\
query Cursor($name: String!) {
  employees(first: 1, where: { name: { startsWith: $name } },
    orderBy: [{ field: NAME, direction: ASC }]) {
    pageInfo { endCursor }
  }
}";

/// A page of the employees of a large project, in their own order. Most meet the condition.
const TEAM: &str = "\
query Team($project: ID!) {
  project(id: $project) { employees(first: 20) { nodes { name } } }
}";

const FILTERED_TEAM: &str = "\
query FilteredTeam($project: ID!) {
  project(id: $project) {
    employees(first: 20, where: { hireDate: { gte: \"2007-01-01\" } }) { nodes { name } }
  }
}";

/// The last employees of a large project.
const TEAM_PAGE: &str = "\
query TeamPage($after: String) {
  project(id: \"prj_1\") { employees(first: 20, after: $after) { nodes { name } } }
}";

const TEAM_CURSOR: &str = "\
query TeamCursor {
  project(id: \"prj_1\") { employees(first: 170) { pageInfo { endCursor } } }
}";

/// Measures and prints.
pub(crate) fn run(settings: &Settings, largest: u64) -> Result<()> {
    machine::need("wrk")?;
    let programs = Programs::get(settings, false)?;
    print(&report::origin(settings)?)?;
    for database in settings.databases() {
        let directory = TempDir::with_prefix("roster-bench-")?;
        let mut sides = Vec::new();
        for part in SIZES {
            let employees = largest / part;
            let company = Dataset::make(database, employees, &programs, settings, &directory)?;
            let log = directory.path().join(format!("{employees}.log"));
            // Before the database, which cannot go while it is in use.
            let server = Server::start(Kind::Roster, &programs, &company.url(), &log)?;
            sides.push(Side {
                server: Some(server),
                company,
                keys: Vec::new(),
                log,
            });
        }
        progress("looking for answers of equal size");
        equal_answers(&mut sides)?;
        print(&format!("\n### {}\n", database.title()))?;
        print(&sizes(database, &mut sides, &programs, settings)?.to_string())?;
        print(&memory(database, &sides[0])?.to_string())?;
    }
    Ok(())
}

/// A company and its server.
struct Side {
    server: Option<Server>,
    company: Dataset,
    /// Employees whose answers are compared with those of the other sides'.
    keys: Vec<u64>,
    log: std::path::PathBuf,
}

/// A request, and the keys that are drawn for it.
struct Case {
    name: String,
    request: Request,
    keys: Vec<u64>,
}

impl Side {
    fn server(&self) -> Result<&Server> {
        self.server.as_ref().ok_or("the server has ended".into())
    }

    fn assignments(&self) -> u64 {
        5 * self.company.employees
    }

    fn drive(
        &self,
        database: Database,
        case: &Case,
        connections: u64,
        seconds: u64,
    ) -> Result<Measure> {
        let load = Load {
            request: &case.request,
            connections,
            seconds,
            seed: 1,
            employees: self.company.employees,
            projects: self.company.projects,
            keys: &case.keys,
        };
        load.drive(self.server()?, database)
    }

    /// The same requests for each company: keys and cursors differ, answers have the same size.
    fn cases(&self) -> Result<Vec<Case>> {
        let mut connection = Connection::open(self.server()?.port)?;
        let mut cursor = |document, variables, path| -> Result<Value> {
            let answer = connection.ask(&graphql(document, variables))?;
            let answer: Value = serde_json::from_str(&answer)?;
            let cursor = answer.pointer(path).filter(|cursor| cursor.is_string());
            Ok(cursor.ok_or("a page has no cursor")?.clone())
        };
        let large = self.company.projects / LARGE;
        let step = (large / KEYS as u64).max(1);
        let large: Vec<u64> = (0..large).step_by(step as usize).take(KEYS).collect();
        let large: Vec<u64> = large.into_iter().map(|nth| nth * LARGE + 1).collect();
        let case = |name: &str, request, keys: &[u64]| Case {
            name: name.to_owned(),
            request,
            keys: keys.to_vec(),
        };
        let project = json!({ "project": "prj_<employee>" });
        let mut cases = vec![
            case("mission", Operation::Mission.graphql(), &self.keys),
            case("team", graphql(TEAM, project.clone()), &large),
            case("filtered team", graphql(FILTERED_TEAM, project), &large),
        ];
        let path = "/data/project/employees/pageInfo/endCursor";
        let after = cursor(TEAM_CURSOR, json!({}), path)?;
        let request = graphql(TEAM_PAGE, json!({ "after": after }));
        cases.push(case("team, after 170", request, &[]));
        cases.push(case("all, first page", graphql(PAGE, json!({})), &[]));
        for (depth, name) in DEPTHS {
            let path = "/data/employees/pageInfo/endCursor";
            let after = cursor(CURSOR, json!({ "name": name }), path)?;
            let request = graphql(PAGE, json!({ "after": after }));
            cases.push(case(&format!("all, page {depth}"), request, &[]));
        }
        Ok(cases)
    }

    /// Answers of a request for each of its keys: bytes, rows that the server loaded, statements.
    fn answers(&self, case: &Case) -> Result<[f64; 3]> {
        let mut connection = Connection::open(self.server()?.port)?;
        let keys: &[u64] = match case.keys.is_empty() {
            true => &[0],
            false => &case.keys,
        };
        let mut sums = [0.0; 3];
        for &key in keys {
            let request = case.request.with(key, 0);
            sums[0] += connection.ask(&request)?.len() as f64;
            let answer = connection.ask_with(&request, "x-cost: true\r\n")?;
            let answer: Value = serde_json::from_str(&answer)?;
            let cost = &answer["extensions"]["cost"];
            sums[1] += cost["loaded"].as_f64().ok_or("no cost")?;
            sums[2] += cost["statements"].as_f64().ok_or("no cost")?;
        }
        Ok(sums.map(|sum| sum / keys.len() as f64))
    }

    /// Blocks of PostgreSQL that a request reads, from its buffers or the disk. A backend reports them
    /// when it ends, so a server runs for this alone; what its start reads is subtracted.
    fn blocks(&mut self, case: &Case, programs: &Programs) -> Result<f64> {
        self.server = None;
        let mut read = Vec::new();
        for count in [READ, 2 * READ] {
            let before = blocks_read(&self.company)?;
            let server = Server::start(Kind::Roster, programs, &self.company.url(), &self.log)?;
            let mut connection = Connection::open(server.port)?;
            for nth in 0..count {
                let key = case.keys.get(nth % case.keys.len().max(1));
                connection.ask(&case.request.with(key.copied().unwrap_or(0), 0))?;
            }
            drop(connection);
            drop(server);
            read.push(blocks_read(&self.company)? - before);
        }
        let url = self.company.url();
        self.server = Some(Server::start(Kind::Roster, programs, &url, &self.log)?);
        Ok((read[1] - read[0]) as f64 / READ as f64)
    }
}

/// Blocks that ended sessions of the database have read.
fn blocks_read(company: &Dataset) -> Result<i64> {
    let mut client = Client::connect(&company.url(), NoTls)?;
    // Sessions of a server that has ended may still be ending.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid()";
    while client.query_one(others, &[])?.get::<_, i64>(0) > 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let read = "SELECT blks_hit + blks_read FROM pg_stat_database \
                WHERE datname = current_database()";
    Ok(client.query_one(read, &[])?.get(0))
}

/// Picks employees of each side so that there are as many answers of each size on all.
fn equal_answers(sides: &mut [Side]) -> Result<()> {
    let mut by_size = Vec::new();
    for side in &*sides {
        let mut connection = Connection::open(side.server()?.port)?;
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for nth in 0..SAMPLE {
            // One of each ten has three times as many projects as the others.
            let key = 1 + nth * (side.company.employees / SAMPLE) + nth % 10;
            let answer = connection.ask(&Operation::Mission.graphql().with(key, 1))?;
            let objects =
                answer.matches("\"name\":").count() + answer.matches("\"title\":").count();
            found.entry(objects).or_default().push(key);
        }
        by_size.push(found);
    }
    let mut equal = Vec::new();
    for size in by_size[0].keys() {
        let of_size: Option<Vec<_>> = by_size.iter().map(|found| found.get(size)).collect();
        let of_size = of_size.unwrap_or_default();
        let count = of_size.iter().map(|keys| keys.len()).min().unwrap_or(0);
        equal
            .extend((0..count).map(|nth| of_size.iter().map(|keys| keys[nth]).collect::<Vec<_>>()));
    }
    if equal.is_empty() {
        return Err("no answers are of equal size".into());
    }
    let step = equal.len().div_ceil(KEYS);
    for (nth, side) in sides.iter_mut().enumerate() {
        side.keys = equal.iter().step_by(step).map(|keys| keys[nth]).collect();
    }
    Ok(())
}

fn sizes(
    database: Database,
    sides: &mut [Side],
    programs: &Programs,
    settings: &Settings,
) -> Result<Table> {
    let mut table = Table::new(
        &[
            "Answer",
            "Assignments",
            "Bytes",
            "Rows",
            "Statements",
            "Blocks",
            "Connections",
            "Requests/s",
            "p50 µs",
            "CPU µs",
            "Database CPU µs",
            "Both",
            "Ratio",
            "Target",
            "Holds",
        ],
        1,
    );
    let cases: Vec<Vec<Case>> = sides.iter().map(Side::cases).collect::<Result<_>>()?;
    for nth in 0..cases[0].len() {
        let name = &cases[0][nth].name;
        progress(&format!("{}: {name}", database.title()));
        let mut reads = Vec::new();
        for (side, cases) in sides.iter_mut().zip(&cases) {
            let blocks = match database {
                Database::Sqlite => None,
                Database::Postgres => Some(side.blocks(&cases[nth], programs)?),
            };
            reads.push((side.answers(&cases[nth])?, blocks));
        }
        let bytes = |nth: usize| reads[nth].0[0];
        if (1..reads.len()).any(|nth| !(1.0 / EQUAL..EQUAL).contains(&(bytes(nth) / bytes(0)))) {
            return Err(format!("answers of {name} differ in size: {reads:?}").into());
        }
        for connections in [1, 32] {
            let mut measures = vec![Vec::new(); sides.len()];
            for round in 0..=settings.rounds {
                for ((side, cases), measures) in sides.iter().zip(&cases).zip(&mut measures) {
                    let measure =
                        side.drive(database, &cases[nth], connections, settings.seconds)?;
                    if round > 0 {
                        measures.push(measure);
                    }
                }
            }
            let medians: Vec<_> = measures.iter().map(|measures| median(measures)).collect();
            let cost = |measure: &Measure| measure.cpu + measure.database_cpu;
            for ((side, measure), ([bytes, rows, statements], blocks)) in
                sides.iter().zip(&medians).zip(&reads)
            {
                let mut row = vec![name.clone(), thousands(side.assignments())];
                row.extend([*bytes, *rows].map(|figure| thousands(figure.round() as u64)));
                row.push(figure(*statements));
                row.push(blocks.map_or("–".to_owned(), figure));
                row.push(connections.to_string());
                row.extend([measure.per_second, measure.p50].map(figure));
                row.extend([measure.cpu, measure.database_cpu, cost(measure)].map(figure));
                let ratio = cost(measure) / cost(&medians[0]);
                row.extend([
                    format!("{ratio:.2}"),
                    format!("≤ {TARGET:.2}"),
                    verdict(ratio <= TARGET),
                ]);
                table.row(row);
            }
        }
    }
    Ok(table)
}

/// Measures the memory of the server during half a minute of `nested`.
fn memory(database: Database, side: &Side) -> Result<Table> {
    progress(&format!("{}: memory under nested", database.title()));
    let mut table = Table::new(&["nested at 32 connections", "Resident MiB", "Peak MiB"], 1);
    let case = Case {
        name: "nested".to_owned(),
        request: Operation::Nested.graphql(),
        keys: Vec::new(),
    };
    for after in [10, 20, 30] {
        let measure = side.drive(database, &case, 32, 10)?;
        let resident = machine::resident_memory(side.server()?.pid())? as f64 / 1024.0;
        table.row(vec![
            format!("after {after} s"),
            figure(resident),
            figure(measure.peak),
        ]);
    }
    Ok(table)
}
