//! The migrated tables on both databases: what they are, what they refuse, what a delete takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    assignment, change, employee, employee_meeting, meeting, project, text::companion_column,
};
use migration::{Migrator, MigratorTrait};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, IdenStatic,
    Identity, Iterable, ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait, Statement, TransactionTrait,
    sea_query::{ColumnType, ExprTrait, ForeignKeyAction, NullOrdering, Order},
};

use crate::support::database::{TestDatabase, databases};

#[tokio::test]
async fn migrations_run_up_down_and_up_again() {
    for database in databases().await {
        let db = database.connection();
        Migrator::up(db, None).await.unwrap();
        let first = tables(db).await;
        assert_eq!(first.len(), 6, "{}", database.name());

        // The steps after those that make a table each are about indexes and what they are made of.
        for left in (0..Migrator::migrations().len()).rev() {
            Migrator::down(db, Some(1)).await.unwrap();
            let tables = tables(db).await.len();
            assert_eq!(tables, left.min(first.len()), "{}", database.name());
        }

        Migrator::up(db, None).await.unwrap();
        assert_eq!(tables(db).await, first, "{}", database.name());
        assert!(
            Migrator::get_pending_migrations(db)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn migrations_refuse_a_database_that_is_not_utf8() {
    let Ok(url) = std::env::var("TEST_DATABASE_URL") else {
        return;
    };
    let name = format!("roster_ascii_{}", std::process::id());
    let admin = Database::connect(&url).await.unwrap();
    admin
        .execute_unprepared(&format!(
            "CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        ))
        .await
        .unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let ascii = Database::connect(format!("{server}/{name}")).await.unwrap();
    let refused = Migrator::up(&ascii, None).await;
    let left = tables(&ascii).await;
    ascii.close().await.unwrap();
    admin
        .execute_unprepared(&format!("DROP DATABASE {name}"))
        .await
        .unwrap();

    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("SQL_ASCII") && message.contains("UTF8"),
        "{message}"
    );
    assert_eq!(left, BTreeMap::new());
}

#[tokio::test]
async fn entities_and_tables_agree() {
    for database in migrated().await {
        let db = database.connection();
        let backend = db.get_database_backend();
        let entities = BTreeMap::from([
            described::<assignment::Entity>(backend),
            described::<change::Entity>(backend),
            described::<employee::Entity>(backend),
            described::<employee_meeting::Entity>(backend),
            described::<meeting::Entity>(backend),
            described::<project::Entity>(backend),
        ]);
        let mut tables = tables(db).await;
        // Each text column that can be filtered by has a companion.
        for (table, column) in [
            ("employees", "name"),
            ("meetings", "topic"),
            ("meetings", "location"),
            ("projects", "title"),
            ("assignments", "role"),
        ] {
            let columns = &mut tables.get_mut(table).unwrap().columns;
            assert!(columns.remove(&companion_column(column)).is_some());
        }
        assert_eq!(tables, entities, "{}", database.name());
    }
}

/// The names that the assignments have, and those that they should have.
async fn names(db: &DatabaseConnection) -> (Vec<String>, Vec<String>) {
    let from = "FROM assignments a JOIN employees e ON e.id = a.employee_id ORDER BY a.id";
    (
        column(db, &format!("SELECT a.employee_name {from}")).await,
        column(db, &format!("SELECT e.name {from}")).await,
    )
}

#[tokio::test]
async fn teams_are_listed_by_the_names_of_employees_whoever_writes_them() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        // Rows that were there before are given their names too, in a table that is known for its size.
        db.execute_unprepared("ANALYZE").await.unwrap();
        while tables(db).await["assignments"]
            .columns
            .contains_key(assignment::Column::EmployeeName.as_str())
        {
            Migrator::down(db, Some(1)).await.unwrap();
        }
        Migrator::up(db, None).await.unwrap();
        for write in [
            "",
            "UPDATE employees SET name = 'C' WHERE id = 1",
            "UPDATE employees SET name = name || '!', hire_date = '2021-01-01'",
            "UPDATE assignments SET employee_id = 2, role = 'x' WHERE id = 1",
            "UPDATE assignments SET employee_name = 'somebody else'",
            "INSERT INTO assignments (employee_id, project_id, role, employee_name) \
             VALUES (1, 1, 'y', 'somebody else'), (2, 1, 'y', '')",
            "INSERT INTO employees (id, name, hire_date) VALUES (1, 'E', '2021-01-01') \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            "INSERT INTO assignments (id, employee_id, project_id) VALUES (1, 1, 1) \
             ON CONFLICT (id) DO UPDATE SET employee_id = excluded.employee_id",
            "DELETE FROM employees WHERE id = 2",
        ] {
            db.execute_unprepared(write).await.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names, "{}: {write}", database.name());
            assert!(!names.is_empty(), "{}: {write}", database.name());
        }
        if db.get_database_backend() == DbBackend::Sqlite {
            // Other programs do not check foreign keys.
            for write in [
                "PRAGMA foreign_keys = OFF",
                "INSERT OR REPLACE INTO employees (id, name, hire_date) \
                 VALUES (1, 'F', '2021-01-01')",
                "INSERT OR REPLACE INTO assignments (id, employee_id, project_id, employee_name) \
                 VALUES (1, 1, 1, 'somebody else')",
                "INSERT INTO employees (id, name, hire_date) VALUES (9, 'G', '2021-01-01')",
                "UPDATE OR REPLACE employees SET id = 1 WHERE id = 9",
            ] {
                db.execute_unprepared(write).await.unwrap();
                let (copies, names) = names(db).await;
                assert_eq!(copies, names, "{write}");
                assert!(!names.is_empty(), "{write}");
            }
        }
        if db.get_database_backend() == DbBackend::Postgres {
            // As programs do that load a dump.
            let elsewhere = "BEGIN; SET LOCAL search_path = ''; \
                UPDATE public.employees SET name = 'D'; \
                INSERT INTO public.assignments (employee_id, project_id, role) VALUES (1, 2, 'z'); \
                COMMIT";
            db.execute_unprepared(elsewhere).await.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names);
        }
    }
}

