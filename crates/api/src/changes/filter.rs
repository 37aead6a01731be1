//! Filter of the change feed, as a condition in SQL and on a row.

use std::collections::HashSet;

use async_graphql::{ID, InputObject};
use entity::change::{self, Column, Kind, Subject};
use sea_level::{FilterContext, Provided, column, scalar::key_of};
use sea_orm::{
    DbBackend,
    sea_query::{Condition, ExprTrait},
};

use super::{ChangeKind, ChangeSubject, TOUCHED, key};

/// Which changes. Everything given must hold.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct ChangeFilter {
    /// One of these kinds of thing. An empty list matches nothing, here and below.
    types: Provided<Vec<ChangeSubject>>,
    /// One of these kinds of change.
    kinds: Provided<Vec<ChangeKind>>,
    /// Touches one of these ids: the thing itself, or either end of a link or assignment.
    touching: Provided<Vec<ID>>,
}

/// Predicate of a [`ChangeFilter`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangePredicate {
    subjects: Option<Vec<Subject>>,
    kinds: Option<Vec<Kind>>,
    /// Keys in the order of [`TOUCHED`].
    touching: Option<Vec<HashSet<i64>>>,
}

impl From<Option<ChangeFilter>> for ChangePredicate {
    fn from(filter: Option<ChangeFilter>) -> Self {
        let ChangeFilter {
            types,
            kinds,
            touching,
        } = filter.unwrap_or_default();
        let keys = |ids: &[ID], prefix| ids.iter().filter_map(|id| key_of(prefix, id)).collect();
        Self {
            subjects: types
                .0
                .map(|types| types.into_iter().map(Into::into).collect()),
            kinds: kinds
                .0
                .map(|kinds| kinds.into_iter().map(Into::into).collect()),
            touching: touching
                .0
                .map(|ids| TOUCHED.map(|(prefix, _)| keys(&ids, prefix)).into()),
        }
    }
}

impl ChangePredicate {
    /// True if the change matches.
    pub fn holds(&self, change: &change::Model) -> bool {
        let touches = |(keys, (_, column)): (&HashSet<i64>, (_, Column))| {
            key(change, column).is_some_and(|key| keys.contains(&key))
        };
        change.subject != Subject::Feed
            && self
                .subjects
                .as_ref()
                .is_none_or(|subjects| subjects.contains(&change.subject))
            && self
                .kinds
                .as_ref()
                .is_none_or(|kinds| kinds.contains(&change.kind))
            && self
                .touching
                .as_ref()
                .is_none_or(|touching| touching.iter().zip(TOUCHED).any(touches))
    }

    /// Builds the condition in SQL.
    pub(super) fn condition(&self, backend: DbBackend) -> Condition {
        let mut all = Condition::all().add(column(Column::Subject).ne(Subject::Feed));
        if let Some(subjects) = &self.subjects {
            all = all.add(column(Column::Subject).is_in(subjects.iter().copied()));
        }
        if let Some(kinds) = &self.kinds {
            all = all.add(column(Column::Kind).is_in(kinds.iter().copied()));
        }
        if let Some(touching) = &self.touching {
            let context = FilterContext::new(backend, "");
            let any = touching.iter().zip(TOUCHED).map(|(keys, (_, id))| {
                let keys: Vec<i64> = keys.iter().copied().collect();
                context.among_numbers(column(id), &keys)
            });
            all = all.add(any.fold(Condition::any(), Condition::add));
        }
        all
    }
}
