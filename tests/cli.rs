//! The program as its user meets it: commands, files, exit codes, signals.
//!
//! Everything about databases runs on SQLite, and on PostgreSQL too when `TEST_DATABASE_URL` is set.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use entity::{assignment, employee, employee_meeting, meeting, project};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, Database, DatabaseBackend,
    DatabaseConnection, EntityTrait, PaginatorTrait, QueryOrder, Statement,
};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn help_says_where_to_begin() {
    let home = Home::sqlite();
    let nothing = home.roster(&[]);
    assert_eq!(nothing.code, 2);
    let help = home.roster(&["--help"]);
    assert_eq!(help.code, 0);
    for text in [nothing.stderr, help.stdout] {
        assert!(text.contains("Begin with `roster demo`"), "{text}");
    }
    let serve = home.roster(&["serve", "--help"]).stdout;
    for setting in [
        "DATABASE_URL",
        "HOST",
        "PORT",
        "127.0.0.1",
        "8000",
        "sqlite:roster.db",
        "--limit",
        "LIMITS",
        "`roster limits`",
    ] {
        assert!(serve.contains(setting), "{setting} is not in {serve}");
    }
}

#[test]
fn unknown_flags_and_values_are_usage_errors() {
    let home = Home::sqlite();
    assert_eq!(home.roster(&["serve", "--prot", "1"]).code, 2);
    assert_eq!(home.roster(&["serve", "--port", "70000"]).code, 2);
    assert_eq!(home.roster(&["seed", "--employees", "many"]).code, 2);
    assert_eq!(home.roster(&["serve", "--limit", "cots=5"]).code, 2);
}

