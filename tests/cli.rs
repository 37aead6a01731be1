//! The program as its user meets it: commands, files, exit codes, signals.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::home::Home;

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
        "--explain",
        "EXPLAIN",
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
    assert!(status == 200 && page.contains("explorer/main.js"));

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
