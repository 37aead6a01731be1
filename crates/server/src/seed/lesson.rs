//! The four employees of the lesson, which the README, the examples and the tests talk about.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use entity::{assignment, employee, employee_meeting, meeting, project};

pub(super) fn employees() -> impl Iterator<Item = employee::Model> + Send {
    [
        (1, "Uri Lee", day(2022, 5, 17)),
        (2, "Tristan Tal", day(2020, 1, 30)),
        (3, "Sasha Hao", day(2021, 12, 1)),
        (4, "Taylor Jai", day(2015, 1, 2)),
    ]
    .into_iter()
    .map(|(id, name, hire_date)| employee::Model {
        id,
        name: name.to_owned(),
        hire_date,
        version: 1,
    })
}

pub(super) fn meetings() -> impl Iterator<Item = meeting::Model> + Send {
    [
        (
            1,
            "Software Engineering Weekly Update",
            at(day(2023, 10, 31), 9, 30),
            "Building A, Room 142",
        ),
        (
            2,
            "Github Issues Brainstorming",
            at(day(2023, 12, 1), 15, 15),
            "Building D, Room 430",
        ),
    ]
    .into_iter()
    .map(|(id, topic, scheduled_time, location)| meeting::Model {
        id,
        topic: topic.to_owned(),
        scheduled_time,
        location: Some(location.to_owned()),
        version: 1,
    })
}

pub(super) fn projects() -> impl Iterator<Item = project::Model> + Send {
    [
        (1, "XYZ Project Flask server", 50_000),
        (2, "XYZ Project React UI", 100_000),
    ]
    .into_iter()
    .map(|(id, title, budget)| project::Model {
        id,
        title: title.to_owned(),
        budget: Some(budget),
        version: 1,
    })
}

pub(super) fn assignments() -> impl Iterator<Item = assignment::Model> + Send {
    [
        (
            1,
            "Project manager",
            1,
            1,
            day(2023, 5, 28),
            day(2023, 10, 30),
        ),
        (
            2,
            "Flask programmer",
            2,
            1,
            day(2023, 6, 10),
            day(2023, 10, 1),
        ),
        (
            3,
            "Flask programmer",
            2,
            2,
            day(2023, 11, 1),
            day(2024, 2, 1),
        ),
    ]
    .into_iter()
    .map(
        |(id, role, employee_id, project_id, start, end)| assignment::Model {
            id,
            role: Some(role.to_owned()),
            start_date: Some(at(start, 0, 0)),
            end_date: Some(at(end, 0, 0)),
            employee_id,
            project_id,
            version: 1,
            employee_name: String::new(),
        },
    )
}

pub(super) fn attendances() -> impl Iterator<Item = employee_meeting::Model> + Send {
    [(1, 1), (1, 2), (2, 2), (3, 2), (4, 2)]
        .into_iter()
        .map(|(employee_id, meeting_id)| employee_meeting::Model {
            employee_id,
            meeting_id,
        })
}

/// Returns a day of the calendar; in a constant the compiler checks it.
pub(super) const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) => day,
        None => panic!("no such day"),
    }
}

/// Returns a time in UTC.
pub(super) fn at(day: NaiveDate, hour: i64, minute: i64) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::minutes(60 * hour + minute)
}
