//! Employees.

use sea_level::{
    Date, DateFilter, ListFilter, Node, PublicId, Record, SortExpr, Source, StringFilter, Text,
    filter, object, order,
};

use crate::{
    assignment::{Assignment, AssignmentFilter},
    entity::{employee, project},
    meeting::{Meeting, MeetingFilter},
    project::{Project, ProjectFilter},
    staffing::Staffing,
};

/// A person on staff.
#[derive(Clone, Node)]
#[node(
    entity = employee,
    columns(id, name, hire_date),
    prefix = "emp_",
    sorted_by(name),
    filter = EmployeeFilter,
    order = EmployeeOrder,
    connection = "A page of employees.",
    edge = "One employee in a page."
)]
pub struct Employee(Record<Employee>);

#[object]
impl Employee {
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Employee::PREFIX, self.0.id)
    }

    #[column]
    async fn name(&self) -> Text<'_> {
        Text(&self.0.name)
    }

    #[column]
    async fn hire_date(&self) -> Date {
        Date(self.0.hire_date)
    }

    /// Meetings that this employee attends.
    #[connection(
        filter = "Keep only meetings that match.",
        order = "Default: scheduledTime."
    )]
    fn meetings(&self) -> Source<Meeting> {
        Source::linked::<employee::Entity>("Employee.meetings")
    }

    /// Assignments of this employee.
    #[connection(
        filter = "Keep only assignments that match.",
        order = "Default: startDate."
    )]
    fn assignments(&self) -> Source<Assignment> {
        Source::linked::<employee::Entity>("Employee.assignments")
    }

    /// Projects that this employee works on, each once. The assignments are on the edge.
    #[connection(
        link = Staffing,
        filter = "Keep only projects that match.",
        through = "Keep only projects linked by an assignment that matches.",
        order = "Default: title."
    )]
    fn projects(&self) -> Source<Project> {
        Source::linked::<employee::Entity>("Employee.projects")
    }
}

#[filter(of = Employee)]
pub struct EmployeeFilter {
    name: StringFilter,
    hire_date: DateFilter,
    #[many]
    meetings: ListFilter<MeetingFilter>,
    #[many]
    projects: ListFilter<ProjectFilter>,
    #[many]
    assignments: ListFilter<AssignmentFilter>,
}

#[order(EmployeeOrder, of = Employee, description = "One sort key for employees.")]
pub enum EmployeeOrderField {
    Name,
    HireDate,
    /// Number of distinct projects.
    #[by(SortExpr::count::<project::Entity>)]
    ProjectCount,
}
