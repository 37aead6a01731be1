//! Directories in which the program runs, each with a database of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use entity::{assignment, employee, employee_meeting, meeting, project};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, Database, DatabaseBackend,
    DatabaseConnection, EntityTrait, QueryOrder, Statement,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory of its own for each test, in which the program runs, and its database.
pub struct Home {
    pub directory: TempDir,
    pub url: String,
    pub postgres: Option<String>,
}

/// One with each kind of database, empty and not migrated.
pub async fn homes() -> Vec<Home> {
    [Some(Home::sqlite()), Home::postgres().await]
        .into_iter()
        .flatten()
        .collect()
}

/// The same with their tables, which PostgreSQL gets only when asked for.
pub async fn migrated_homes() -> Vec<Home> {
    let homes = homes().await;
    for home in &homes {
        home.roster(&["migrate", "up"]).ok();
    }
    homes
}

impl Home {
    /// With the default database.
    pub fn sqlite() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: "sqlite:roster.db".to_owned(),
            postgres: None,
        }
    }

    /// With a new database, when there is a server for it.
    pub async fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TEST_DATABASE_URL").ok()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("roster_cli_{}_{number}", std::process::id());
        let connection = Database::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
        connection.execute_unprepared(&create).await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Some(Self {
            directory: tempfile::tempdir().unwrap(),
            url: format!("{address}/{name}"),
            postgres: Some(server),
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The only directory here whose name begins so.
    pub fn only_directory(&self, prefix: &str) -> PathBuf {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut found = entries.map(|entry| entry.unwrap().path()).filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(prefix)
        });
        let directory = found.next().unwrap();
        assert!(found.next().is_none());
        directory
    }

    /// The program with nothing in its environment but the database, and that only where it is not
    /// the default.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("TMPDIR", self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.postgres.is_some() {
            command.env("DATABASE_URL", &self.url);
        }
        command
    }

    pub fn roster(&self, arguments: &[&str]) -> Output {
        Output::of(self.command(arguments).spawn().unwrap())
    }

    pub fn serve(&self, arguments: &[&str]) -> Server {
        Server::wait(self.command(arguments).spawn().unwrap())
    }

    pub async fn connect(&self) -> DatabaseConnection {
        Database::connect(self.database_url()).await.unwrap()
    }

    pub fn database_url(&self) -> String {
        match &self.postgres {
            Some(_) => self.url.clone(),
            None => format!("sqlite:{}", self.file("roster.db").display()),
        }
    }

    pub async fn add_employee(&self) -> i64 {
        let employee = employee::ActiveModel {
            name: Set("Somebody Else".to_owned()),
            hire_date: Set("2024-02-29".parse().unwrap()),
            ..Default::default()
        };
        employee.insert(&self.connect().await).await.unwrap().id
    }

    /// The one number that a statement for SQLite gives.
    pub async fn number(&self, sql: &str) -> f64 {
        let sql = format!("SELECT 1.0 * ({sql})");
        let statement = Statement::from_string(DatabaseBackend::Sqlite, sql);
        let row = self.connect().await.query_one_raw(statement).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// All rows of all tables.
    pub async fn rows(&self) -> Value {
        let connection = &self.connect().await;
        let employees = employee::Entity::find().order_by_asc(employee::Column::Id);
        let meetings = meeting::Entity::find().order_by_asc(meeting::Column::Id);
        let projects = project::Entity::find().order_by_asc(project::Column::Id);
        let assignments = assignment::Entity::find().order_by_asc(assignment::Column::Id);
        let attendances = employee_meeting::Entity::find()
            .order_by_asc(employee_meeting::Column::EmployeeId)
            .order_by_asc(employee_meeting::Column::MeetingId);

        let mut version = 1;
        let mut values = serde_json::Map::new();
        let mut keep = |table: &str, rows: Vec<Value>| values.insert(table.to_owned(), rows.into());
        let rows = employees.all(connection).await.unwrap();
        version = rows.iter().map(|row| row.version).fold(version, i32::max);
        let rows = rows
            .into_iter()
            .map(|row| json!([row.id, row.name, row.hire_date]));
        keep("employees", rows.collect());
        let rows = meetings.all(connection).await.unwrap();
        version = rows.iter().map(|row| row.version).fold(version, i32::max);
        let rows = rows
            .into_iter()
            .map(|row| json!([row.id, row.topic, row.scheduled_time, row.location]));
        keep("meetings", rows.collect());
        let rows = projects.all(connection).await.unwrap();
        version = rows.iter().map(|row| row.version).fold(version, i32::max);
        let rows = rows
            .into_iter()
            .map(|row| json!([row.id, row.title, row.budget]));
        keep("projects", rows.collect());
        let rows = assignments.all(connection).await.unwrap();
        version = rows.iter().map(|row| row.version).fold(version, i32::max);
        let rows = rows.into_iter().map(|row| {
            json!([
                row.id,
                row.role,
                row.employee_id,
                row.project_id,
                row.start_date,
                row.end_date
            ])
        });
        keep("assignments", rows.collect());
        let rows = attendances.all(connection).await.unwrap();
        let rows = rows
            .into_iter()
            .map(|row| json!([row.employee_id, row.meeting_id]));
        keep("attendances", rows.collect());
        values.insert("versions".to_owned(), version.into());
        values.into()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let Some(server) = self.postgres.take() else {
            return;
        };
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let sql = format!("DROP DATABASE {name} WITH (FORCE)");
        // A drop cannot await, and the test's runtime cannot be blocked from within.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let connection = Database::connect(server).await.unwrap();
                connection.execute_unprepared(&sql).await.unwrap();
            });
        });
        if dropped.join().is_err() && !thread::panicking() {
            panic!("the database of the test is left behind");
        }
    }
}

/// What a finished program has left.
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert!(
            !self.stderr.contains("error") && !self.stderr.contains("panicked"),
            "{}",
            self.stderr
        );
        self
    }
}

/// A server in a process of its own, ended with the test at the latest.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub stderr: Option<thread::JoinHandle<String>>,
}

impl Server {
    /// Waits until the server has said where it listens: `serve` in its log, `demo` to its user.
    pub fn wait(mut child: Child) -> Self {
        let (said, urls) = std::sync::mpsc::channel();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let said_too = said.clone();
        thread::spawn(move || Self::read(&mut stdout, &said_too));
        let stderr = thread::spawn(move || Self::read(&mut stderr, &said));
        let url = urls.recv_timeout(Duration::from_secs(30));
        let url = url.unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("the server did not start")
        });
        Self {
            child,
            url,
            stderr: Some(stderr),
        }
    }

    pub fn read(from: &mut impl BufRead, urls: &std::sync::mpsc::Sender<String>) -> String {
        let mut text = String::new();
        loop {
            let before = text.len();
            if from.read_line(&mut text).unwrap_or(0) == 0 {
                return text;
            }
            if let Some((_, address)) = text[before..].split_once("http://") {
                let address = address.split(['/', ' ']).next().unwrap().trim();
                let _ = urls.send(format!("http://{address}"));
            }
        }
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// SIGTERM, and what comes of it.
    pub fn terminate(mut self) -> Output {
        self.signal("-TERM");
        let deadline = Instant::now() + Duration::from_secs(12);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("the server did not end"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        Output {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
