//! The command `seed`, on both databases.

use std::{
    io::{BufRead, BufReader},
    process::Command,
};

use entity::{assignment, employee, employee_meeting, meeting};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, PaginatorTrait, Statement,
};
use serde_json::json;
use server::{
    config::{DatabaseSettings, SeedCounts},
    migrate,
    seed::{self, Company},
};

use crate::support::home::{Home, Output, migrated_homes};

/// A company whose indexes are built after its rows.
const LARGE: [&str; 7] = [
    "seed",
    "--employees",
    "1000",
    "--projects",
    "100",
    "--meetings",
    "50",
];

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
async fn a_large_company_leaves_every_index_key_and_trigger_as_it_was() {
    for home in migrated_homes().await {
        let before = definitions(&home).await;
        for reset in [&[][..], &["--reset"]] {
            home.roster(&[&LARGE[..], reset].concat()).ok();
            assert_eq!(definitions(&home).await, before);
        }
        let repaired = home.roster(&["migrate", "repair"]).ok();
        assert!(repaired.stdout.contains(": 0."), "{}", repaired.stdout);
        assert_eq!(home.add_employee().await, 1001);
    }
}

/// Indexes, constraints and triggers of the tables, with indexes in the order of their creation.
async fn definitions(home: &Home) -> Vec<String> {
    let select = match home.postgres {
        None => {
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' \
             ORDER BY type = 'index', CASE type WHEN 'index' THEN rowid ELSE name END"
        }
        Some(_) => {
            "SELECT pg_get_indexdef(indexrelid) FROM (SELECT * FROM pg_index ORDER BY indexrelid) AS i \
             WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) \
             AND NOT indisprimary \
             UNION ALL SELECT definition FROM (SELECT conname || pg_get_constraintdef(oid) AS definition \
             FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY conname) AS c \
             UNION ALL SELECT definition FROM (SELECT tgenabled::text || pg_get_triggerdef(oid) AS definition \
             FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname) AS t"
        }
    };
    let connection = home.connect().await;
    let select = Statement::from_string(connection.get_database_backend(), select);
    let rows = connection.query_all_raw(select).await.unwrap();
    let definition = |row: &sea_orm::QueryResult| row.try_get_by_index(0).unwrap();
    rows.iter().map(definition).collect()
}

#[tokio::test]
async fn a_role_that_owns_no_table_inserts_the_same_large_company() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    home.roster(&["migrate", "up"]).ok();
    let admin = home.connect().await;
    let role = format!("roster_seed_{}", std::process::id());
    let grant = format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE \
         ON ALL TABLES IN SCHEMA public TO {role}; \
         GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    );
    admin.execute_unprepared(&grant).await.unwrap();
    let (_, address) = home.url.rsplit_once('@').unwrap();
    let mut seed = home.command(&LARGE);
    seed.env("DATABASE_URL", format!("postgres://{role}@{address}"));
    Output::of(seed.spawn().unwrap()).ok();
    let theirs = home.rows().await;

    home.roster(&[&LARGE[..], &["--reset"]].concat()).ok();
    assert_eq!(home.rows().await, theirs);
    let drop = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
    admin.execute_unprepared(&drop).await.unwrap();
}

#[tokio::test]
async fn nothing_is_left_of_an_interrupted_seed() {
    for signal in ["-INT", "-KILL"] {
        for home in migrated_homes().await {
            let before = definitions(&home).await;
            let mut seed = home
                .command(&["seed", "--employees", "1000", "--assignments", "5000000"])
                .spawn()
                .unwrap();
            let mut stderr = BufReader::new(seed.stderr.take().unwrap());
            let mut log = String::new();
            while !log.contains("rows in projects") {
                assert_ne!(stderr.read_line(&mut log).unwrap(), 0, "{log}");
            }
            let pid = seed.id().to_string();
            let kill = Command::new("kill").args([signal, &pid]).status();
            assert!(kill.unwrap().success());
            seed.wait().unwrap();
            if signal == "-INT" {
                std::io::Read::read_to_string(&mut stderr, &mut log).unwrap();
                assert!(log.contains("roster seed --reset"), "{log}");
            }
            assert_eq!(definitions(&home).await, before);
            home.roster(&["seed"]).ok();
            assert_eq!(home.add_employee().await, 5);
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_kept() {
    let home = Home::sqlite();
    let settings = DatabaseSettings::sqlite(&home.file("roster.db"));
    let connection = migrate::maintain_migrated(&settings, false).await.unwrap();
    let fill = async |pages: u32| {
        let limit = format!("PRAGMA max_page_count = {pages}");
        connection.execute_unprepared(&limit).await.unwrap();
        let company = Company::of(SeedCounts {
            employees: Some(1_000),
            ..SeedCounts::default()
        });
        seed::fill(&connection, company.unwrap(), false).await
    };
    let error = fill(200).await.err().unwrap().to_string();
    assert!(error.contains("disk"), "{error}");
    assert!(error.contains("nothing was kept"), "{error}");
    assert!(!error.contains("INSERT"), "{error}");
    fill(u32::MAX).await.unwrap();
}

#[test]
fn progress_is_logged_where_there_is_no_terminal() {
    let home = Home::sqlite();
    let seed = home.roster(&LARGE).ok();
    for line in [
        "1000 rows in employees",
        "5000 rows in assignments",
        "indexes:",
        "gathering statistics",
    ] {
        assert!(seed.stderr.contains(line), "{}", seed.stderr);
    }
    assert!(home.roster(&["seed", "--reset"]).ok().stderr.is_empty());
}
