//! A company of any size: the same numbers give the same rows, on every machine and either database.
//!
//! Every table has its own sequence of random numbers, so that more meetings do not change the
//! assignments. All rows satisfy the constraints: a team or an audience takes each employee once
//! ([`EmployeePicker`]), and a second stint on a project has another role or a later start.

use std::collections::HashSet;

use chrono::{Datelike, TimeDelta, Weekday};
use entity::{assignment, employee, employee_meeting, meeting, project};

use super::{
    Counts,
    lesson::{at, day},
    random::Random,
};
use crate::{config::SeedCounts, error::Error};

/// Employees of a large project.
const TEAM: u64 = 200;

/// One of this many projects is large.
const LARGE: u64 = 50;

/// Assignments that one employee may have on one project; they fill some eight years.
const STINTS: u64 = 100;

/// The first of each this many employees is three times as likely to be chosen as the others.
const BUSY: u64 = 10;

/// Derives the missing numbers from the others. Refuses impossible ones.
pub(super) fn complete(given: SeedCounts) -> Result<Counts, Error> {
    let employees = given.employees.map_or(10_000, u64::from);
    let projects = given.projects.map_or(2_000, u64::from);
    let meetings = given.meetings.map_or(5_000, u64::from);
    let seats = employees.saturating_mul(meetings);
    let stints = employees.saturating_mul(projects).saturating_mul(STINTS);
    let counts = Counts {
        employees,
        projects,
        assignments: given
            .assignments
            .map_or((5 * employees).min(stints), u64::from),
        meetings,
        attendances: given
            .attendances
            .map_or((4 * employees).min(seats), u64::from),
    };
    if counts.attendances > seats {
        return Err(Error::Impossible(format!(
            "{employees} employees at {meetings} meetings are at most {seats} attendances, not {}",
            counts.attendances
        )));
    }
    if counts.assignments > stints {
        return Err(Error::Impossible(format!(
            "{employees} employees on {projects} projects, each at most {STINTS} times, are at \
             most {stints} assignments, not {}",
            counts.assignments
        )));
    }
    Ok(counts)
}

pub(super) fn employees(counts: Counts) -> impl Iterator<Item = employee::Model> + Send {
    ids(counts.employees).map(|id| {
        let mut random = employee_random(id as u64);
        employee::Model {
            id,
            name: name(&mut random),
            hire_date: day(2005, 1, 1) + TimeDelta::days(random.below(20 * 365) as i64),
            version: 1,
        }
    })
}

/// Returns the three random numbers of an employee. An assignment needs the name again, and names of
/// millions of employees are more than the memory should hold.
fn employee_random(id: u64) -> Random {
    Random::new(1).skip(3 * (id - 1))
}

fn name(random: &mut Random) -> String {
    format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES))
}

pub(super) fn meetings(counts: Counts) -> impl Iterator<Item = meeting::Model> + Send {
    let mut random = Random::new(2);
    ids(counts.meetings).map(move |id| {
        let date = day(2022, 1, 3) + TimeDelta::days(random.below(4 * 365) as i64);
        let workday = match date.weekday() {
            Weekday::Sat | Weekday::Sun => date + TimeDelta::days(2),
            _ => date,
        };
        let (hour, quarter) = (8 + random.below(10), random.below(4));
        meeting::Model {
            id,
            topic: format!("{} {}", random.pick(SUBJECTS), random.pick(OCCASIONS)),
            scheduled_time: at(workday, hour as i64, 15 * quarter as i64),
            location: (!random.one_in(6)).then(|| {
                let building = random.pick(&["A", "B", "C", "D"]);
                format!("Building {building}, Room {}", 101 + random.below(400))
            }),
            version: 1,
        }
    })
}

pub(super) fn projects(counts: Counts) -> impl Iterator<Item = project::Model> + Send {
    let mut random = Random::new(3);
    ids(counts.projects).map(move |id| project::Model {
        id,
        title: format!("{} {}", random.pick(CODE_NAMES), random.pick(PRODUCTS)),
        budget: (!random.one_in(8)).then(|| 10_000 + 2_500 * random.below(800) as i64),
        version: 1,
    })
}