#[test]
fn schema_is_checked_against_a_file() {
    let home = Home::sqlite();
    let schema = home.roster(&["schema"]);
    assert_eq!(schema.code, 0);
    assert!(schema.stdout.contains("type Query"));
    assert!(!home.file("roster.db").exists(), "schema needs no database");

    let missing = home.roster(&["schema", "--check"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("cannot read schema.graphql"),
        "{}",
        missing.stderr
    );

    fs::write(home.file("schema.graphql"), &schema.stdout).unwrap();
    assert_eq!(home.roster(&["schema", "--check"]).code, 0);

    let windows = schema.stdout.replace('\n', "\r\n");
    fs::write(home.file("other.graphql"), windows).unwrap();
    assert_eq!(home.roster(&["schema", "--check", "other.graphql"]).code, 0);

    fs::write(
        home.file("other.graphql"),
        format!("{}\ntype X\n", schema.stdout),
    )
    .unwrap();
    let stale = home.roster(&["schema", "--check", "other.graphql"]);
    assert_eq!(stale.code, 1);
    assert!(
        stale.stderr.contains("`roster schema > other.graphql`"),
        "{}",
        stale.stderr
    );
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let mut child = Home::sqlite().command(&["schema"]).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn seed_creates_and_migrates_the_default_file() {
    let home = Home::sqlite();
    let seed = home.roster(&["seed"]);
    assert_eq!(seed.code, 0, "{}", seed.stderr);
    assert!(
        seed.stdout
            .contains("4 employees, 2 projects, 3 assignments"),
        "{}",
        seed.stdout
    );
    assert!(seed.stdout.contains("roster serve"), "{}", seed.stdout);
    assert!(home.file("roster.db").exists());
    assert!(!home.file("roster.db-wal").exists(), "closed in good order");
}

#[tokio::test]
async fn the_lesson_is_as_the_lesson_says() {
    for home in migrated_homes().await {
        home.roster(&["seed"]).ok();
        let rows = home.rows().await;
        assert_eq!(
            rows,
            json!({
                "employees": [
                    [1, "Uri Lee", "2022-05-17"],
                    [2, "Tristan Tal", "2020-01-30"],
                    [3, "Sasha Hao", "2021-12-01"],
                    [4, "Taylor Jai", "2015-01-02"],
                ],
                "meetings": [
                    [1, "Software Engineering Weekly Update", "2023-10-31T09:30:00Z", "Building A, Room 142"],
                    [2, "Github Issues Brainstorming", "2023-12-01T15:15:00Z", "Building D, Room 430"],
                ],
                "projects": [[1, "XYZ Project Flask server", 50000], [2, "XYZ Project React UI", 100000]],
                "assignments": [
                    [1, "Project manager", 1, 1, "2023-05-28T00:00:00Z", "2023-10-30T00:00:00Z"],
                    [2, "Flask programmer", 2, 1, "2023-06-10T00:00:00Z", "2023-10-01T00:00:00Z"],
                    [3, "Flask programmer", 2, 2, "2023-11-01T00:00:00Z", "2024-02-01T00:00:00Z"],
                ],
                "attendances": [[1, 1], [1, 2], [2, 2], [3, 2], [4, 2]],
                "versions": 1,
            })
        );
    }
}

#[tokio::test]
async fn seeding_twice_is_refused_and_changes_nothing() {
    for home in migrated_homes().await {
        home.roster(&["seed"]).ok();
        let before = home.rows().await;
        for again in [&["seed"][..], &["seed", "--employees", "10"]] {
            let again = home.roster(again);
            assert_eq!(again.code, 1);
            assert!(
                again.stderr.contains("employees has rows"),
                "{}",
                again.stderr
            );
            assert!(
                again.stderr.contains("roster seed --reset"),
                "{}",
                again.stderr
            );
        }
        assert_eq!(home.rows().await, before);
    }
}

#[tokio::test]
async fn resetting_gives_the_same_rows_and_ids() {
    for home in migrated_homes().await {
        home.roster(&["seed", "--reset"]).ok();
        let first = home.rows().await;
        let added = home.add_employee().await;
        assert_eq!(added, 5, "ids go on after the lesson's");

        home.roster(&["seed", "--reset"]).ok();
        assert_eq!(home.rows().await, first);
        assert_eq!(home.add_employee().await, 5);
    }
}

#[tokio::test]
async fn a_database_whose_ids_were_used_is_not_seeded() {
    for home in migrated_homes().await {
        home.add_employee().await;
        let connection = home.connect().await;
        employee::Entity::delete_many()
            .exec(&connection)
            .await
            .unwrap();

        let seed = home.roster(&["seed"]);
        assert_eq!(seed.code, 1);
        assert!(
            seed.stderr.contains("ids were given out before"),
            "{}",
            seed.stderr
        );
        home.roster(&["seed", "--reset"]).ok();
    }
}

#[tokio::test]
async fn a_made_up_company_is_as_large_as_asked_and_always_the_same() {
    let size = [
        "--employees",
        "1000",
        "--projects",
        "100",
        "--assignments",
        "5000",
        "--meetings",
        "50",
        "--attendances",
        "3000",
    ];
    let mut companies = Vec::new();
    for home in migrated_homes().await {
        let seed = home.roster(&[&["seed"], &size[..]].concat()).ok();
        assert!(seed.stdout.contains(
            "1000 employees, 100 projects, 5000 assignments, 50 meetings and 3000 attendances"
        ));
        companies.push(home.rows().await);

        home.roster(&[&["seed", "--reset"], &size[..]].concat())
            .ok();
        companies.push(home.rows().await);
        assert_eq!(home.add_employee().await, 1001);
    }
    let first = &companies[0];
    assert!(companies.iter().all(|company| company == first));
    for (table, count) in [
        ("employees", 1000),
        ("projects", 100),
        ("assignments", 5000),
        ("meetings", 50),
        ("attendances", 3000),
    ] {
        assert_eq!(first[table].as_array().unwrap().len(), count, "{table}");
    }
}

#[tokio::test]
async fn a_made_up_company_has_the_shapes_that_queries_meet() {
    let home = Home::sqlite();
    home.roster(&["seed", "--employees", "5000"]).ok();
    let number = async |sql: String| home.number(&sql).await;
    let count = |rows: &str| number(format!("SELECT count(*) FROM {rows}"));
    assert_eq!(count("assignments").await, 25_000.0);
    assert_eq!(count("employee_meetings").await, 20_000.0);
    let large = "(SELECT 1 FROM assignments GROUP BY project_id \
                  HAVING count(DISTINCT employee_id) = 200)";
    assert!(count(large).await >= 40.0);
    let returned = "(SELECT 1 FROM assignments GROUP BY employee_id, project_id \
                     HAVING count(*) > 1)";
    assert!(count(returned).await > 100.0);

    let busy = count("assignments WHERE employee_id % 10 = 1").await / 500.0;
    let other = count("assignments WHERE employee_id % 10 <> 1").await / 4_500.0;
    assert!(
        (2.5..3.5).contains(&(busy / other)),
        "{busy} against {other}"
    );
    for (table, column) in [
        ("meetings", "location"),
        ("projects", "budget"),
        ("assignments", "role"),
        ("assignments", "start_date"),
        ("assignments", "end_date"),
    ] {
        let nulls = number(format!("SELECT avg({column} IS NULL) FROM {table}")).await;
        assert!((0.03..0.5).contains(&nulls), "{table}.{column}: {nulls}");
    }
    let statistics = count("sqlite_stat1 WHERE tbl = 'assignments'").await;
    assert!(statistics > 0.0, "the planner knows the rows");
}

#[tokio::test]
async fn seeded_times_are_written_as_the_entities_write_them() {
    let home = Home::sqlite();
    home.roster(&["seed"]).ok();
    let connection = home.connect().await;
    let lessons = meeting::Entity::find_by_id(1)
        .one(&connection)
        .await
        .unwrap()
        .unwrap();
    let ours = meeting::ActiveModel {
        topic: Set("Written by SeaORM".to_owned()),
        scheduled_time: Set(lessons.scheduled_time),
        ..Default::default()
    };
    ours.insert(&connection).await.unwrap();
    let same = "SELECT count(DISTINCT scheduled_time) FROM meetings WHERE id <> 2";
    assert_eq!(home.number(same).await, 1.0);
}

#[tokio::test]
async fn the_smallest_and_the_fullest_companies_are_possible() {
    let home = Home::sqlite();
    for size in [
        ["0", "0", "0", "0", "0"],
        ["0", "5", "0", "5", "0"],
        ["1", "1", "100", "1", "1"],
        ["7", "3", "2100", "5", "35"],
        ["200", "2", "30000", "1", "200"],
    ] {
        let [employees, projects, assignments, meetings, attendances] = size;
        home.roster(&[
            "seed",
            "--reset",
            "--employees",
            employees,
            "--projects",
            projects,
            "--assignments",
            assignments,
            "--meetings",
            meetings,
            "--attendances",
            attendances,
        ])
        .ok();
        let connection = home.connect().await;
        let count = assignment::Entity::find().count(&connection).await.unwrap();
        assert_eq!(count.to_string(), assignments);
        let count = employee_meeting::Entity::find()
            .count(&connection)
            .await
            .unwrap();
        assert_eq!(count.to_string(), attendances);
    }
}

#[test]
fn an_impossible_company_is_refused() {
    let home = Home::sqlite();
    let crowded = home.roster(&[
        "seed",
        "--employees",
        "3",
        "--meetings",
        "2",
        "--attendances",
        "7",
    ]);
    assert_eq!(crowded.code, 1);
    assert!(
        crowded.stderr.contains("at most 6 attendances, not 7"),
        "{}",
        crowded.stderr
    );
    let idle = home.roster(&["seed", "--employees", "0", "--assignments", "1"]);
    assert_eq!(idle.code, 1);
    assert!(
        idle.stderr.contains("at most 0 assignments, not 1"),
        "{}",
        idle.stderr
    );
}

#[tokio::test]
async fn migrations_go_up_and_down_and_start_afresh() {
    for home in homes().await {
        let count = |output: &Output, word: &str| {
            output
                .stdout
                .lines()
                .filter(|line| line.starts_with(word))
                .count()
        };
        let status = home.roster(&["migrate", "status"]).ok();
        let all = count(&status, "pending");
        assert!(all >= 5, "{}", status.stdout);

        let up = home.roster(&["migrate", "up"]).ok();
        assert_eq!((count(&up, "applied"), count(&up, "pending")), (all, 0));
        let down = home.roster(&["migrate", "down"]).ok();
        assert_eq!(
            (count(&down, "applied"), count(&down, "pending")),
            (all - 1, 1)
        );
        let down = home.roster(&["migrate", "down", "99"]).ok();
        assert_eq!(count(&down, "pending"), all);

        home.roster(&["migrate", "up"]).ok();
        // Enough for statistics, which SQLite keeps in tables of their own.
        home.roster(&["seed", "--employees", "2000"]).ok();
        let fresh = home.roster(&["migrate", "fresh", "--force"]).ok();
        assert_eq!(count(&fresh, "applied"), all);
        home.roster(&["seed"]).ok();
    }
}

#[tokio::test]
async fn stale_copies_are_counted_and_repaired() {
    for home in homes().await {
        if home.postgres.is_some() {
            let early = home.roster(&["migrate", "repair"]);
            assert_eq!(early.code, 1);
            assert!(
                early.stderr.contains("roster migrate up"),
                "{}",
                early.stderr
            );
        }
        home.roster(&["migrate", "up"]).ok();
        // More assignments than are looked at in one step.
        home.roster(&["seed", "--employees", "2400"]).ok();
        let status = home.roster(&["migrate", "status"]).ok();
        assert!(!status.stdout.contains("Stale"), "{}", status.stdout);

        let connection = home.connect().await;
        let triggers = match connection.get_database_backend() {
            DatabaseBackend::Sqlite => "DROP TRIGGER tr_assignments_update",
            _ => "ALTER TABLE assignments DISABLE TRIGGER USER",
        };
        let damage = "UPDATE assignments SET employee_name = '?' WHERE id % 2 = 1";
        for statement in [triggers, damage] {
            connection.execute_unprepared(statement).await.unwrap();
        }
        let status = home.roster(&["migrate", "status"]).ok();
        for part in ["names: 6000.", "`roster migrate repair`"] {
            assert!(status.stdout.contains(part), "{}", status.stdout);
        }
        let repair = home.roster(&["migrate", "repair"]).ok();
        assert!(
            repair.stdout.contains("corrected: 6000."),
            "{}",
            repair.stdout
        );
        let status = home.roster(&["migrate", "status"]).ok();
        assert!(!status.stdout.contains("Stale"), "{}", status.stdout);
        let repair = home.roster(&["migrate", "repair"]).ok();
        assert!(repair.stdout.contains("corrected: 0."), "{}", repair.stdout);
    }
}

#[tokio::test]
async fn postgres_is_migrated_only_when_asked() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    for command in [&["serve", "--port", "0"][..], &["seed"]] {
        let refused = home.roster(command);
        assert_eq!(refused.code, 1);
        for part in [
            "create_employees",
            "create_assignments",
            "roster migrate up",
            "--migrate",
        ] {
            assert!(
                refused.stderr.contains(part),
                "{part} is not in {}",
                refused.stderr
            );
        }
    }
    let server = home.serve(&["serve", "--migrate", "--port", "0"]);
    server.terminate().ok();
    home.roster(&["seed"]).ok();
}

#[tokio::test]
async fn several_servers_start_at_once_on_an_empty_database() {
    for home in homes().await {
        let command = ["serve", "--migrate", "--port", "0"];
        let children: Vec<_> = (0..4)
            .map(|_| home.command(&command).spawn().unwrap())
            .collect();
        for server in children.into_iter().map(Server::wait) {
            assert_eq!(server.get("/health/ready").await.0, 200);
            server.terminate().ok();
        }
    }
}

#[test]
fn a_taken_port_is_named_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = Home::sqlite();
    for command in ["serve", "demo"] {
        let refused = home.roster(&[command, "--port", &port]);
        assert_eq!(refused.code, 1);
        for part in [port.as_str(), "is taken", "--port"] {
            assert!(
                refused.stderr.contains(part),
                "{part} is not in {}",
                refused.stderr
            );
        }
    }
    assert!(!home.file("roster.db").exists());
}

