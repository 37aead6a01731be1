//! Whether the same answer costs the same from a large company and from deep in a list, and whether
//! memory stays flat.

use std::collections::BTreeMap;

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

const SMALL: u64 = 10_000;

/// Largest ratio of the cost of the same answer.
const TARGET: f64 = 1.3;

/// Employees of each company in the search for answers of equal size.
const SAMPLE: u64 = 1_000;

/// Employees in the requests: few enough for their rows to be in memory.
const KEYS: usize = 200;

/// The first page of all employees by name, and pages after a cursor.
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

/// A page of the people of a large project.
const TEAM_PAGE: &str = "\
query TeamPage($after: String) {
  project(id: \"prj_1\") { employees(first: 10, after: $after) { nodes { name } } }
}";

const TEAM_CURSOR: &str = "\
query TeamCursor($first: Int!) {
  project(id: \"prj_1\") { employees(first: $first) { pageInfo { endCursor } } }
}";

/// Measures and prints.
pub(crate) fn run(settings: &Settings, large: u64) -> Result<()> {
    machine::need("wrk")?;
    let programs = Programs::get(settings, false)?;
    print(&report::origin(settings)?)?;
    for database in settings.databases() {
        let directory = TempDir::with_prefix("roster-bench-")?;
        let mut sides = Vec::new();
        for employees in [SMALL, large] {
            let company = Dataset::make(database, employees, &programs, settings, &directory)?;
            let log = directory.path().join(format!("{employees}.log"));
            // Before the database, which cannot go while it is in use.
            let server = Server::start(Kind::Roster, &programs, &company.url(), &log)?;
            sides.push(Side {
                server,
                company,
                keys: Vec::new(),
            });
        }
        progress("looking for answers of equal size");
        let objects = equal_answers(&mut sides)?;
        print(&format!("\n### {}\n", database.title()))?;
        print(&sizes(database, &sides, objects, settings)?.to_string())?;
        print(&depths(database, &sides, settings)?.to_string())?;
        print(&memory(database, &sides[0])?.to_string())?;
    }
    Ok(())
}

/// A company and its server.
struct Side {
    server: Server,
    company: Dataset,
    /// Employees whose answers are compared with those of the other side's.
    keys: Vec<u64>,
}

impl Side {
    fn drive(
        &self,
        database: Database,
        request: &Request,
        connections: u64,
        seconds: u64,
    ) -> Result<Measure> {
        let load = Load {
            request,
            connections,
            seconds,
            seed: 1,
            employees: self.company.employees,
            projects: self.company.projects,
            keys: &self.keys,
        };
        load.drive(&self.server, database)
    }
}