pub(super) fn assignments(counts: Counts) -> impl Iterator<Item = assignment::Model> + Send {
    let mut random = Random::new(4);
    let mut picker = EmployeePicker::new(counts.employees);
    let team = TEAM.min(counts.employees);
    let mut large = large_projects(counts, team);
    let mut left = counts.projects - large;
    let mut rest = counts.assignments - large * team;
    let most = counts.employees.saturating_mul(STINTS);

    let stints = (1..=counts.projects).flat_map(move |project| {
        picker.clear();
        if large > 0 && project % LARGE == 1 {
            large -= 1;
            return staff(&mut random, &mut picker, project, team, false);
        }
        let size = random.share(rest, left, most);
        rest -= size;
        left -= 1;
        staff(&mut random, &mut picker, project, size, true)
    });
    ids(counts.assignments).zip(stints).map(|(id, mut stint)| {
        stint.id = id;
        stint
    })
}

pub(super) fn attendances(counts: Counts) -> impl Iterator<Item = employee_meeting::Model> + Send {
    let mut random = Random::new(5);
    let mut picker = EmployeePicker::new(counts.employees);
    let mut rest = counts.attendances;
    (1..=counts.meetings).flat_map(move |meeting| {
        picker.clear();
        let size = random.share(rest, counts.meetings - meeting + 1, counts.employees);
        rest -= size;
        let audience: Vec<_> = (0..size)
            .filter_map(|_| picker.take(&mut random))
            .map(|employee| employee_meeting::Model {
                employee_id: employee as i64,
                meeting_id: meeting as i64,
            })
            .collect();
        audience
    })
}

/// Returns the number of large projects: they leave assignments for the others, and are not all.
fn large_projects(counts: Counts, team: u64) -> u64 {
    if team == 0 {
        return 0;
    }
    let large = counts
        .projects
        .div_ceil(LARGE)
        .min(counts.projects.saturating_sub(1))
        .min(counts.assignments / 2 / team);
    let others = counts.projects - large;
    let room = others
        .saturating_mul(counts.employees)
        .saturating_mul(STINTS);
    if counts.assignments - large * team > room {
        return 0;
    }
    large
}

/// Stints of one employee on one project.
struct ProjectMember {
    employee: u64,
    role: u64,
    start: chrono::DateTime<chrono::Utc>,
    stints: u64,
}

/// Returns the assignments of one project. Some employees, or all if the team has every employee, have
/// several.
fn staff(
    random: &mut Random,
    picker: &mut EmployeePicker,
    project: u64,
    size: u64,
    some_come_back: bool,
) -> Vec<assignment::Model> {
    let begin = day(2016, 1, 1) + TimeDelta::days(random.below(3_300) as i64);
    let mut places: Vec<ProjectMember> = Vec::new();
    let mut stints = Vec::new();
    for nth in 0..size {
        let returns = some_come_back && !places.is_empty() && random.one_in(25);
        let newcomer = if returns { None } else { picker.take(random) };
        let place = match newcomer {
            Some(employee) => {
                places.push(ProjectMember {
                    employee,
                    role: random.below(ROLES.len() as u64),
                    start: at(begin + TimeDelta::days(random.below(400) as i64), 0, 0),
                    stints: 0,
                });
                places.len() as u64 - 1
            }
            None if returns => random.below(places.len() as u64),
            None => nth % places.len() as u64,
        };
        stints.push(stint(random, project, &mut places[place as usize]));
    }
    stints
}