#[test]
fn an_unusable_database_is_one_clear_line_without_the_password() {
    let home = Home::sqlite();
    fs::write(
        home.file("text"),
        "not a database, but long enough to be looked at",
    )
    .unwrap();
    for (url, says) in [
        (" ", "must begin with sqlite: or postgres:"),
        (
            "mysql://me:secret@localhost/roster",
            "must begin with sqlite: or postgres:",
        ),
        ("sqlite::memory:", "roster demo"),
        (
            "sqlite:missing/roster.db",
            "missing/roster.db: unable to open database file",
        ),
        ("sqlite:text", "file is not a database"),
        ("sqlite:roster.db?password=secret", "not understood"),
        (
            "postgres://me:secret@127.0.0.1:1/roster",
            "127.0.0.1:1 did not answer",
        ),
        (
            "postgres://me:secret@nowhere.invalid/roster",
            "nowhere.invalid:5432",
        ),
        ("postgres://me:secret@@127.0.0.1:x/roster", "not understood"),
    ] {
        for command in [&["serve", "--port", "0"][..], &["seed"], &["migrate", "up"]] {
            let refused = home
                .command(command)
                .env("DATABASE_URL", url)
                .env("DATABASE_WAIT", "0")
                .env("RUST_LOG", "trace,hickory=off")
                .output()
                .unwrap();
            let text = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
            assert_eq!(refused.status.code(), Some(1), "{url}: {text}");
            assert!(!text.contains("secret"), "{url}: {text}");
            let last = text.lines().last().unwrap();
            assert!(
                last.starts_with("error: ") && last.contains(says),
                "{url}: {last}"
            );
        }
    }
}

