//! Tables of this program that hold rows.

/// Tables of entities, parents first. An id of theirs is never given out again.
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

/// Names as SQL: separated by commas.
pub(crate) fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Names as text in SQL.
pub(crate) fn quoted(names: impl Iterator<Item = &'static str>) -> String {
    names
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ")
}