/// Picks employees of each side so that there are as many answers of each size on both; says how
/// many objects they have on average.
fn equal_answers(sides: &mut [Side]) -> Result<f64> {
    let mut by_size: Vec<BTreeMap<usize, Vec<u64>>> = Vec::new();
    for side in &*sides {
        let mut connection = Connection::open(side.server.port)?;
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
    let (small, large) = (&by_size[0], &by_size[1]);
    let mut pairs = Vec::new();
    for (&objects, of_small) in small {
        let of_large = large.get(&objects).into_iter().flatten();
        pairs.extend(of_small.iter().zip(of_large).map(|pair| (objects, pair)));
    }
    if pairs.is_empty() {
        return Err("no answers are of equal size".into());
    }
    let step = pairs.len().div_ceil(KEYS);
    let pairs: Vec<_> = pairs.into_iter().step_by(step).collect();
    let objects: usize = pairs.iter().map(|(objects, _)| objects).sum();
    sides[0].keys = pairs.iter().map(|(_, (small, _))| **small).collect();
    sides[1].keys = pairs.iter().map(|(_, (_, large))| **large).collect();
    Ok(objects as f64 / pairs.len() as f64)
}

fn sizes(database: Database, sides: &[Side], objects: f64, settings: &Settings) -> Result<Table> {
    let title = format!("mission, {objects:.0} objects");
    let mut table = Table::new(
        &[
            &title,
            "Connections",
            "Requests/s",
            "p50 µs",
            "CPU µs, both",
            "Ratio",
            "Target",
            "Holds",
        ],
        1,
    );
    let request = Operation::Mission.graphql();
    for connections in [1, 32] {
        progress(&format!("{}: mission at {connections}", database.title()));
        let mut measures = vec![Vec::new(); sides.len()];
        for round in 0..=settings.rounds {
            for (side, measures) in sides.iter().zip(&mut measures) {
                let measure = side.drive(database, &request, connections, settings.seconds)?;
                if round > 0 {
                    measures.push(measure);
                }
            }
        }
        let medians: Vec<_> = measures.iter().map(|measures| median(measures)).collect();
        let names = sides
            .iter()
            .map(|side| format!("of {}", thousands(side.company.employees)));
        rows(&mut table, &[&connections.to_string()], names, &medians);
    }
    Ok(table)
}

/// A row for each, compared with the first.
fn rows(
    table: &mut Table,
    more: &[&str],
    names: impl Iterator<Item = String>,
    measures: &[Measure],
) {
    let cost = |measure: &Measure| measure.cpu + measure.database_cpu;
    for (nth, (name, measure)) in names.zip(measures).enumerate() {
        let mut row = vec![name];
        row.extend(more.iter().map(|&cell| cell.to_owned()));
        row.extend([measure.per_second, measure.p50, cost(measure)].map(figure));
        let ratio = cost(measure) / cost(&measures[0]);
        row.extend(match nth {
            0 => ["", "", ""].map(str::to_owned),
            _ => [
                format!("{ratio:.2}"),
                format!("≤ {TARGET:.2}"),
                verdict(ratio <= TARGET),
            ],
        });
        table.row(row);
    }
}

/// The first page and pages deep in the list, of all employees and of a project's.
fn depths(database: Database, sides: &[Side], settings: &Settings) -> Result<Table> {
    let mut table = Table::new(
        &[
            "Page, at 32 connections",
            "Of",
            "Requests/s",
            "p50 µs",
            "CPU µs, both",
            "Ratio",
            "Target",
            "Holds",
        ],
        2,
    );
    for side in sides {
        progress(&format!(
            "{}: deep pages of {}",
            database.title(),
            side.company.employees
        ));
        let ask = |document, variables| -> Result<Value> {
            let request = graphql(document, variables);
            let answer = Connection::open(side.server.port)?.ask(&request)?;
            Ok(serde_json::from_str(&answer)?)
        };
        let mut all = vec![("first".to_owned(), graphql(PAGE, json!({})))];
        for (depth, name) in DEPTHS {
            let answer = ask(CURSOR, json!({ "name": name }))?;
            let after = &answer["data"]["employees"]["pageInfo"]["endCursor"];
            all.push((depth.to_owned(), graphql(PAGE, json!({ "after": after }))));
        }
        let mut team = vec![("team, first".to_owned(), graphql(TEAM_PAGE, json!({})))];
        for first in [100, 180] {
            let answer = ask(TEAM_CURSOR, json!({ "first": first }))?;
            let after = &answer["data"]["project"]["employees"]["pageInfo"]["endCursor"];
            team.push((
                format!("team, after {first}"),
                graphql(TEAM_PAGE, json!({ "after": after })),
            ));
        }
        for pages in [all, team] {
            let mut measures = vec![Vec::new(); pages.len()];
            for round in 0..=settings.rounds {
                for ((_, request), measures) in pages.iter().zip(&mut measures) {
                    let measure = side.drive(database, request, 32, 1)?;
                    if round > 0 {
                        measures.push(measure);
                    }
                }
            }
            let medians: Vec<_> = measures.iter().map(|measures| median(measures)).collect();
            let names = pages.into_iter().map(|(name, _)| name);
            rows(
                &mut table,
                &[&thousands(side.company.employees)],
                names,
                &medians,
            );
        }
    }
    Ok(table)
}

/// Measures the memory of the server during half a minute of `nested`.
fn memory(database: Database, side: &Side) -> Result<Table> {
    progress(&format!("{}: memory under nested", database.title()));
    let mut table = Table::new(&["nested at 32 connections", "Resident MiB", "Peak MiB"], 1);
    let request = Operation::Nested.graphql();
    for after in [10, 20, 30] {
        let measure = side.drive(database, &request, 32, 10)?;
        let resident = machine::resident_memory(side.server.pid())? as f64 / 1024.0;
        table.row(vec![
            format!("after {after} s"),
            figure(resident),
            figure(measure.peak),
        ]);
    }
    Ok(table)
}
