//! Projects.

use sea_level::{
    ListFilter, Long, LongFilter, Node, PublicId, Record, Source, StringFilter, Text, filter,
    object, order,
};

use crate::{
    assignment::{Assignment, AssignmentFilter},
    employee::{Employee, EmployeeFilter},
    entity::project,
    staffing::Staffing,
};

/// A piece of work that employees are assigned to.
#[derive(Clone, Node)]
#[node(
    entity = project,
    columns(id, title, budget),
    prefix = "prj_",
    sorted_by(title),
    filter = ProjectFilter,
    order = ProjectOrder,
    connection = "A page of projects.",
    edge = "One project in a page."
)]
pub struct Project(Record<Project>);

#[object]
impl Project {
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Project::PREFIX, self.0.id)
    }

    #[column]
    async fn title(&self) -> Text<'_> {
        Text(&self.0.title)
    }

    #[column]
    async fn budget(&self) -> Option<Long> {
        self.0.budget.map(Long)
    }

    /// Assignments on this project.
    #[connection(
        filter = "Keep only assignments that match.",
        order = "Default: startDate."
    )]
    fn assignments(&self) -> Source<Assignment> {
        Source::linked::<project::Entity>("Project.assignments")
    }

    /// Employees who work on this project, each once. The assignments are on the edge.
    #[connection(
        link = Staffing,
        filter = "Keep only employees that match.",
        through = "Keep only employees linked by an assignment that matches.",
        order = "Default: name."
    )]
    fn employees(&self) -> Source<Employee> {
        Source::linked::<project::Entity>("Project.employees")
    }
}

#[filter(of = Project)]
pub struct ProjectFilter {
    title: StringFilter,
    budget: LongFilter,
    #[many]
    employees: ListFilter<EmployeeFilter>,
    #[many]
    assignments: ListFilter<AssignmentFilter>,
}

#[order(
    ProjectOrder,
    of = Project,
    description = "One sort key for projects.",
    nulls = "Place of projects without a budget."
)]
pub enum ProjectOrderField {
    Title,
    Budget,
}
