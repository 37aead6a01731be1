//! Filter of the change feed, as a condition in SQL and on a row.

use std::collections::HashSet;

use async_graphql::{ID, InputObject};
use entity::change::{self, Column, Kind, Subject};
use sea_level::{FilterContext, Node, Provided, column, scalar::key_of};
use sea_orm::{
    DbBackend,
    sea_query::{Condition, ExprTrait},
};

use super::{ChangeKind, ChangeSubject};
use crate::{assignment::Assignment, employee::Employee, meeting::Meeting, project::Project};

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
    touching: Option<Touching>,
}

/// Keys of each kind.
#[derive(Clone, Debug, Default, PartialEq)]
struct Touching {
    employees: HashSet<i64>,
    meetings: HashSet<i64>,
    projects: HashSet<i64>,
    assignments: HashSet<i64>,
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
            touching: touching.0.map(|ids| Touching {
                employees: keys(&ids, Employee::PREFIX),
                meetings: keys(&ids, Meeting::PREFIX),
                projects: keys(&ids, Project::PREFIX),
                assignments: keys(&ids, Assignment::PREFIX),
            }),
        }
    }
}

impl ChangePredicate {
    /// True if the change matches.
    pub fn holds(&self, change: &change::Model) -> bool {
        let one_of =
            |keys: &HashSet<i64>, key: Option<i64>| key.is_some_and(|key| keys.contains(&key));
        change.subject != Subject::Feed
            && self
                .subjects
                .as_ref()
                .is_none_or(|subjects| subjects.contains(&change.subject))
            && self
                .kinds
                .as_ref()
                .is_none_or(|kinds| kinds.contains(&change.kind))
            && self.touching.as_ref().is_none_or(|touching| {
                one_of(&touching.employees, change.employee_id)
                    || one_of(&touching.meetings, change.meeting_id)
                    || one_of(&touching.projects, change.project_id)
                    || one_of(&touching.assignments, change.assignment_id)
            })
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
            let one_of = |id: Column, keys: &HashSet<i64>| {
                let keys: Vec<i64> = keys.iter().copied().collect();
                context.among_numbers(column(id), &keys)
            };
            all = all.add(
                Condition::any()
                    .add(one_of(Column::EmployeeId, &touching.employees))
                    .add(one_of(Column::MeetingId, &touching.meetings))
                    .add(one_of(Column::ProjectId, &touching.projects))
                    .add(one_of(Column::AssignmentId, &touching.assignments)),
            );
        }
        all
    }
}