#[tokio::test]
async fn a_trace_of_everything_shows_no_password() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    // Where PostgreSQL trusts, it does not look at the password.
    let url = home.url.replacen("@", ":secret@", 1);
    let output = home
        .command(&["migrate", "up"])
        .env("DATABASE_URL", url)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{text}");
    // Below the default level.
    assert!(text.contains("sea_orm_migration") && !text.contains("secret"));
}

#[tokio::test]
async fn demo_answers_and_leaves_nothing_behind() {
    let home = Home::sqlite();
    let server = home.serve(&["demo", "--port", "0"]);
    assert_eq!(server.get("/health/live").await.0, 200);
    assert_eq!(server.get("/health/ready").await.0, 200);
    let (status, page) = server.get("/").await;
    assert!(status == 200 && page.contains("graphql"));

    let query =
        "{ employee(id: \"emp_2\") { projects { nodes { title employees { nodes { name } } } } } }";
    let client = reqwest::Client::new();
    let answer = client
        .post(format!("{}/graphql", server.url))
        .json(&json!({ "query": query }))
        .send();
    let answer: Value = answer.await.unwrap().json().await.unwrap();
    assert_eq!(
        answer["data"]["employee"]["projects"]["nodes"],
        json!([
            {
                "title": "XYZ Project Flask server",
                "employees": { "nodes": [{ "name": "Tristan Tal" }, { "name": "Uri Lee" }] },
            },
            {
                "title": "XYZ Project React UI",
                "employees": { "nodes": [{ "name": "Tristan Tal" }] },
            },
        ])
    );

    let directory = home.only_directory("roster-demo-");
    server.terminate().ok();
    assert!(!directory.exists());
}

