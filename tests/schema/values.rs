//! Values that the tables hold: they come back unchanged, and times are compared as times.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{assignment, employee, meeting, project};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};

use crate::support::{
    rows::time,
    sql::{employees_meetings_and_projects, migrated},
};

#[tokio::test]
async fn employees_come_back_as_they_were_written_at_version_1() {
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
    }
}

#[tokio::test]
async fn meetings_come_back_as_they_were_written_at_version_1() {
    for database in migrated().await {
        let db = database.connection();
        for (scheduled, location) in [
            ("0001-01-01T00:00:00Z", None),
            ("2024-02-29T23:59:59.5Z", Some("é".repeat(200))),
            ("9999-12-31T23:59:59.999999Z", Some("é".to_owned())),
        ] {
            let row = meeting::ActiveModel {
                topic: Set("T".to_owned()),
                scheduled_time: Set(time(scheduled)),
                location: Set(location.clone()),
                ..Default::default()
            };
            let id = row.insert(db).await.unwrap().id;
            let row = meeting::Entity::find_by_id(id).one(db).await.unwrap();
            let row = row.map(|row| (row.scheduled_time, row.location, row.version));
            assert_eq!(row, Some((time(scheduled), location, 1)));
        }
    }
}

#[tokio::test]
async fn projects_come_back_as_they_were_written_at_version_1() {
    for database in migrated().await {
        let db = database.connection();
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
    }
}

#[tokio::test]
async fn assignments_come_back_as_they_were_written_at_version_1() {
    for database in migrated().await {
        let db = database.connection();
        employees_meetings_and_projects(db).await;
        for (role, start, end) in [
            (None, None, None),
            (Some("R"), Some("2023-05-28T00:00:00.000001Z"), None),
            (Some("R"), None, Some("2023-05-28T00:00:00.120Z")),
        ] {
            let (role, start, end) = (role.map(str::to_owned), start.map(time), end.map(time));
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
async fn times_are_ordered_and_compared_as_times() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for database in migrated().await {
        let db = database.connection();
        let mut times: Vec<DateTime<Utc>> = (0..500)
            .map(|_| {
                // Most are within a few seconds of each other, with fractions of every length. The
                // rest are anywhere in the years 1 to 9999.
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
