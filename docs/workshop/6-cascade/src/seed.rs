//! The rows of the lesson.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait,
};

use crate::entity::{assignment, employee, employee_meeting, meeting, project};

/// Fills each empty table. A table that has rows stays as it is.
pub async fn fill(db: &DatabaseConnection) -> Result<(), DbErr> {
    fill_table::<employee::Entity>(db, employees()).await?;
    fill_table::<meeting::Entity>(db, meetings()).await?;
    fill_table::<employee_meeting::Entity>(db, attendances()).await?;
    fill_table::<project::Entity>(db, projects()).await?;
    fill_table::<assignment::Entity>(db, assignments()).await
}

async fn fill_table<E>(db: &DatabaseConnection, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Sync,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    if E::find().count(db).await? == 0 {
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        E::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

fn employees() -> Vec<employee::Model> {
    [
        (1, "Uri Lee", day(2022, 5, 17)),
        (2, "Tristan Tal", day(2020, 1, 30)),
        (3, "Sasha Hao", day(2021, 12, 1)),
        (4, "Taylor Jai", day(2015, 1, 2)),
    ]
    .map(|(id, name, hire_date)| employee::Model {
        id,
        name: name.to_owned(),
        hire_date,
    })
    .into()
}

fn meetings() -> Vec<meeting::Model> {
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
    .map(|(id, topic, scheduled_time, location)| meeting::Model {
        id,
        topic: topic.to_owned(),
        scheduled_time,
        location: Some(location.to_owned()),
    })
    .into()
}

fn attendances() -> Vec<employee_meeting::Model> {
    [(1, 1), (1, 2), (2, 2), (3, 2), (4, 2)]
        .map(|(employee_id, meeting_id)| employee_meeting::Model {
            employee_id,
            meeting_id,
        })
        .into()
}

fn projects() -> Vec<project::Model> {
    [
        (1, "XYZ Project Flask server", 50_000),
        (2, "XYZ Project React UI", 100_000),
    ]
    .map(|(id, title, budget)| project::Model {
        id,
        title: title.to_owned(),
        budget: Some(budget),
    })
    .into()
}

fn assignments() -> Vec<assignment::Model> {
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
    .map(
        |(id, role, employee_id, project_id, start, end)| assignment::Model {
            id,
            role: Some(role.to_owned()),
            start_date: Some(at(start, 0, 0)),
            end_date: Some(at(end, 0, 0)),
            employee_id,
            project_id,
        },
    )
    .into()
}

/// Returns a day of the calendar. Panics if the calendar has no such day, which is a mistake in this file.
const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day of the calendar")
}

/// Returns a time of a day, in UTC.
fn at(day: NaiveDate, hour: i64, minute: i64) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::minutes(60 * hour + minute)
}
