//! The measured programs: built, started, queried, ended.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    console::{Result, progress},
    http::Connection,
    machine::{self, Placement},
    operations::{Operation, Request},
    settings::Settings,
};

/// Time limit of the first answer of a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// Paths of the programs.
pub(crate) struct Programs {
    pub roster: PathBuf,
    pub floor: PathBuf,
}

impl Programs {
    /// Builds the programs without a given path, one by one: in one build they would share features.
    pub(crate) fn get(settings: &Settings, with_floor: bool) -> Result<Self> {
        let roster = match &settings.roster {
            Some(path) => path.clone(),
            None => build("server", "roster")?,
        };
        let floor = match &settings.floor {
            Some(path) => path.clone(),
            None if with_floor => build("floor", "floor")?,
            None => PathBuf::new(),
        };
        Ok(Self { roster, floor })
    }
}

fn build(package: &str, program: &str) -> Result<PathBuf> {
    progress(&format!(
        "building {program}, which takes minutes the first time"
    ));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // The variables that cargo sets for this program would cause rebuilds.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    let output = command
        .current_dir(root())
        .args(["build", "--release", "--locked", "--package", package])
        .args(["--bin", program, "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{program} does not build").into());
    }
    let artifact = String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == program)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    artifact.ok_or_else(|| format!("cargo printed no path of {program}").into())
}

/// The workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Kind of a server, which decides on the form of requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Roster,
    /// By hand: tokio-postgres or rusqlite.
    Floor,
    /// By hand: SQLite through SQLx.
    SqlxFloor,
}

impl Kind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Floor => "floor",
            Self::SqlxFloor => "SQLx",
        }
    }

    pub(crate) fn request(self, operation: Operation) -> Request {
        match self {
            Self::Roster => operation.graphql(),
            Self::Floor | Self::SqlxFloor => operation.by_hand(),
        }
    }
}

/// Running server. It ends when this value is dropped.
pub(crate) struct Server {
    pub kind: Kind,
    pub port: u16,
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server on its cores and waits until it answers.
    pub(crate) fn start(kind: Kind, programs: &Programs, url: &str, log: &Path) -> Result<Self> {
        let port = free_port()?;
        let program = match kind {
            Kind::Roster => &programs.roster,
            Kind::Floor | Kind::SqlxFloor => &programs.floor,
        };
        // The number of its threads follows from the cores at the start.
        let mut command = machine::on_cores(&Placement::of(u64::MAX).server, program);
        command.args(match kind {
            Kind::Roster => &["serve"][..],
            Kind::Floor => &[],
            Kind::SqlxFloor => &["--sqlx"],
        });
        command.args(["--port", &port.to_string(), "--database-url", url]);
        Self::run(kind, command, port, log)
    }

    /// Starts a server by a given command and waits until it answers.
    pub(crate) fn run(kind: Kind, mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        without_settings(&mut command);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", kind.title()))?;
        let mut server = Self {
            kind,
            port,
            process,
            log: log.to_owned(),
        };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let request = self.kind.request(Operation::Point).with(1, 1);
        let start = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.port) {
                connection.ask(&request)?;
                return Ok(());
            }
            let ended = self.process.try_wait()?.is_some();
            if ended || start.elapsed() > PATIENCE {
                return Err(format!(
                    "{} does not answer; its log:\n{}",
                    self.kind.title(),
                    fs::read_to_string(&self.log)?
                )
                .into());
            }
            sleep(Duration::from_micros(500));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Returns the answer to a request.
    pub(crate) fn answer(&self, request: &Request) -> Result<String> {
        Connection::open(self.port)?.ask(request)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended already. SIGTERM lets it close its database.
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Removes environment variables that would be settings of the server.
pub(crate) fn without_settings(command: &mut Command) {
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Returns a free port.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
