//! The process: startup, drain, shutdown, metrics and logs.

use std::{process::Command, time::Duration};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use server::config::DatabaseSettings;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{
    home::migrated_homes,
    program::{Program, command},
    websocket::WebSocket,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Sends a request except for its last byte. Returns when the server reads its body.
async fn almost_sent(url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    let body = json!({ "query": "{ employees { nodes { name } } }" }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let proceed = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *proceed);
    let almost = &body.as_bytes()[..body.len() - 1];
    stream.write_all(almost).await.unwrap();
    stream
}

#[tokio::test]
async fn a_drain_answers_every_request_that_has_begun() {
    let mut program = Program::demo(&[]);
    let mut requests = join_all((0..200).map(|_| almost_sent(&program.url))).await;
    let mut sockets = join_all((0..20).map(|_| WebSocket::try_ready(&program.url))).await;
    for (n, socket) in sockets.iter_mut().flatten().enumerate() {
        if n % 2 == 0 {
            let events = json!({ "query": "subscription { changes { kind } }" });
            socket.subscribe("a", &events).await;
        }
    }
    program.signal("TERM");
    for socket in &mut sockets {
        assert_eq!(socket.as_mut().unwrap().close_code().await, 1001);
    }
    let refused = TcpStream::connect(program.url.trim_start_matches("http://")).await;
    assert!(refused.is_err(), "new connections are let in");
    for stream in &mut requests {
        stream.write_all(b"}").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.ends_with("}}}") || answer.contains("Tristan Tal"),
            "{answer}"
        );
    }
    assert_eq!(
        program.ended(Duration::from_secs(10)).unwrap().code(),
        Some(0)
    );
}

/// A keep-alive connection without a client library, so that a cut request is an error.
struct KeptOpen(BufReader<TcpStream>);

impl KeptOpen {
    async fn open(url: &str) -> Option<Self> {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await;
        stream.ok().map(|stream| Self(BufReader::new(stream)))
    }

    async fn send(&mut self, path: &str) -> std::io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.0.write_all(request.as_bytes()).await
    }

    /// Returns the status and whether the server closes the connection. Fails if the answer is
    /// incomplete.
    async fn answer(&mut self) -> std::io::Result<(u16, bool)> {
        let (mut status, mut length, mut closes) = (None, 0, false);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().ok();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line == "connection: close" {
                closes = true;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok((status, closes))
    }

    async fn ask(&mut self, path: &str) -> std::io::Result<(u16, bool)> {
        self.send(path).await?;
        self.answer().await
    }
}

const QUERY: &str = "/graphql?query=%7Bemployees%7BtotalCount%7D%7D";

#[tokio::test]
async fn requests_during_the_grace_period_are_answered_and_close_their_connection() {
    let mut program = Program::demo(&["--shutdown-grace", "3"]);
    let mut idle = KeptOpen::open(&program.url).await.unwrap();
    let mut probing = KeptOpen::open(&program.url).await.unwrap();
    let mut half = KeptOpen::open(&program.url).await.unwrap();
    for connection in [&mut idle, &mut probing, &mut half] {
        assert_eq!(connection.ask(QUERY).await.unwrap(), (200, false));
    }
    let never_used = KeptOpen::open(&program.url).await.unwrap();
    let mut waiting = KeptOpen::open(&program.url).await.unwrap();
    assert_eq!(waiting.ask("/health/ready").await.unwrap(), (200, false));
    half.0
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: loc")
        .await
        .unwrap();
    program.signal("INT");
    while waiting.ask("/health/live").await.unwrap() != (200, true) {}

    assert_eq!(probing.ask("/health/ready").await.unwrap(), (503, true));
    assert_eq!(idle.ask(QUERY).await.unwrap(), (200, true));
    let mut new = KeptOpen::open(&program.url).await.unwrap();
    assert_eq!(new.ask(QUERY).await.unwrap(), (200, true));
    while KeptOpen::open(&program.url).await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // This request began before the end of the grace period and is completed after it.
    half.0.write_all(b"alhost\r\n\r\n").await.unwrap();
    assert_eq!(half.answer().await.unwrap(), (200, true));
    let ended = program.ended(Duration::from_secs(10)).unwrap();
    assert_eq!(ended.code(), Some(0));
    drop(never_used);
}