/// Returns the next assignment of an employee to a project. Only the first may lack role or start; of the
/// others every second has another role, and every other starts later: no two are alike.
fn stint(random: &mut Random, project: u64, place: &mut ProjectMember) -> assignment::Model {
    let first = place.stints == 0;
    let role = ROLES[((place.role + place.stints) % ROLES.len() as u64) as usize];
    let start = place.start + TimeDelta::days(60 * (place.stints / 2) as i64);
    let end = start + TimeDelta::days(30 + random.below(700) as i64);
    let (no_role, no_start, no_end) = (random.one_in(12), random.one_in(15), random.one_in(4));
    place.stints += 1;
    assignment::Model {
        id: 0,
        role: (!(first && no_role)).then(|| role.to_owned()),
        start_date: (!(first && no_start)).then_some(start),
        end_date: (!no_end).then_some(end),
        employee_id: place.employee as i64,
        project_id: project as i64,
        version: 1,
        employee_name: name(&mut employee_random(place.employee)),
    }
}

/// Random choice of employees without repetition within a project or meeting.
struct EmployeePicker {
    employees: u64,
    /// Employees of the project or meeting. Holds a team, so that memory does not grow with the company.
    taken: HashSet<u64>,
}

impl EmployeePicker {
    fn new(employees: u64) -> Self {
        Self {
            employees,
            taken: HashSet::new(),
        }
    }

    /// Begins the next project or meeting: all employees are free.
    fn clear(&mut self) {
        self.taken.clear();
    }

    /// Takes a free employee and returns the id; `None` if none is free.
    fn take(&mut self, random: &mut Random) -> Option<u64> {
        if self.taken.len() as u64 == self.employees {
            return None;
        }
        let mut at = self.random_index(random);
        for _ in 0..8 {
            if !self.taken.contains(&at) {
                break;
            }
            at = self.random_index(random);
        }
        // Most are taken: takes the next free one.
        while !self.taken.insert(at) {
            at = (at + 1) % self.employees;
        }
        Some(at + 1)
    }

    /// The first of each ten has three chances, the others one each.
    fn random_index(&self, random: &mut Random) -> u64 {
        let tens = self.employees.div_ceil(BUSY);
        loop {
            let chance = random.below(tens * (BUSY + 2));
            let (ten, chance) = (chance / (BUSY + 2), chance % (BUSY + 2));
            let at = ten * BUSY + chance.saturating_sub(2);
            if at < self.employees {
                return at;
            }
        }
    }
}

fn ids(count: u64) -> impl Iterator<Item = i64> + Send {
    1..=count as i64
}

#[rustfmt::skip]
const FIRST_NAMES: &[&str] = &[
    "Adaeze", "Agnieszka", "Aiko", "Alejandro", "Amara", "Amélie", "Anders", "Anjali", "Ayşe",
    "Beatriz", "Björn", "Bronagh", "Chiara", "Chloë", "Daniel", "Đức", "Dilara", "Elif", "Emma",
    "Esra", "Fatima", "Fen", "François", "Freya", "Gabriela", "Giulia", "Grace", "Hana", "Hiroshi",
    "Ibrahim", "Ines", "Isla", "Ivan", "Jamal", "James", "Jelena", "Jia", "João", "José", "Karim",
    "Katarzyna", "Keiko", "Kwame", "Lars", "Laura", "Leila", "Liam", "Linh", "Łukasz", "Maja",
    "Marek", "María", "Mateo", "Mehmet", "Mei", "Min-jun", "Mohammed", "Nadia", "Ngozi", "Nia",
    "Noah", "Nour", "Olivia", "Omar", "Oluwaseun", "Øyvind", "Paolo", "Petra", "Priya", "Rahul",
    "Raúl", "Renée", "Rosa", "Samuel", "Sara", "Sean", "Siobhán", "Sofia", "Søren", "Svetlana",
    "Tadeáš", "Tamar", "Thabo", "Thomas", "Uri", "Valentina", "Vikram", "Wei", "Yara", "Yuki",
    "Yusuf", "Zahra", "Zoë", "Žofie",
];

