//! Overlapping assignments and clashing meetings of one employee.
//!
//! One statement reads what an employee has, in order; the pairs are found here, exactly and the
//! same on both databases.

use std::collections::BTreeMap;

use async_graphql::{Context, SimpleObject};
use chrono::{DateTime as Instant, TimeDelta, Utc};
use entity::{assignment, employee};
use sea_orm::{
    DbBackend, Related,
    sea_query::{Condition, Query},
};

use sea_level::{
    DateTime, Error, FilterContext, Link, ListOutput, Loader, Node, ObjectFields, Order, Reader,
    Record, RecordBatch, Result, key_part, operation, records_per_key,
};

use crate::{assignment::Assignment, meeting::Meeting, period::DateTimeRangeInput};

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

impl ObjectFields for AssignmentOverlap {}

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

impl ObjectFields for MeetingClash {}

/// The overlaps among the assignments of the employee with this key.
pub async fn assignment_overlaps(
    ctx: &Context<'_>,
    employee: i64,
    during: Option<&DateTimeRangeInput>,
) -> Result<ListOutput<AssignmentOverlap>> {
    let during = match during {
        Some(range) => range.bounds(&FilterContext::new(DbBackend::Sqlite, "during"))?,
        None => (None, None),
    };
    let rows = operation(ctx)
        .load(&All::<Assignment>::new(), employee)
        .await?;
    let overlaps = overlaps(&rows, during.0, during.1);
    let found = |index| Assignment::from(Record::<Assignment>::new(rows.clone(), index));
    Ok(ListOutput(
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
) -> Result<ListOutput<MeetingClash>> {
    if !(0..=1440).contains(&within_minutes) {
        return Err(Error::bad_input(
            "withinMinutes",
            "`withinMinutes` must be 0 to 1440.",
        ));
    }
    let within = TimeDelta::minutes(within_minutes.into());
    let rows = operation(ctx)
        .load(&All::<Meeting>::new(), employee)
        .await?;
    let found = |index| Meeting::from(Record::<Meeting>::new(rows.clone(), index));
    // Lazy: at most one comparison for each row, and one for each pair that is returned.
    let clashes = rows.iter().enumerate().flat_map(|(first, earlier)| {
        let later = rows.iter().enumerate().skip(first + 1);
        later
            .map(move |(second, later)| {
                (first, second, later.scheduled_time - earlier.scheduled_time)
            })
            .take_while(|(_, _, apart)| *apart <= within)
    });
    Ok(ListOutput(
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
#[derive(Debug, PartialEq)]
struct Overlap {
    from: Option<Instant<Utc>>,
    first: usize,
    second: usize,
    until: Option<Instant<Utc>>,
}

/// Returns the first [`MOST`] overlaps, by start of the shared time, then by the ids of the pair.
///
/// The assignments are sorted by start (null first), then by id. Time is O(n log n) and memory O(n),
/// also where all starts are equal. The limit of loaded rows bounds both: 100,000 undated assignments
/// take 50 ms without optimization, so the search does not yield.
fn overlaps(
    assignments: &[assignment::Model],
    from: Option<DateTime>,
    until: Option<DateTime>,
) -> Vec<Overlap> {
    let ends_after = |index: usize, instant: Option<Instant<Utc>>| {
        let end = assignments[index].end_date;
        end.zip(instant).is_none_or(|(end, instant)| instant < end)
    };
    let from = from.map(|from| from.0);
    let mut found = Vec::new();
    // By id. One that has ended is removed when the search meets it, so at most once.
    let mut running: BTreeMap<i64, usize> = BTreeMap::new();
    let mut next = 0;
    // The shared time of a pair starts with its second: each group of equal starts comes before all
    // groups behind it.
    for group in assignments.chunk_by(|one, other| one.start_date == other.start_date) {
        let start = group[0].start_date;
        let is_late = start
            .zip(until)
            .is_some_and(|(start, until)| start >= until.0);
        if is_late || found.len() == MOST {
            break;
        }
        let seconds: Vec<usize> = (next..next + group.len())
            .filter(|second| ends_after(*second, from))
            .collect();
        next += group.len();
        running.extend(seconds.iter().map(|index| (assignments[*index].id, *index)));
        let Some(last) = seconds.last() else {
            continue;
        };
        let mut ended = Vec::new();
        for (id, first) in &running {
            if found.len() == MOST {
                break;
            }
            if first < last && !ends_after(*first, start) {
                ended.push(*id);
                continue;
            }
            let later = seconds.partition_point(|second| second <= first);
            let left = MOST - found.len();
            found.extend(seconds[later..].iter().take(left).map(|second| {
                Overlap {
                    from: start,
                    first: *first,
                    second: *second,
                    until: [*first, *second]
                        .into_iter()
                        .filter_map(|index| assignments[index].end_date)
                        .min(),
                }
            }));
        }
        for id in ended {
            running.remove(&id);
        }
    }
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

impl<N: Node> Loader for All<N>
where
    employee::Entity: Related<N::Entity>,
{
    type Key = i64;
    type Value = RecordBatch<N>;

    async fn load(&self, db: &Reader, employees: &[i64]) -> Result<Vec<RecordBatch<N>>> {
        let link = Link::between::<employee::Entity, N::Entity>();
        let mut select = Query::select();
        select
            .columns(
                N::COLUMNS
                    .iter()
                    .map(|column| (N::Entity::default(), *column)),
            )
            .from(N::Entity::default())
            .cond_where(link.others_of(key_part(0), Condition::all()));
        Order::<N>(N::ORDER.to_vec()).apply(&mut select, &Condition::all(), false);
        records_per_key(db, &select, employees).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(day: i64) -> Instant<Utc> {
        Instant::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn sorted(mut rows: Vec<assignment::Model>) -> Vec<assignment::Model> {
        rows.sort_by_key(|row| (row.start_date, row.id));
        rows
    }

    fn row(id: i64, start: Option<i64>, end: Option<i64>) -> assignment::Model {
        assignment::Model {
            id,
            role: None,
            start_date: start.map(day),
            end_date: end.map(day),
            employee_id: 1,
            project_id: 1,
            employee_name: String::new(),
            version: 1,
        }
    }

    /// Compares every pair.
    fn all_pairs(
        rows: &[assignment::Model],
        from: Option<DateTime>,
        until: Option<DateTime>,
    ) -> Vec<Overlap> {
        let mut found = Vec::new();
        for second in 0..rows.len() {
            for first in 0..second {
                let start = rows[second].start_date;
                let end = |index: usize| rows[index].end_date;
                let meets = end(first).zip(start).is_none_or(|(end, start)| start < end);
                let shared = [end(first), end(second)].into_iter().flatten().min();
                let is_early = shared.zip(from).is_some_and(|(end, from)| end <= from.0);
                let is_late = start
                    .zip(until)
                    .is_some_and(|(start, until)| start >= until.0);
                if meets && !is_early && !is_late {
                    found.push(Overlap {
                        from: start,
                        first,
                        second,
                        until: shared,
                    });
                }
            }
        }
        found.sort_by_key(|pair| (pair.from, rows[pair.first].id, rows[pair.second].id));
        found.truncate(MOST);
        found
    }

    /// Few different days, so that many are equal; an end that is not after its start too.
    fn dates() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
        (prop::option::of(0..6_i64), prop::option::of(0..9_i64))
    }

    proptest! {
        #[test]
        fn the_search_finds_the_pairs_that_comparing_all_finds(
            dates in prop::collection::vec(dates(), 0..40),
            ids in Just((1..=40).collect::<Vec<i64>>()).prop_shuffle(),
            from in prop::option::of(0..9_i64),
            until in prop::option::of(0..9_i64),
        ) {
            let rows = dates.iter().zip(ids).map(|((start, end), id)| row(id, *start, *end));
            let rows = sorted(rows.collect());
            let (from, until) = (from.map(day).map(DateTime), until.map(day).map(DateTime));
            prop_assert_eq!(overlaps(&rows, from, until), all_pairs(&rows, from, until));
        }
    }

    #[test]
    fn a_hundred_thousand_equal_starts_are_searched_without_comparing_all() {
        // Comparing all would take 5,000,000,000 comparisons.
        let rows: Vec<_> = (0..100_000).map(|id| row(id, None, None)).collect();
        let found = overlaps(&rows, None, None);
        assert_eq!(found.len(), MOST);
        assert!(found.iter().all(|pair| pair.first == 0));
        // Only the last two of these share time.
        let rows = sorted(
            (0..100_000)
                .map(|id| row(id, Some(id), Some(id + 1)))
                .chain([row(100_000, Some(99_999), None)])
                .collect(),
        );
        assert_eq!(overlaps(&rows, None, None).len(), 1);
    }
}
