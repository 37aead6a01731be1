//! Writes after a full disk and after a deadline.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sea_orm::ConnectionTrait;
use serde_json::json;
use server::config::DeadlineSettings;

use crate::support::{
    app::apps,
    client::{is_ready, send, succeeds},
    http::code,
    operations::{CREATE, NAMES},
    program::Program,
};

/// Starts a server whose SQLite database is on a private file system of 3 MB.
fn on_a_small_disk(directory: &Path) -> Option<(Program, PathBuf)> {
    let mount = r#"mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@""#;
    let place = directory.display().to_string();
    let unshare = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--map-root-user", "sh", "-c", mount, &place])
            .args(command);
        unshare
    };
    // Not every system permits mount namespaces.
    unshare(&["true"])
        .stderr(Stdio::null())
        .status()
        .ok()?
        .success()
        .then_some(())?;
    let url = format!("sqlite:{place}/roster.db");
    let program = Program::spawn(unshare(&[
        env!("CARGO_BIN_EXE_roster"),
        "serve",
        "--port",
        "0",
        "--database-url",
        &url,
    ]));
    let inside = PathBuf::from(format!("/proc/{}/root{place}", program.child.id()));
    Some((program, inside))
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_succeed_again_when_a_full_disk_has_space() {
    let directory = tempfile::tempdir().unwrap();
    let Some((program, disk)) = on_a_small_disk(directory.path()) else {
        return;
    };
    succeeds(&program.url, CREATE).await;
    let filler = disk.join("filler");
    let _ = fs::write(&filler, vec![0; 4 << 20]);
    let failed = send(&program.url, CREATE).await;
    assert_eq!(code(&failed), "UNAVAILABLE", "{failed}");
    assert_eq!(send(&program.url, NAMES).await.get("errors"), None);
    fs::remove_file(&filler).unwrap();
    let answer = send(&program.url, CREATE).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    assert!(is_ready(&program).await);
    let count = succeeds(&program.url, "{ employees { totalCount } }").await;
    assert_eq!(count["employees"]["totalCount"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_succeed_again_after_one_exceeded_its_deadline() {
    for app in apps().await {
        let impatient = app
            .another_with(DeadlineSettings {
                statement_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        let slow = if app.name() == "sqlite" {
            "CREATE TRIGGER slow AFTER INSERT ON projects BEGIN SELECT count(*) FROM \
             (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c); END"
        } else {
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION slow()"
        };
        app.db().execute_unprepared(slow).await.unwrap();
        for _ in 0..3 {
            let create = r#"mutation { createProject(input: {title: "P"}) { project { id } } }"#;
            let stopped = impatient.answer(create, json!({})).await;
            assert_eq!(code(&stopped), "TIMEOUT", "{}: {stopped}", app.name());
            assert_eq!(
                impatient.answer(CREATE, json!({})).await.get("errors"),
                None
            );
            assert_eq!(impatient.get("/health/ready").await.status(), 200);
        }
        assert_eq!(
            impatient.query("{ projects { totalCount } }").await["projects"]["totalCount"],
            0
        );
    }
}
