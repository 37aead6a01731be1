//! Rows and assignments that are created together with an employee or a project.

use std::collections::HashSet;

use async_graphql::{ID, InputObject};
use entity::{employee, project};
use sea_level::{Date, DateTime, Long};
use sea_orm::{ActiveValue::Set, DbErr};

use super::staffing::{Side, Stint};
use crate::{
    employee::Employee,
    project::Project,
    user_error::{DuplicateAssignmentError, Place},
    write::{IdInput, Writable, Write},
};

/// An employee created on the way.
#[derive(InputObject)]
pub struct NewEmployeeInput {
    /// Full name, 1 to 200 characters.
    name: String,
    /// First day of employment; today (UTC) when omitted.
    hire_date: Option<Date>,
}

/// Validated employee to insert.
pub struct NewEmployee {
    name: String,
    hire_date: chrono::NaiveDate,
}

impl NewEmployee {
    /// Validates the fields of an input.
    pub fn read(write: &mut Write<'_>, place: &Place, name: &str, hire_date: Option<Date>) -> Self {
        let today = write.now.0.date_naive();
        Self {
            name: write.text(place.at("name"), name, 200),
            hire_date: hire_date.map_or(today, |date| date.0),
        }
    }

    /// Inserts the employee.
    pub async fn insert(&self, write: &mut Write<'_>) -> Result<i64, DbErr> {
        let row = employee::ActiveModel {
            name: Set(self.name.clone()),
            hire_date: Set(self.hire_date),
            ..Default::default()
        };
        Ok(write.insert::<Employee>(row).await?.id)
    }
}

impl NewEmployeeInput {
    /// Validates the input.
    pub fn read(&self, write: &mut Write<'_>, place: &Place) -> NewEmployee {
        NewEmployee::read(write, place, &self.name, self.hire_date)
    }
}

/// A project created on the way.
#[derive(InputObject)]
pub struct NewProjectInput {
    /// Title, 1 to 200 characters.
    title: String,
    /// Budget in whole currency units, 0 to 1,000,000,000,000.
    budget: Option<Long>,
}

/// Validated project to insert.
pub struct NewProject {
    title: String,
    budget: Option<i64>,
}

impl NewProject {
    /// Validates the fields of an input.
    pub fn read(write: &mut Write<'_>, place: &Place, title: &str, budget: Option<&Long>) -> Self {
        Self {
            title: write.text(place.at("title"), title, 200),
            budget: write.budget(place.at("budget"), budget),
        }
    }

    /// Inserts the project.
    pub async fn insert(&self, write: &mut Write<'_>) -> Result<i64, DbErr> {
        let row = project::ActiveModel {
            title: Set(self.title.clone()),
            budget: Set(self.budget),
            ..Default::default()
        };
        Ok(write.insert::<Project>(row).await?.id)
    }
}

impl NewProjectInput {
    /// Validates the input.
    pub fn read(&self, write: &mut Write<'_>, place: &Place) -> NewProject {
        NewProject::read(write, place, &self.title, self.budget.as_ref())
    }
}

/// Other side of a nested assignment: an existing row, or a new one.
pub enum OtherInput<'a, I> {
    /// An existing row.
    Id(&'a ID),
    /// A new row.
    Create(&'a I),
}

/// Fields of a nested assignment.
pub struct NestedInput<'a, I> {
    /// Employee or project.
    pub other: OtherInput<'a, I>,
    /// Role.
    pub role: Option<&'a String>,
    /// Start.
    pub start: Option<DateTime>,
    /// End, not included.
    pub end: Option<DateTime>,
}

/// Validated assignments of a row that is being created.
pub struct NestedAssignments<T> {
    /// Ids of existing rows on the other side.
    pub ids: Vec<IdInput>,
    /// New rows on the other side.
    pub new: Vec<T>,
    /// Each stint, with the key of an existing row.
    stints: Vec<(Option<i64>, Stint)>,
}

impl<T> NestedAssignments<T> {
    /// Validates assignments to rows of `N`, which the inputs name in `field`.
    pub fn read<'a, N: Writable, I: 'a>(
        write: &mut Write<'_>,
        place: &Place,
        field: &str,
        inputs: impl Iterator<Item = NestedInput<'a, I>>,
        read_new: impl Fn(&'a I, &mut Write<'_>, &Place) -> T,
    ) -> Self {
        let mut nested = Self {
            ids: Vec::new(),
            new: Vec::new(),
            stints: Vec::new(),
        };
        let mut seen = HashSet::new();
        for (index, input) in inputs.enumerate() {
            let place = place.at(index);
            let stint = Stint::read(write, &place, input.role, input.start, input.end);
            let key = match input.other {
                OtherInput::Create(input) => {
                    let new = read_new(input, write, &place.at(field).at("create"));
                    nested.new.push(new);
                    None
                }
                OtherInput::Id(id) => {
                    let id = IdInput::new::<N>(place.at(field).at("id"), id);
                    let key = id.key;
                    nested.ids.push(id);
                    // An id without a row is reported, and never used.
                    Some(key.unwrap_or_default())
                }
            };
            if let (Some(key), Some(identity)) = (key, stint.identity())
                && key != 0
                && !seen.insert((key, identity))
            {
                write.report(DuplicateAssignmentError::twice(place));
            }
            nested.stints.push((key, stint));
        }
        nested
    }

    /// Inserts the assignments of a row on this side. `new` are the keys of the new rows on the other.
    pub async fn insert(
        self,
        write: &mut Write<'_>,
        side: Side,
        own: i64,
        new: Vec<i64>,
    ) -> Result<(), DbErr> {
        let mut new = new.into_iter();
        for (key, stint) in self.stints {
            let other = key.or_else(|| new.next()).unwrap_or_default();
            let (employee, project) = side.pair(own, other);
            stint.insert(write, employee, project).await?;
        }
        Ok(())
    }
}
