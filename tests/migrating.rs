//! The command `migrate`, and migration at the start of a server, on both databases.

use sea_orm::{ConnectionTrait, DatabaseBackend};

use crate::support::home::{Home, Output, Server, homes};

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
