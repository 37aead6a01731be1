//! Drives a server with wrk and measures its cost.

use std::{path::PathBuf, thread::sleep, time::Duration};

use crate::{
    console::Result,
    database,
    machine::{self, Placement},
    operations::Request,
    program::{Server, root},
    settings::Database,
};

/// Time after which the sessions of requests that wrk has given up have ended.
const SETTLED: Duration = Duration::from_millis(200);

/// Load of one measurement.
pub(crate) struct Load<'a> {
    pub request: &'a Request,
    pub connections: u64,
    pub seconds: u64,
    /// The same seed draws the same keys.
    pub seed: u64,
    /// Numbers of employees and projects to draw keys from.
    pub employees: u64,
    pub projects: u64,
    /// Draw from these employees instead.
    pub keys: &'a [u64],
}

/// Figures of one measurement.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measure {
    pub per_second: f64,
    /// Latency, in microseconds.
    pub p50: f64,
    pub p99: f64,
    /// CPU time for each request, in microseconds.
    pub cpu: f64,
    pub database_cpu: f64,
    /// Peak memory of the server, in MiB.
    pub peak: f64,
    /// Bytes of each answer, with its head.
    pub bytes: f64,
}

impl Measure {
    /// CPU time of the server and the database for each request, in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu + self.database_cpu
    }
}

impl Load<'_> {
    /// Runs the load. Fails if any request fails.
    pub(crate) fn drive(&self, server: &Server, database: Database) -> Result<Measure> {
        let pid = server.pid();
        let placement = Placement::of(self.connections);
        machine::move_to(&placement.server, pid)?;
        if database == Database::Postgres && machine::may_pin_postgres() {
            for session in machine::postgres_sessions(database::NAME) {
                // The session may have ended.
                let _ = machine::move_to(&placement.server, session);
            }
        }
        let database_cpu = || match database {
            Database::Sqlite => 0,
            Database::Postgres => machine::postgres_cpu_time(database::NAME),
        };
        machine::reset_peak_memory(pid)?;
        let before = (machine::cpu_time(pid)?, database_cpu());
        let report = self.wrk(server.port, &placement.wrk)?;
        // A session that ends while its time is read would be lost.
        sleep(SETTLED);
        let after = (machine::cpu_time(pid)?, database_cpu());

        let [requests, duration, failed, p50, p99, bytes] = report[..] else {
            return Err("wrk wrote an unknown report".into());
        };
        if failed > 0 || requests == 0 {
            return Err(format!(
                "{}: {failed} of {requests} requests to {} failed",
                server.kind.title(),
                self.request.path
            )
            .into());
        }
        let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / requests as f64;
        Ok(Measure {
            per_second: requests as f64 / duration as f64 * 1e6,
            p50: p50 as f64,
            p99: p99 as f64,
            cpu: each(before.0, after.0),
            database_cpu: each(before.1, after.1),
            peak: machine::peak_memory(pid)? as f64 / 1024.0,
            bytes: bytes as f64 / requests as f64,
        })
    }

    fn wrk(&self, port: u16, cores: &str) -> Result<Vec<u64>> {
        let threads = self.connections.min(2).to_string();
        let keys: Vec<_> = self.keys.iter().map(u64::to_string).collect();
        let mut wrk = machine::on_cores(cores, "wrk");
        wrk.args(["--threads", &threads])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .args(["--timeout", "20s", "--script"])
            .arg(script())
            .arg(format!("http://127.0.0.1:{port}"))
            .env("BENCH_METHOD", self.request.method)
            .env("BENCH_PATH", &*self.request.path)
            .env("BENCH_EMPLOYEES", self.employees.to_string())
            .env("BENCH_PROJECTS", self.projects.to_string())
            .env("BENCH_SEED", self.seed.to_string())
            .env("BENCH_KEYS", keys.join(","))
            .env_remove("BENCH_BODY");
        if let Some(body) = &self.request.body {
            wrk.env("BENCH_BODY", body);
        }
        let output = wrk.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("bench: "));
        let line = line.ok_or_else(|| {
            let error = String::from_utf8_lossy(&output.stderr);
            format!("wrk failed:\n{text}{error}")
        })?;
        Ok(line
            .split(' ')
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?)
    }
}

fn script() -> PathBuf {
    root().join("bench/wrk.lua")
}

/// Returns the median of each figure.
pub(crate) fn median(measures: &[Measure]) -> Measure {
    let of = |figure: fn(&Measure) -> f64| median_of(measures.iter().map(figure).collect());
    Measure {
        per_second: of(|m| m.per_second),
        p50: of(|m| m.p50),
        p99: of(|m| m.p99),
        cpu: of(|m| m.cpu),
        database_cpu: of(|m| m.database_cpu),
        peak: of(|m| m.peak),
        bytes: of(|m| m.bytes),
    }
}

/// Returns the median; 0 without figures.
pub(crate) fn median_of(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => 0.0,
        count if count % 2 == 1 => figures[count / 2],
        count => f64::midpoint(figures[count / 2 - 1], figures[count / 2]),
    }
}