#[tokio::test]
async fn a_second_signal_ends_the_grace_period() {
    let mut program = Program::demo(&["--shutdown-grace", "60"]);
    program.signal("TERM");
    let mut open = KeptOpen::open(&program.url).await.unwrap();
    while open.ask("/health/ready").await.unwrap().0 != 503 {
        open = KeptOpen::open(&program.url).await.unwrap();
    }
    program.signal("TERM");
    let ended = program.ended(Duration::from_secs(5)).unwrap();
    assert_eq!(ended.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_of_a_loaded_server_cuts_no_request() {
    // For a thorough run: `DRAIN_ROUNDS=50`.
    let rounds = std::env::var("DRAIN_ROUNDS").map_or(10, |rounds| rounds.parse().unwrap());
    for home in migrated_homes().await {
        let url = home.database_url();
        for round in 0..rounds {
            let arguments = ["serve", "--port", "0", "--database-url", &url];
            let mut program = Program::start(&arguments, &[]);
            let mut load = JoinSet::new();
            for _ in 0..16 {
                load.spawn(ask_until_the_end(program.url.clone()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            program.signal(["TERM", "INT"][round % 2]);
            let counts = load.join_all().await;
            assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
            let ended = program.ended(Duration::from_secs(10)).unwrap();
            assert_eq!(ended.code(), Some(0), "{}", program.log());
        }
    }
}

/// Sends requests over keep-alive connections until the server accepts no more. Panics if a request
/// is not answered. Returns the number of requests.
async fn ask_until_the_end(url: String) -> usize {
    let mut count = 0;
    while let Some(mut connection) = KeptOpen::open(&url).await {
        loop {
            let answer = connection.ask(QUERY).await;
            let (status, closes) =
                answer.unwrap_or_else(|error| panic!("request {count} is cut: {error}"));
            assert_eq!(status, 200);
            count += 1;
            if closes {
                break;
            }
        }
    }
    count
}

#[tokio::test]
async fn without_a_host_the_server_listens_on_both_loopback_addresses() {
    let program = Program::demo(&[]);
    let port = program.url.rsplit_once(':').unwrap().1;
    assert_eq!(program.url, format!("http://127.0.0.1:{port}"));
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    for host in ["[::1]", "localhost", "127.0.0.1"] {
        let answer = reqwest::get(format!("http://{host}:{port}{QUERY}")).await;
        assert_eq!(answer.unwrap().status(), 200, "{host}");
    }
    let taken = command(&["demo", "--port", port], &[]).output().unwrap();
    assert_eq!(taken.status.code(), Some(1));
    let only_v4 = Program::demo(&["--host", "127.0.0.1"]);
    let port = only_v4.url.rsplit_once(':').unwrap().1;
    assert!(TcpStream::connect(format!("[::1]:{port}")).await.is_err());
}

#[test]
fn an_origin_that_can_never_match_is_refused_at_startup() {
    for origin in ["https://x/", "*", "app.example.com", "https://a.example,x"] {
        let refused = command(&["demo", "--port", "0", "--allow-origin", origin], &[]);
        let refused = { refused }.output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{origin}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("like https://"), "{said}");
    }
    Program::demo(&["--allow-origin", "https://a.example,http://localhost:3000"]);
    Program::start(&["demo", "--port", "0"], &[("ALLOW_ORIGIN", "")]);
}

#[tokio::test]
async fn a_stuck_request_delays_shutdown_up_to_a_limit_or_a_second_signal() {
    let mut patient = Program::demo(&["--limit", "body_timeout=100"]);
    let mut hasty = Program::demo(&["--limit", "body_timeout=100"]);
    let _stuck = [
        almost_sent(&patient.url).await,
        almost_sent(&hasty.url).await,
    ];
    patient.signal("TERM");
    hasty.signal("TERM");
    // Both drain when they take no more connections.
    for program in [&patient, &hasty] {
        while KeptOpen::open(&program.url).await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(hasty.ended(Duration::ZERO), None);
    hasty.signal("TERM");
    assert_eq!(hasty.ended(Duration::from_secs(3)).unwrap().code(), Some(1));
    assert_eq!(
        patient.ended(Duration::from_secs(12)).unwrap().code(),
        Some(0)
    );
}

#[test]
fn a_public_address_without_auth_is_refused_with_both_remedies() {
    let refused = command(&["demo", "--host", "0.0.0.0", "--port", "0"], &[])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("JWT_SECRET") && said.contains("--public-without-auth"),
        "{said}"
    );
    Program::demo(&["--host", "0.0.0.0", "--public-without-auth"]);
    Program::start(
        &["demo", "--host", "0.0.0.0", "--port", "0"],
        &[("JWT_SECRET", SECRET)],
    );
    let short = command(&["demo", "--port", "0"], &[("JWT_SECRET", "short")])
        .output()
        .unwrap();
    assert_eq!(short.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&short.stderr).contains("32 bytes"));
}

#[tokio::test]
async fn a_token_from_the_command_line_is_accepted() {
    let secret = [("JWT_SECRET", SECRET)];
    let program = Program::start(&["demo", "--port", "0"], &secret);
    let arguments = [
        "token",
        "--role",
        "viewer",
        "--subject",
        "ann",
        "--expires",
        "1h",
    ];
    let printed = command(&arguments, &secret).output().unwrap();
    let token = String::from_utf8(printed.stdout).unwrap();
    let ask = |bearer: String| {
        let request = reqwest::Client::new().post(format!("{}/graphql", program.url));
        let request = request
            .header("content-type", "application/json")
            .body(r#"{"query": "{ viewer { subject } }"}"#);
        request
            .header("authorization", format!("Bearer {}", bearer.trim()))
            .send()
    };
    let answer = ask(token).await.unwrap();
    assert_eq!(answer.status(), 200);
    let viewer = answer.text().await.unwrap();
    assert_eq!(viewer, r#"{"data":{"viewer":{"subject":"ann"}}}"#);
    assert_eq!(ask("x".to_owned()).await.unwrap().status(), 401);
    let without: Command = command(&["token", "--role", "viewer"], &[]);
    let mut without = without;
    assert!(String::from_utf8_lossy(&without.output().unwrap().stderr).contains("JWT_SECRET"));
}

#[tokio::test]
async fn metrics_and_logs_describe_operations_and_contain_no_values() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let metrics = format!("127.0.0.1:{port}");
    let program = Program::start(
        &[
            "demo",
            "--port",
            "0",
            "--metrics-address",
            &metrics,
            "--log-format",
            "json",
            "--slow-operation",
            "0",
        ],
        &[],
    );
    let post = |body: String| {
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", program.url))
            .body(body);
        request
            .header("content-type", "application/json")
            .header("authorization", "Bearer hidden-token")
            .send()
    };
    let text = "query Named($id: ID!) { employee(id: $id) { name } }";
    let hash = format!("{:x}", Sha256::digest(text));
    let named = json!({ "query": text, "variables": { "id": "hidden-value" } });
    post(named.to_string()).await.unwrap();
    post(json!({ "query": "{ employees(first: 1) { nodes { name } } }" }).to_string())
        .await
        .unwrap();
    post(json!({ "query": format!("{{ employees {{ {} }} }}", (0..51).map(|n| format!("a{n}: totalCount ")).collect::<String>()) }).to_string())
        .await
        .unwrap();
    let text = reqwest::get(format!("http://{metrics}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for expected in [
        r#"roster_operations_total{kind="query",outcome="ok"} 2"#,
        r#"roster_operations_total{kind="none",outcome="LIMIT_EXCEEDED"} 1"#,
        r#"roster_rejected_total{limit="aliases"} 1"#,
        r#"roster_operation_seconds_bucket{kind="query","#,
        &format!(r#"roster_document_seconds_count{{document="{hash}",operation="Named"}} 1"#),
        "roster_rows_total 2",
        "roster_statements_total 1",
        r#"roster_pool_connections{pool="reader","#,
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    let page = reqwest::get(format!("{}/metrics", program.url))
        .await
        .unwrap();
    assert_eq!(page.status(), 404, "figures are for another address");

    let log = program.log();
    let line = log.lines().find(|line| line.contains("Named")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["operation"], "Named");
    assert_eq!(line["outcome"], "ok");
    assert_eq!(line["document"], hash);
    assert!(
        line["request"].is_string()
            && line["milliseconds"].is_number()
            && line["statements"].is_number(),
        "{line}"
    );
    assert!(!log.contains("hidden"), "{log}");
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_log_line_of_a_request_has_its_id_and_its_trace() {
    for format in ["text", "json"] {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseSettings::sqlite(&directory.path().join("roster.db")).database_url;
        let program = Program::start(
            &[
                "serve",
                "--migrate",
                "--port",
                "0",
                "--log-format",
                format,
                "--database-url",
                &url,
            ],
            &[],
        );
        let other = Database::connect(&url).await.unwrap();
        let take_away = "ALTER TABLE employees RENAME TO gone";
        other.execute_unprepared(take_away).await.unwrap();
        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", program.url))
            .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
            .json(&json!({ "query": "{ employees { nodes { name } } }" }))
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        let id = answer["errors"][0]["extensions"]["requestId"].as_str();
        let id = id.unwrap_or_else(|| panic!("{answer}"));
        let logged = async {
            loop {
                let log = program.log();
                if let Some(line) = log.lines().find(|line| line.contains("database error")) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let line = tokio::time::timeout(Duration::from_secs(10), logged).await;
        let line = line.unwrap_or_else(|_| panic!("nothing is logged: {}", program.log()));
        if format == "json" {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["request"], id, "{line}");
            assert_eq!(line["trace_id"], TRACE, "{line}");
            assert_eq!(line["parent_id"], PARENT, "{line}");
        } else {
            let end = format!(" request={id} trace_id={TRACE} parent_id={PARENT}");
            assert!(line.ends_with(&end), "{line}");
        }
    }
}