#[tokio::test]
async fn get_runs_queries_and_nothing_else() {
    let home = Home::sqlite();
    let server = home.serve(&["serve", "--port", "0"]);
    let (status, body) = server.get("/graphql?query=%7B__typename%7D").await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"data":{"__typename":"Query"}}"#)
    );
    let (status, _) = server.get("/graphql?query=mutation%7B__typename%7D").await;
    assert_eq!(status, 405);
    let two = "/graphql?query=query+a%7B__typename%7Dmutation+b%7B__typename%7D&operationName=";
    assert_eq!(server.get(&format!("{two}a")).await.0, 200);
    assert_eq!(server.get(&format!("{two}b")).await.0, 405);
    server.terminate().ok();
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let home = Home::sqlite();
    let server = home.serve(&["serve", "--port", "0"]);
    // A request whose body never comes keeps the first signal waiting.
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck
        .write_all(b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        .unwrap();
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    server.signal("-TERM");
    thread::sleep(Duration::from_millis(500));
    let output = server.terminate();
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("second signal"), "{}", output.stderr);
    assert!(start.elapsed() < Duration::from_secs(3));
}

/// A directory of its own for each test, in which the program runs, and its database.
pub struct Home {
    directory: TempDir,
    url: String,
    postgres: Option<String>,
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
    fn only_directory(&self, prefix: &str) -> PathBuf {
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

    async fn add_employee(&self) -> i64 {
        let employee = employee::ActiveModel {
            name: Set("Somebody Else".to_owned()),
            hire_date: Set("2024-02-29".parse().unwrap()),
            ..Default::default()
        };
        employee.insert(&self.connect().await).await.unwrap().id
    }

    /// The one number that a statement for SQLite gives.
    async fn number(&self, sql: &str) -> f64 {
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
    child: Child,
    pub url: String,
    stderr: Option<thread::JoinHandle<String>>,
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

    fn read(from: &mut impl BufRead, urls: &std::sync::mpsc::Sender<String>) -> String {
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

    fn signal(&self, signal: &str) {
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
