//! What coincides in one person's time: assignments that overlap, meetings that clash.
//!
//! One statement reads what an employee has, in order; the pairs are found here, exactly and the
//! same on both databases.

use async_graphql::{Context, SimpleObject};
use chrono::{DateTime as Instant, TimeDelta, Utc};
use entity::{assignment, employee, meeting};
use sea_orm::{
    DbBackend, Related,
    sea_query::{Condition, Query},
};

use crate::{
    assignment::Assignment,
    batch::Question,
    context::{Found, Loaded, Record, batch},
    error::{Error, Result},
    filter::{DateTimeRangeInput, Reading},
    link::Link,
    meeting::Meeting,
    nodes::Nodes,
    order::Order,
    reader::Reader,
    rows::{Row, key_part, load_per_key},
    scalar::DateTime,
};

/// How many pairs are returned at most.
const MOST: usize = 100;

/// Two assignments of one employee that are active at the same time.
#[derive(SimpleObject)]
pub struct AssignmentOverlap {
    /// The one that starts first (the lower id on a tie).
    first: Assignment,
    /// The other one.
    second: Assignment,
    /// Start of the shared time; null when neither has a start.
    from: Option<DateTime>,
    /// End of the shared time; null when both are open-ended.
    until: Option<DateTime>,
    /// Are both on the same project?
    same_project: bool,
}

/// Two meetings of one employee that start close together.
#[derive(SimpleObject)]
pub struct MeetingClash {
    /// The earlier one (the lower id on a tie).
    first: Meeting,
    /// The other one.
    second: Meeting,
    /// Minutes between the two starts, rounded down.
    minutes_apart: i32,
}

/// The overlaps among the assignments of the employee with this key.
pub async fn assignment_overlaps(
    ctx: &Context<'_>,
    employee: i64,
    during: Option<&DateTimeRangeInput>,
) -> Result<Nodes<AssignmentOverlap>> {
    let during = match during {
        Some(range) => range.bounds(&Reading::new(DbBackend::Sqlite, "during"))?,
        None => (None, None),
    };
    let rows = batch(ctx)
        .load(&All::<assignment::Entity>::new(), employee)
        .await?;
    let overlaps = overlaps(&rows, during.0, during.1);
    let found = |index| Assignment::from(Found::<assignment::Entity>::new(rows.clone(), index));
    Ok(Nodes(
        overlaps
            .into_iter()
            .map(
                |Overlap {
                     from,
                     first,
                     second,
                     until,
                 }| AssignmentOverlap {
                    first: found(first),
                    second: found(second),
                    from: from.map(DateTime),
                    until: until.map(DateTime),
                    same_project: rows[first].project_id == rows[second].project_id,
                },
            )
            .collect(),
    ))
}

/// The clashes among the meetings of the employee with this key.
pub async fn meeting_clashes(
    ctx: &Context<'_>,
    employee: i64,
    within_minutes: i32,
) -> Result<Nodes<MeetingClash>> {
    if !(0..=1440).contains(&within_minutes) {
        return Err(Error::bad_input(
            "withinMinutes",
            "`withinMinutes` must be 0 to 1440.",
        ));
    }
    let within = TimeDelta::minutes(within_minutes.into());
    let rows = batch(ctx)
        .load(&All::<meeting::Entity>::new(), employee)
        .await?;
    let found = |index| Meeting::from(Found::<meeting::Entity>::new(rows.clone(), index));
    let clashes = rows.iter().enumerate().flat_map(|(first, earlier)| {
        let later = rows.iter().enumerate().skip(first + 1);
        later
            .map(move |(second, later)| {
                (first, second, later.scheduled_time - earlier.scheduled_time)
            })
            .take_while(|(_, _, apart)| *apart <= within)
    });
    Ok(Nodes(
        clashes
            .take(MOST)
            .map(|(first, second, apart)| MeetingClash {
                first: found(first),
                second: found(second),
                minutes_apart: i32::try_from(apart.num_minutes()).unwrap_or(i32::MAX),
            })
            .collect(),
    ))
}

/// A pair that overlaps, by index, and the time that the two share.
struct Overlap {
    from: Option<Instant<Utc>>,
    first: usize,
    second: usize,
    until: Option<Instant<Utc>>,
}

/// The earliest overlaps among assignments that are sorted by start (null first), then id.
fn overlaps(
    assignments: &[assignment::Model],
    from: Option<DateTime>,
    until: Option<DateTime>,
) -> Vec<Overlap> {
    let mut found = Vec::new();
    let mut running: Vec<usize> = Vec::new();
    for (second, later) in assignments.iter().enumerate() {
        // The shared time of a pair starts with its second, so no pair to come is earlier.
        let start = later.start_date;
        let same_start = |overlap: &Overlap| overlap.from == start;
        if found.len() >= MOST && !found.last().is_some_and(same_start) {
            break;
        }
        if start
            .zip(until)
            .is_some_and(|(start, until)| start >= until.0)
        {
            break;
        }
        running.retain(|first| match (assignments[*first].end_date, start) {
            (Some(end), Some(start)) => start < end,
            _ => true,
        });
        found.extend(running.iter().filter_map(|first| {
            let end = [assignments[*first].end_date, later.end_date]
                .into_iter()
                .flatten()
                .min();
            let in_range = from.zip(end).is_none_or(|(from, end)| from.0 < end);
            in_range.then_some(Overlap {
                from: start,
                first: *first,
                second,
                until: end,
            })
        }));
        running.push(second);
    }
    let id = |index: usize| assignments[index].id;
    found.sort_by_key(|overlap| (overlap.from, id(overlap.first), id(overlap.second)));
    found.truncate(MOST);
    found
}

/// All rows of `E` that are linked to an employee, in their default order.
struct All<E>(std::marker::PhantomData<fn() -> E>);

impl<E> All<E> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<E> Clone for All<E> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<E> PartialEq for All<E> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<E: Record> Question for All<E>
where
    employee::Entity: Related<E>,
{
    type Key = i64;
    type Answer = Loaded<E>;

    async fn ask(&self, db: &Reader, employees: &[i64]) -> Result<Vec<Loaded<E>>> {
        let link = Link::between::<employee::Entity, E>();
        let mut select = Query::select();
        select
            .columns(
                E::Model::COLUMNS
                    .iter()
                    .map(|column| (E::default(), *column)),
            )
            .from(E::default())
            .cond_where(link.others_of(key_part(0), Condition::all()));
        Order(E::ORDER.to_vec()).apply(&mut select, &Condition::all(), false);
        load_per_key(db, &select, employees).await
    }
}