/// On SQLite nobody writes while another does.
#[tokio::test]
async fn who_is_assigned_while_they_are_renamed_is_listed_by_the_new_name() {
    let rename = "UPDATE employees SET name = 'New' WHERE id = 1";
    let assign = "INSERT INTO assignments (employee_id, project_id, role) VALUES (1, 1, 'late')";
    for database in migrated().await {
        let db = database.connection();
        if db.get_database_backend() == DbBackend::Sqlite {
            continue;
        }
        company(db).await;
        for (first, second) in [(rename, assign), (assign, rename)] {
            let transaction = db.begin().await.unwrap();
            transaction.execute_unprepared(first).await.unwrap();
            let finish = async {
                let waits = "SELECT count(*) FROM pg_stat_activity \
                             WHERE datname = current_database() AND wait_event_type = 'Lock'";
                while scalar::<i64>(db, waits).await == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                transaction.commit().await.unwrap();
            };
            let both = async { tokio::join!(db.execute_unprepared(second), finish) };
            let (done, ()) = tokio::time::timeout(Duration::from_secs(30), both)
                .await
                .expect("the second must wait for the first");
            done.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names);
            assert!(names.contains(&"New".to_owned()));
            for undo in [
                "DELETE FROM assignments WHERE role = 'late'",
                "UPDATE employees SET name = 'A' WHERE id = 1",
            ] {
                db.execute_unprepared(undo).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn rows_come_back_as_they_were_written_and_start_at_version_1() {
    for database in migrated().await {
        let db = database.connection();
        for (name, hire_date) in [
            ("A".to_owned(), "0001-01-01"),
            ("𝒵".repeat(200), "9999-12-31"),
        ] {
            let row = employee::ActiveModel {
                name: Set(name.clone()),
                hire_date: Set(hire_date.parse().unwrap()),
                ..Default::default()
            };
            let id = row.insert(db).await.unwrap().id;
            let row = employee::Entity::find_by_id(id).one(db).await.unwrap();
            let hire_date = hire_date.parse().unwrap();
            let version = 1;
            assert_eq!(
                row,
                Some(employee::Model {
                    id,
                    name,
                    hire_date,
                    version
                })
            );
        }
        for (time, location) in [
            ("0001-01-01T00:00:00Z", None),
            ("2024-02-29T23:59:59.5Z", Some("é".repeat(200))),
            ("9999-12-31T23:59:59.999999Z", Some("é".to_owned())),
        ] {
            let row = meeting::ActiveModel {
                topic: Set("T".to_owned()),
                scheduled_time: Set(instant(time)),
                location: Set(location.clone()),
                ..Default::default()
            };
            let id = row.insert(db).await.unwrap().id;
            let row = meeting::Entity::find_by_id(id).one(db).await.unwrap();
            let row = row.map(|row| (row.scheduled_time, row.location, row.version));
            assert_eq!(row, Some((instant(time), location, 1)));
        }
        for budget in [None, Some(0), Some(1_000_000_000_000)] {
            let row = project::ActiveModel {
                title: Set("T".to_owned()),
                budget: Set(budget),
                ..Default::default()
            };
            let id = row.insert(db).await.unwrap().id;
            let row = project::Entity::find_by_id(id).one(db).await.unwrap();
            assert_eq!(row.map(|row| (row.budget, row.version)), Some((budget, 1)));
        }
        for (role, start, end) in [
            (None, None, None),
            (Some("R"), Some("2023-05-28T00:00:00.000001Z"), None),
            (Some("R"), None, Some("2023-05-28T00:00:00.120Z")),
        ] {
            let (role, start, end) = (
                role.map(str::to_owned),
                start.map(instant),
                end.map(instant),
            );
            let row = assignment::ActiveModel {
                role: Set(role.clone()),
                start_date: Set(start),
                end_date: Set(end),
                employee_id: Set(1),
                project_id: Set(1),
                ..Default::default()
            };
            let id = row.insert(db).await.unwrap().id;
            let row = assignment::Entity::find_by_id(id).one(db).await.unwrap();
            let row = row.map(|row| (row.role, row.start_date, row.end_date, row.version));
            assert_eq!(row, Some((role, start, end, 1)));
        }
    }
}

#[tokio::test]
async fn deleting_an_employee_takes_its_assignments_and_links_and_nothing_else() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let employee = employee::Entity::find_by_id(1).one(db).await.unwrap();
        employee.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 2",
                "meetings 1, 2",
                "projects 1, 2",
                "employee_meetings 2-1, 2-2",
                "assignments 3, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn deleting_a_project_takes_its_assignments_and_nothing_else() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let project = project::Entity::find_by_id(1).one(db).await.unwrap();
        project.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 1, 2",
                "meetings 1, 2",
                "projects 2",
                "employee_meetings 1-1, 1-2, 2-1, 2-2",
                "assignments 2, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn deleting_a_meeting_takes_its_links_and_nothing_else() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let meeting = meeting::Entity::find_by_id(1).one(db).await.unwrap();
        meeting.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 1, 2",
                "meetings 2",
                "projects 1, 2",
                "employee_meetings 1-2, 2-2",
                "assignments 1, 2, 3, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn the_id_of_a_deleted_newest_row_is_not_given_out_again() {
    for database in migrated().await {
        let db = database.connection();
        employees_meetings_and_projects(db).await;
        for (table, insert) in [
            ("assignments", "(employee_id, project_id) VALUES (1, 1)"),
            ("employees", "(name, hire_date) VALUES ('N', '2020-01-01')"),
            (
                "meetings",
                "(topic, scheduled_time) VALUES ('T', '2020-01-01T00:00:00+00:00')",
            ),
            ("projects", "(title) VALUES ('T')"),
        ] {
            let insert = format!("INSERT INTO {table} {insert} RETURNING id");
            let newest: i64 = scalar(db, &insert).await;
            let delete = format!("DELETE FROM {table} WHERE id = {newest}");
            db.execute_unprepared(&delete).await.unwrap();
            let next: i64 = scalar(db, &insert).await;
            assert!(
                next > newest,
                "{} {table}: {next} after {newest}",
                database.name()
            );
        }
    }
}

#[tokio::test]
async fn an_assignment_is_unique_by_employee_project_role_and_start_with_nulls_equal() {
    for database in migrated().await {
        let db = database.connection();
        employees_meetings_and_projects(db).await;
        let start = "'2023-05-28T00:00:00+00:00'";
        for (role, start) in [
            ("NULL", "NULL"),
            ("'R'", "NULL"),
            ("NULL", start),
            ("'R'", start),
        ] {
            let insert = format!(
                "INSERT INTO assignments (employee_id, project_id, role, start_date) \
                 VALUES (1, 1, {role}, {start})"
            );
            db.execute_unprepared(&insert).await.unwrap();
            let error = db.execute_unprepared(&insert).await.unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("uq_assignments_employee_project_role_start"),
                "{} {role} {start}: {error}",
                database.name()
            );
        }
        // Another case, another employee or another project is another assignment.
        db.execute_unprepared(
            "INSERT INTO assignments (employee_id, project_id, role) \
             VALUES (1, 1, 'r'), (2, 1, 'R'), (1, 2, 'R')",
        )
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn rows_outside_the_limits_are_refused_by_a_named_check() {
    let cases = [
        (
            "ck_employees_name",
            "employees (name, hire_date)",
            "'', '2020-01-01'",
        ),
        (
            "ck_employees_name",
            "employees (name, hire_date)",
            "'{201}', '2020-01-01'",
        ),
        (
            "ck_meetings_topic",
            "meetings (topic, scheduled_time)",
            "'', '{time}'",
        ),
        (
            "ck_meetings_topic",
            "meetings (topic, scheduled_time)",
            "'{201}', '{time}'",
        ),
        (
            "ck_meetings_location",
            "meetings (topic, scheduled_time, location)",
            "'T', '{time}', ''",
        ),
        (
            "ck_meetings_location",
            "meetings (topic, scheduled_time, location)",
            "'T', '{time}', '{201}'",
        ),
        ("ck_projects_title", "projects (title)", "''"),
        ("ck_projects_title", "projects (title)", "'{201}'"),
        ("ck_projects_budget", "projects (title, budget)", "'T', -1"),
        (
            "ck_projects_budget",
            "projects (title, budget)",
            "'T', 1000000000001",
        ),
        (
            "ck_assignments_role",
            "assignments (employee_id, project_id, role)",
            "1, 1, ''",
        ),
        (
            "ck_assignments_role",
            "assignments (employee_id, project_id, role)",
            "1, 1, '{101}'",
        ),
        (
            "ck_assignments_end_date_after_start_date",
            "assignments (employee_id, project_id, start_date, end_date)",
            "1, 1, '{time}', '{time}'",
        ),
        (
            "ck_assignments_end_date_after_start_date",
            "assignments (employee_id, project_id, start_date, end_date)",
            "1, 1, '2023-10-31T09:30:00.123+00:00', '{time}'",
        ),
    ];
    for database in migrated().await {
        let db = database.connection();
        employees_meetings_and_projects(db).await;
        for (check, columns, values) in cases {
            let values = values
                .replace("{101}", &"é".repeat(101))
                .replace("{201}", &"é".repeat(201))
                .replace("{time}", "2023-10-31T09:30:00+00:00");
            assert_refused(&database, check, columns, &values).await;
        }
    }
}

#[tokio::test]
async fn dates_and_times_are_refused_when_out_of_range_or_written_in_another_form() {
    // What PostgreSQL could hold but the API could not say.
    let (days, times) = (
        ["infinity", "-infinity", "10000-01-01", "0001-01-01 BC"],
        [
            "infinity",
            "-infinity",
            "10000-01-01T00:00:00+00:00",
            "0001-12-31T23:00:00+00:00 BC",
        ],
    );
    // What SQLite would hold as text, and compare wrongly or not be able to read.
    let (texts_for_days, texts_for_times) = (
        [
            "2023-1-31",
            "20230131",
            "2023-02-29",
            "2023-13-01",
            "0000-12-31",
            "2023-01-31 ",
            "now",
        ],
        [
            "2023-10-31 09:30:00+00:00",
            "2023-10-31T09:30:00Z",
            "2023-10-31T09:30:00",
            "2023-10-31T09:30+00:00",
            "2023-10-31T11:30:00+02:00",
            "2023-10-31T09:30:00-00:00",
            "2023-02-29T09:30:00+00:00",
            "2023-10-31T24:00:00+00:00",
            "2023-10-31T09:30:60+00:00",
            "2023-10-31T09:30:00.+00:00",
            "2023-10-31T09:30:00.1+00:00",
            "2023-10-31T09:30:00.12+00:00",
            "2023-10-31T09:30:00.1234+00:00",
            "2023-10-31T09:30:00.000+00:00",
            "2023-10-31T09:30:00.120000+00:00x",
            "2023-10-31T09:30:00.123000+00:00",
            "2023-10-31T09:30:00.123456000+00:00",
            "2023-10-31T09:30:00.1234567890+00:00",
            "0000-12-31T23:59:59+00:00",
            "1698744600",
            "2460248.5",
            "now",
        ],
    );
    for database in migrated().await {
        employees_meetings_and_projects(database.connection()).await;
        let (days, times) = match database.connection().get_database_backend() {
            DbBackend::Sqlite => (&texts_for_days[..], &texts_for_times[..]),
            _ => (&days[..], &times[..]),
        };
        for day in days {
            let (check, columns) = ("ck_employees_hire_date", "employees (name, hire_date)");
            assert_refused(&database, check, columns, &format!("'N', '{day}'")).await;
        }
        for time in times {
            let (check, columns) = (
                "ck_meetings_scheduled_time",
                "meetings (topic, scheduled_time)",
            );
            assert_refused(&database, check, columns, &format!("'T', '{time}'")).await;
            for column in ["start_date", "end_date"] {
                let check = format!("ck_assignments_{column}");
                let columns = format!("assignments (employee_id, project_id, {column})");
                assert_refused(&database, &check, &columns, &format!("1, 1, '{time}'")).await;
            }
        }
    }
}

#[tokio::test]
async fn times_are_ordered_and_compared_as_times() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for database in migrated().await {
        let db = database.connection();
        let mut times: Vec<DateTime<Utc>> = (0..500)
            .map(|_| {
                // Many within a few seconds of each other, in fractions of every length; some
                // anywhere in the years 1 to 9999.
                let second = match random.random_bool(0.7) {
                    true => 1_700_000_000 + random.random_range(0..3),
                    false => random.random_range(-62_135_596_800..253_402_300_799),
                };
                let unit = [1_000, 1_000_000, 1_000_000_000][random.random_range(0..3)];
                let nanos = random.random_range(0..1_000_000_000 / unit) * unit;
                DateTime::UNIX_EPOCH + TimeDelta::seconds(second) + TimeDelta::nanoseconds(nanos)
            })
            .collect();
        for chunk in times.chunks(100) {
            let rows = chunk.iter().map(|time| meeting::ActiveModel {
                topic: Set("T".to_owned()),
                scheduled_time: Set(*time),
                ..Default::default()
            });
            meeting::Entity::insert_many(rows).exec(db).await.unwrap();
        }
        let pivot = times[0];
        times.sort();

        let ordered = meeting::Entity::find().order_by_asc(meeting::Column::ScheduledTime);
        let read = |rows: Vec<meeting::Model>| -> Vec<_> {
            rows.into_iter().map(|row| row.scheduled_time).collect()
        };
        let all = read(ordered.clone().all(db).await.unwrap());
        assert_eq!(all, times, "{} with seed {seed}", database.name());

        let later = ordered.filter(meeting::Column::ScheduledTime.gt(pivot));
        let later = read(later.all(db).await.unwrap());
        times.retain(|time| *time > pivot);
        assert_eq!(later, times, "{} with seed {seed}", database.name());
    }
}

#[tokio::test]
async fn a_page_of_assignments_in_default_order_is_read_from_an_index_without_sorting() {
    let by_employee = assignment::Column::EmployeeId.eq(1);
    let by_project = assignment::Column::ProjectId.eq(1);
    let by_pair = by_employee.clone().and(by_project.clone());
    for database in migrated().await {
        let db = database.connection();
        for (parent, index) in [
            (&by_employee, "ix_assignments_employee_id_start_date_id"),
            (&by_project, "ix_assignments_project_id_start_date_id"),
            (
                &by_pair,
                "ix_assignments_project_id_employee_id_start_date_id",
            ),
        ] {
            let page = assignment::Entity::find()
                .filter(parent.clone())
                .order_by_with_nulls(
                    assignment::Column::StartDate,
                    Order::Asc,
                    NullOrdering::First,
                )
                .order_by_asc(assignment::Column::Id)
                .limit(21);
            let plan = plan(db, page).await;
            let sorts = plan.contains("Sort") || plan.contains("TEMP B-TREE");
            assert!(
                plan.contains(index) && !sorts,
                "{}:\n{plan}",
                database.name()
            );
        }
    }
}

#[tokio::test]
async fn every_constraint_index_and_trigger_has_a_name_of_ours() {
    for database in migrated().await {
        let db = database.connection();
        let (constraints, indexes) = match db.get_database_backend() {
            DbBackend::Sqlite => {
                let sql = "SELECT sql FROM sqlite_master WHERE name <> 'seaql_migrations'";
                let sql: Vec<Option<String>> = column(db, sql).await;
                let sql = sql.into_iter().flatten().collect::<String>();
                for (kind, prefix) in [("REFERENCES", "fk"), ("CHECK (", "ck"), ("UNIQUE (", "uq")]
                {
                    let named = sql.matches(&format!("CONSTRAINT \"{prefix}_")).count();
                    assert_eq!(sql.matches(kind).count(), named, "{kind} in {sql}");
                }
                let names = sql.split("CONSTRAINT \"").skip(1);
                let names = names.filter_map(|rest| rest.split('"').next());
                (
                    names.map(str::to_owned).collect(),
                    // The indexes of primary keys have no name to give.
                    "SELECT name FROM sqlite_master WHERE type = 'index' \
                     AND name NOT LIKE 'sqlite_autoindex_employee_meetings_%' \
                     AND name NOT LIKE 'sqlite_autoindex_seaql_migrations_%'",
                )
            }
            _ => (
                column::<String>(
                    db,
                    "SELECT conname::text FROM pg_constraint \
                     WHERE connamespace = 'public'::regnamespace AND contype <> 'p'",
                )
                .await,
                "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisprimary",
            ),
        };
        let tables = tables(db).await;
        let indexes = column::<String>(db, indexes).await;
        let triggers = match db.get_database_backend() {
            DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            _ => "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal",
        };
        let triggers = column::<String>(db, triggers).await;
        for name in constraints.iter().chain(&indexes).chain(&triggers) {
            let ours = name.split_once('_').is_some_and(|(prefix, rest)| {
                ["fk", "ck", "uq", "ix", "tr"].contains(&prefix)
                    && tables
                        .keys()
                        .any(|table| rest.starts_with(&format!("{table}_")))
            });
            assert!(ours, "{}: {name}", database.name());
        }
        assert!(
            constraints.len() >= 14 && indexes.len() >= 10 && triggers.len() >= 2,
            "{}",
            database.name()
        );
    }
}

/// What a table is, as the entity says it or as the database does.
#[derive(Debug, Default, PartialEq)]
struct Table {
    /// Name → type and whether it is required.
    columns: BTreeMap<String, String>,
    primary_key: Vec<String>,
    foreign_keys: BTreeSet<String>,
}

impl Table {
    fn add_column(&mut self, name: impl Into<String>, kind: impl Into<String>, nullable: bool) {
        let null = if nullable { "null" } else { "not null" };
        self.columns
            .insert(name.into(), format!("{} {null}", kind.into()));
    }

    fn add_foreign_key(&mut self, name: &str, column: &str, referred: &str, on_delete: &str) {
        let on_delete = on_delete.to_lowercase();
        self.foreign_keys.insert(format!(
            "{name}: {column} → {referred}, on delete {on_delete}"
        ));
    }
}

/// The table as its entity says it.
fn described<E: EntityTrait>(backend: DbBackend) -> (String, Table) {
    let name = E::default().table_name().to_owned();
    let mut table = Table::default();
    for column in E::Column::iter() {
        let definition = column.def();
        let kind = match (definition.get_column_type(), backend) {
            (ColumnType::BigInteger, DbBackend::Postgres) => "bigint",
            (ColumnType::BigInteger | ColumnType::Integer, _) => "integer",
            (ColumnType::Text, DbBackend::Postgres) => "text collate C",
            (ColumnType::Text, _) => "text",
            (ColumnType::Date, DbBackend::Postgres) => "date",
            (ColumnType::Date, _) => "date_text",
            (ColumnType::TimestampWithTimeZone, DbBackend::Postgres) => "timestamp with time zone",
            (ColumnType::TimestampWithTimeZone, _) => "timestamp_with_timezone_text",
            (other, _) => panic!("{name}: say here what {other:?} is in each database"),
        };
        table.add_column(column.as_str(), kind, definition.is_null());
    }
    for key in E::PrimaryKey::iter() {
        table
            .primary_key
            .push(key.into_column().as_str().to_owned());
    }
    for relation in E::Relation::iter().map(|relation| relation.def()) {
        if relation.is_owner {
            continue;
        }
        let one = |identity: &Identity| match identity {
            Identity::Unary(column) => column.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        let column = one(&relation.from_col);
        let referred = relation.to_tbl.sea_orm_table().to_string();
        assert!(matches!(
            relation.on_delete,
            Some(ForeignKeyAction::Cascade)
        ));
        table.add_foreign_key(
            &format!("fk_{name}_{column}_{referred}"),
            &column,
            &format!("{referred}.{}", one(&relation.to_col)),
            "cascade",
        );
    }
    (name, table)
}

/// Every table as the database says it, except the list of migrations.
async fn tables(db: &DatabaseConnection) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::<String, Table>::new();
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            let names: Vec<String> = column(
                db,
                "SELECT name FROM sqlite_master WHERE type = 'table' \
                 AND name NOT IN ('seaql_migrations', 'sqlite_sequence')",
            )
            .await;
            for name in names {
                let table = tables.entry(name.clone()).or_default();
                let columns =
                    "SELECT name, type, \"notnull\", pk FROM pragma_table_info('{}') ORDER BY pk";
                for row in rows(db, &columns.replace("{}", &name)).await {
                    let (column, kind, required, key): (String, String, i32, i32) =
                        row.try_get_many_by_index().unwrap();
                    table.add_column(&column, kind.to_lowercase(), required == 0);
                    if key > 0 {
                        table.primary_key.push(column);
                    }
                }
                let create = format!("SELECT sql FROM sqlite_master WHERE name = '{name}'");
                let create: String = scalar(db, &create).await;
                let keys = "SELECT \"from\", \"table\", \"to\", on_delete \
                            FROM pragma_foreign_key_list('{}')";
                for row in rows(db, &keys.replace("{}", &name)).await {
                    let (column, referred, key, on_delete): (String, String, String, String) =
                        row.try_get_many_by_index().unwrap();
                    // The name is nowhere but in the text.
                    let constraint = create
                        .split(&format!("\"{column}\" integer NOT NULL CONSTRAINT \""))
                        .nth(1)
                        .and_then(|rest| rest.split('"').next());
                    table.add_foreign_key(
                        constraint.unwrap_or("unnamed"),
                        &column,
                        &format!("{referred}.{key}"),
                        &on_delete,
                    );
                }
            }
        }
        _ => {
            let columns = "SELECT table_name::text, column_name::text, data_type::text \
                 || coalesce(' collate ' || collation_name, ''), is_nullable::text \
                 FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'";
            for row in rows(db, columns).await {
                let (table, column, kind, nullable): (String, String, String, String) =
                    row.try_get_many_by_index().unwrap();
                let table = tables.entry(table).or_default();
                table.add_column(column, kind, nullable == "YES");
            }
            let keys = "SELECT c.conname::text, c.contype::text, c.conrelid::regclass::text, \
                 a.attname::text, f.attrelid::regclass || '.' || f.attname, \
                 CASE c.confdeltype WHEN 'c' THEN 'cascade' ELSE 'other' END \
                 FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY k(attnum, place) \
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum \
                 LEFT JOIN pg_attribute f \
                 ON f.attrelid = c.confrelid AND f.attnum = c.confkey[k.place] \
                 WHERE c.contype IN ('p', 'f') AND c.connamespace = 'public'::regnamespace \
                 AND c.conname <> 'seaql_migrations_pkey' \
                 ORDER BY c.conname, k.place";
            for row in rows(db, keys).await {
                type Key = (String, String, String, String, Option<String>, String);
                let (name, kind, table, column, referred, on_delete): Key =
                    row.try_get_many_by_index().unwrap();
                let table = tables.entry(table).or_default();
                match referred {
                    Some(referred) if kind == "f" => {
                        table.add_foreign_key(&name, &column, &referred, &on_delete);
                    }
                    _ => table.primary_key.push(column),
                }
            }
        }
    }
    tables
}

