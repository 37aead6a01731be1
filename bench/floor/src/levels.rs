//! One statement for each level, whatever the database; its rows become the answer here.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    Failure,
    answer::{
        Answer, Assignment, Employee, Employees, FLAT, IdentifiedPerson, Member, Mission, Name,
        Nodes, PAGE, Person, Project, Projects, ROOTS, Staffed, Stint, Store, TEAM,
    },
};

/// The number of the parent among those asked for, and the title, or the name, of its child.
pub(crate) type ChildRow = (i64, String);
/// The same for a project, with its key.
pub(crate) type ProjectRow = (i64, i64, String);
/// The same with the budget.
pub(crate) type BudgetRow = (i64, i64, String, Option<i64>);
/// The parent's number, role, start, end, employee.
pub(crate) type AssignmentRow = (
    i64,
    Option<String>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    i64,
);

/// The statements. Each list comes in the order of its parents, each parent's in the API's order.
pub(crate) trait Levels: Clone + Send + Sync + 'static {
    fn employee(&self, key: i64) -> impl Answer<Option<(String, NaiveDate)>>;
    fn first_employees(&self, count: i64) -> impl Answer<Vec<(i64, String, NaiveDate)>>;
    fn first_names(&self, count: i64) -> impl Answer<Vec<(i64, String)>>;
    fn first_projects(&self, count: i64) -> impl Answer<Vec<(i64, String)>>;
    fn titles_of(&self, employees: &[i64], limit: i64) -> impl Answer<Vec<ProjectRow>>;
    fn budgets_of(&self, employees: &[i64], limit: i64) -> impl Answer<Vec<BudgetRow>>;
    fn team_of(&self, projects: &[i64], limit: i64) -> impl Answer<Vec<ChildRow>>;
    fn assignments_of(&self, projects: &[i64], limit: i64) -> impl Answer<Vec<AssignmentRow>>;
    fn names(&self, employees: &[i64]) -> impl Answer<Vec<(i64, String)>>;
    fn assign(&self, employee: i64, project: i64) -> impl Answer<Option<(i64, String)>>;
}

impl<L: Levels> Store for L {
    async fn point(&self, employee: i64) -> Result<Employee<Person>, Failure> {
        let row = self.employee(employee).await?;
        Ok(Employee {
            employee: row.map(|(name, hire_date)| Person { name, hire_date }),
        })
    }

    async fn mission(&self, employee: i64) -> Result<Employee<Member<Mission>>, Failure> {
        let Some((name, _)) = Levels::employee(self, employee).await? else {
            return Ok(Employee { employee: None });
        };
        let projects = self.budgets_of(&[employee], PAGE).await?;
        let keys: Vec<i64> = projects.iter().map(|row| row.1).collect();
        let teams = teams(self, &keys, PAGE).await?;
        let projects = projects.into_iter().zip(teams);
        Ok(Employee {
            employee: Some(Member {
                name,
                projects: projects
                    .map(|((_, _, title, budget), employees)| Mission {
                        title,
                        budget,
                        employees,
                    })
                    .collect(),
            }),
        })
    }

    async fn nested(&self) -> Result<Employees<Member<Project>>, Failure> {
        let employees = self.first_names(ROOTS).await?;
        let keys: Vec<i64> = employees.iter().map(|row| row.0).collect();
        let projects = self.titles_of(&keys, PAGE).await?;

        let mut places = HashMap::new();
        let mut distinct = Vec::new();
        for (_, key, _) in &projects {
            places.entry(*key).or_insert_with(|| {
                distinct.push(*key);
                distinct.len() - 1
            });
        }
        let teams = teams(self, &distinct, TEAM).await?;
        let teams: Vec<_> = teams.into_iter().map(Arc::new).collect();

        let mut members: Vec<_> = employees
            .into_iter()
            .map(|(_, name)| Member {
                name,
                projects: Nodes { nodes: Vec::new() },
            })
            .collect();
        for (parent, key, title) in projects {
            members[parent as usize].projects.nodes.push(Project {
                title,
                employees: teams[places[&key]].clone(),
            });
        }
        Ok(Employees {
            employees: Nodes { nodes: members },
        })
    }

    async fn flat(&self) -> Result<Employees<IdentifiedPerson>, Failure> {
        let rows = self.first_employees(FLAT).await?;
        let employees = rows
            .into_iter()
            .map(|(id, name, hire_date)| IdentifiedPerson {
                id,
                name,
                hire_date,
            })
            .collect();
        Ok(Employees { employees })
    }

    async fn edges(&self) -> Result<Projects, Failure> {
        let projects = self.first_projects(ROOTS).await?;
        let keys: Vec<i64> = projects.iter().map(|row| row.0).collect();
        let assignments = self.assignments_of(&keys, PAGE).await?;
        let mut keys: Vec<i64> = assignments.iter().map(|row| row.4).collect();
        keys.sort_unstable();
        keys.dedup();
        let names: HashMap<_, _> = self.names(&keys).await?.into_iter().collect();

        let mut projects: Vec<_> = projects
            .into_iter()
            .map(|(_, title)| Staffed {
                title,
                assignments: Nodes { nodes: Vec::new() },
            })
            .collect();
        for (parent, role, start_date, end_date, employee) in assignments {
            projects[parent as usize].assignments.nodes.push(Stint {
                role,
                start_date,
                end_date,
                employee: Name {
                    name: names.get(&employee).ok_or("an employee is gone")?.clone(),
                },
            });
        }
        Ok(Projects {
            projects: Nodes { nodes: projects },
        })
    }

    async fn write(&self, employee: i64, project: i64) -> Result<Option<Assignment>, Failure> {
        let assigned = self.assign(employee, project).await?;
        Ok(assigned.map(|(id, name)| Assignment {
            id,
            employee: Name { name },
        }))
    }
}

async fn teams<L: Levels>(
    levels: &L,
    projects: &[i64],
    limit: i64,
) -> Result<Vec<Nodes<Name>>, Failure> {
    let mut teams: Vec<_> = projects
        .iter()
        .map(|_| Nodes { nodes: Vec::new() })
        .collect();
    for (parent, name) in levels.team_of(projects, limit).await? {
        teams[parent as usize].nodes.push(Name { name });
    }
    Ok(teams)
}