#[rustfmt::skip]
const LAST_NAMES: &[&str] = &[
    "Abebe", "Adeyemi", "Ågren", "Almeida", "Andersson", "Bakker", "Becker", "Bianchi", "Brown",
    "Castillo", "Chen", "Cohen", "Costa", "Dąbrowski", "Das", "Diallo", "Dubois", "Eriksen",
    "Fernández", "Fischer", "Flores", "García", "Goldberg", "Gonçalves", "Guðmundsdóttir", "Gupta",
    "Haddad", "Hansen", "Horvat", "Ito", "Ivanov", "Jansen", "Jensen", "Johnson", "Kamara", "Kaya",
    "Khan", "Kim", "Kobayashi", "Kovács", "Kowalska", "Lee", "Lefèvre", "Li", "Lindqvist", "López",
    "Mbeki", "Mehta", "Meyer", "Moreau", "Müller", "Murphy", "Nakamura", "Nguyễn", "Novák",
    "O'Brien", "Okafor", "Okonkwo", "Olsen", "Özdemir", "Park", "Patel", "Pereira", "Petrović",
    "Popescu", "Rahman", "Rao", "Ricci", "Rossi", "Sánchez", "Santos", "Sato", "Schäfer", "Schmidt",
    "Sharma", "Silva", "Singh", "Smith", "Sørensen", "Suzuki", "Svoboda", "Tanaka", "Taylor",
    "Torres", "Traoré", "Tremblay", "Tshabalala", "van Dijk", "Virtanen", "Walker", "Wang",
    "Watanabe", "Weiß", "Williams", "Wójcik", "Yamamoto", "Yılmaz", "Zhang", "Zhou", "Ziegler",
];

#[rustfmt::skip]
const ROLES: &[&str] = &[
    "Project manager", "Product owner", "Business analyst", "Solution architect", "Team lead",
    "Backend programmer", "Frontend programmer", "Flask programmer", "React programmer",
    "Rust programmer", "Mobile programmer", "Database administrator", "Data engineer",
    "Data scientist", "DevOps engineer", "Security engineer", "UX designer", "UX researcher",
    "Test engineer", "Technical writer", "Trainer", "Consultant",
];

#[rustfmt::skip]
const CODE_NAMES: &[&str] = &[
    "Albatross", "Amber", "Atlas", "Aurora", "Basalt", "Beacon", "Birch", "Borealis", "Cedar",
    "Cobalt", "Compass", "Condor", "Delta", "Ember", "Falcon", "Fjord", "Gamma", "Granite",
    "Harbour", "Heron", "Indigo", "Juniper", "Kestrel", "Lagoon", "Larch", "Lumen", "Magnet",
    "Meridian", "Nimbus", "Nordstjärnan", "Obsidian", "Orchid", "Osprey", "Papaya", "Pelican",
    "Quartz", "Río", "Saffron", "Sequoia", "Tundra", "Umbra", "Vega", "Willow", "Zephyr",
];

#[rustfmt::skip]
const PRODUCTS: &[&str] = &[
    "Flask server", "React UI", "mobile app", "data warehouse", "billing rework", "search",
    "customer portal", "payment gateway", "reporting", "identity provider", "cloud migration",
    "design system", "recommendation engine", "inventory", "booking platform", "API gateway",
    "archive", "monitoring", "field service app", "partner API", "intranet", "fraud detection",
    "data lake", "self-service checkout", "accessibility audit", "load test", "pilot", "café POS",
];

#[rustfmt::skip]
const SUBJECTS: &[&str] = &[
    "Software Engineering", "Github Issues", "Product", "Architecture", "Design", "Platform",
    "Security", "Data", "Customer Success", "Hiring", "Budget", "Roadmap", "Incident", "Quality",
    "Release", "Onboarding", "Sales", "Legal", "Café Kitchen", "Accessibility",
];

#[rustfmt::skip]
const OCCASIONS: &[&str] = &[
    "Weekly Update", "Brainstorming", "Review", "Retrospective", "Planning", "Workshop", "Stand-up",
    "All Hands", "Demo", "Deep Dive", "Kick-off", "Training", "Office Hours", "Post-mortem", "Q&A",
    "Breakfast",
];
