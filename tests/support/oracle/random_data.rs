//! Random data for random queries.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::model::{
    AssignmentRow, EmployeeRow,
    Kind::{Employee, Meeting, Project},
    MeetingRow, Model, ProjectRow,
};

pub(super) const TEXTS: &[&str] = &[
    "Ann",
    "ann",
    "ANNA",
    "Anna Blum",
    "Änne",
    "änne",
    "ÄNNE",
    "a%b",
    "a_b",
    "aXb",
    "%",
    "_",
    "O'Neil",
    "say \"so\"",
    "C:\\temp",
    "\\",
    "日本語",
    "𝄞 clef",
    "Zoë",
    "Zoe\u{308}",
    "K",
    "\u{212a}",
    "k",
    "ß",
    "İi",
    "two\nlines",
    " Ann",
    "Ann ",
    "10",
    "9",
    "null",
    "{}",
    "[1]",
    "\u{1}",
    "?",
    "$1",
    "a;b--",
    "\u{ff5e}",
];

pub(super) const DATES: &[&str] = &[
    "0001-01-01",
    "1969-12-31",
    "1970-01-01",
    "2020-02-29",
    "2021-01-01",
    "2021-01-02",
    "2022-05-17",
    "9999-12-31",
];

pub(super) const BUDGETS: &[i64] = &[
    0,
    1,
    7,
    50_000,
    999_999,
    1_000_000,
    1_000_001,
    2_147_483_648,
    999_999_999_999,
    1_000_000_000_000,
];

/// Times around 2023-03-01, with ties and fractions of a second.
pub(super) const TIMES: &[i64] = &[
    -62_135_596_800_000_000,
    -1_500_000,
    0,
    1_677_628_800_000_000,
    1_677_628_800_000_001,
    1_677_628_800_100_000,
    1_677_628_800_123_000,
    1_677_628_800_123_456,
    1_677_628_801_000_000,
    1_677_715_200_000_000,
    1_680_307_200_000_000,
    1_680_307_200_999_999,
    1_685_577_600_000_000,
    253_402_300_799_999_999,
];

pub(super) fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    *from.choose(rng).unwrap()
}

pub(super) fn maybe<T>(rng: &mut StdRng, value: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    rng.random_bool(0.7).then(|| value(rng))
}

/// Returns distinct ids in random order, with gaps.
pub(super) fn ids(rng: &mut StdRng, count: usize) -> Vec<i64> {
    rand::seq::index::sample(rng, count * 3, count)
        .into_iter()
        .map(|id| id as i64 + 1)
        .collect()
}

pub fn company(rng: &mut StdRng) -> Model {
    let count = |rng: &mut StdRng| rng.random_range(4..14);
    let mut model = Model::default();
    let number = count(rng);
    for id in ids(rng, number) {
        let (name, hired) = (pick(rng, TEXTS).to_owned(), pick(rng, DATES).to_owned());
        model.employees.push(EmployeeRow { id, name, hired });
    }
    let number = count(rng);
    for id in ids(rng, number) {
        model.meetings.push(MeetingRow {
            id,
            topic: pick(rng, TEXTS).to_owned(),
            at: pick(rng, TIMES),
            location: maybe(rng, |rng| pick(rng, TEXTS).to_owned()),
        });
    }
    let number = count(rng);
    for id in ids(rng, number) {
        model.projects.push(ProjectRow {
            id,
            title: pick(rng, TEXTS).to_owned(),
            budget: maybe(rng, |rng| pick(rng, BUDGETS)),
        });
    }
    // Only some rows have links, so that some lists are empty and some are long.
    let some = |rng: &mut StdRng, mut ids: Vec<i64>| {
        ids.truncate(rng.random_range(2..=ids.len()));
        ids
    };
    let employees = some(rng, model.ids(Employee));
    let projects = some(rng, model.ids(Project));
    let roles = ["Lead", "lead", "LEAD", "Dev", "Änne", "a_b"];
    for id in ids(rng, 40) {
        let start = maybe(rng, |rng| pick(rng, TIMES));
        let end = maybe(rng, |rng| pick(rng, TIMES));
        let row = AssignmentRow {
            id,
            role: maybe(rng, |rng| pick(rng, &roles).to_owned()),
            start,
            end: end.filter(|end| start.is_none_or(|start| start < *end)),
            employee: pick(rng, &employees),
            project: pick(rng, &projects),
        };
        let same = |other: &AssignmentRow| {
            (other.employee, other.project, &other.role, other.start)
                == (row.employee, row.project, &row.role, row.start)
        };
        if !model.assignments.iter().any(same) {
            model.assignments.push(row);
        }
    }
    let employees = some(rng, model.ids(Employee));
    let meetings = some(rng, model.ids(Meeting));
    for _ in 0..25 {
        let pair = (pick(rng, &employees), pick(rng, &meetings));
        if !model.attendances.contains(&pair) {
            model.attendances.push(pair);
        }
    }
    model
}
