//! Tables of this program that hold rows.

/// Tables of entities, parents first. Their ids are never reused.
pub(crate) const ENTITIES: &[&str] = &["employees", "meetings", "projects", "assignments"];

/// Join tables. Their rows are made and removed, never updated.
pub(crate) const JOINS: &[&str] = &["employee_meetings"];

/// The outbox. Its rows are not updated, either.
pub(crate) const CHANGES: &str = "changes";

/// Tables of a company, parents first.
pub(crate) fn company() -> impl DoubleEndedIterator<Item = &'static str> {
    ENTITIES.iter().chain(JOINS).copied()
}

/// All tables, parents first.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    company().chain([CHANGES])
}

/// Names as owned text, which parameters of statements and `join` take.
pub(crate) fn owned(names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