async fn migrated() -> Vec<TestDatabase> {
    let databases = databases().await;
    for database in &databases {
        Migrator::up(database.connection(), None).await.unwrap();
    }
    databases
}

/// Two of each, linked by nothing yet.
async fn employees_meetings_and_projects(db: &DatabaseConnection) {
    for statement in [
        "INSERT INTO employees (name, hire_date) VALUES ('A', '2020-01-01'), ('B', '2020-01-01')",
        "INSERT INTO meetings (topic, scheduled_time) VALUES \
         ('A', '2020-01-01T00:00:00+00:00'), ('B', '2020-01-01T00:00:00+00:00')",
        "INSERT INTO projects (title) VALUES ('A'), ('B')",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
}

/// Two employees, two meetings and two projects, each linked to each.
async fn company(db: &DatabaseConnection) {
    employees_meetings_and_projects(db).await;
    for statement in [
        "INSERT INTO employee_meetings VALUES (1, 1), (1, 2), (2, 1), (2, 2)",
        "INSERT INTO assignments (employee_id, project_id) VALUES (1, 1), (1, 2), (2, 1), (2, 2)",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
}

/// The keys of all rows, a line for each table.
async fn keys(db: &DatabaseConnection) -> Vec<String> {
    let mut keys = Vec::new();
    for (table, key) in [
        ("employees", "id"),
        ("meetings", "id"),
        ("projects", "id"),
        ("employee_meetings", "employee_id || '-' || meeting_id"),
        ("assignments", "id"),
    ] {
        let sql = format!("SELECT CAST({key} AS text) FROM {table} ORDER BY 1");
        keys.push(format!(
            "{table} {}",
            column::<String>(db, &sql).await.join(", ")
        ));
    }
    keys
}

async fn assert_refused(database: &TestDatabase, check: &str, columns: &str, values: &str) {
    let insert = format!("INSERT INTO {columns} VALUES ({values})");
    let done = database.connection().execute_unprepared(&insert).await;
    let error = done
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    let named = error
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word == check);
    assert!(named, "{} {insert}: {error}", database.name());
}

/// How the database would run it; on PostgreSQL when every other way is dear, as with many rows.
async fn plan(db: &DatabaseConnection, query: impl QueryTrait) -> String {
    let mut query = query.build(db.get_database_backend());
    let transaction = db.begin().await.unwrap();
    query.sql = match db.get_database_backend() {
        DbBackend::Sqlite => format!("EXPLAIN QUERY PLAN {}", query.sql),
        _ => {
            let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
                            SET LOCAL enable_sort = off";
            transaction.execute_unprepared(settings).await.unwrap();
            format!("EXPLAIN {}", query.sql)
        }
    };
    let lines = transaction.query_all_raw(query).await.unwrap();
    let line = |row: &sea_orm::QueryResult| {
        row.try_get::<String>("", "detail")
            .or_else(|_| row.try_get::<String>("", "QUERY PLAN"))
            .unwrap()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap()
}

/// The first value of each row.
async fn column<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: &str) -> Vec<T> {
    let rows = rows(db, sql).await;
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

async fn scalar<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: &str) -> T {
    column(db, sql).await.remove(0)
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
