//! Rows that the tables refuse, by the name of the constraint.

use sea_orm::{ConnectionTrait, DbBackend};

use crate::support::{
    database::TestDatabase,
    sql::{employees_meetings_and_projects, migrated},
};

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
async fn dates_and_times_out_of_range_or_in_another_form_are_refused() {
    // Values of PostgreSQL that the API cannot represent.
    let (days, times) = (
        ["infinity", "-infinity", "10000-01-01", "0001-01-01 BC"],
        [
            "infinity",
            "-infinity",
            "10000-01-01T00:00:00+00:00",
            "0001-12-31T23:00:00+00:00 BC",
        ],
    );
    // Text that SQLite would store and then compare wrongly or fail to read.
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
