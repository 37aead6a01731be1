//! Query plans of the real statements on large tables, and the time of the most expensive filters.

use std::fmt::Write as _;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use server::{
    config::SeedCounts,
    database,
    seed::{self, Company},
};

use crate::support::app::{TestApp, apps};

/// Tables that common queries must not scan.
const TABLES: [&str; 5] = [
    "employees",
    "meetings",
    "projects",
    "assignments",
    "employee_meetings",
];

async fn companies(employees: u32, projects: u32, assignments: u32) -> Vec<TestApp> {
    let counts = SeedCounts {
        employees: Some(employees),
        projects: Some(projects),
        assignments: Some(assignments),
        meetings: None,
        attendances: None,
    };
    let company = Company::of(counts).unwrap();
    let apps = apps().await;
    // Filled on a maintenance connection, since statements of requests have a deadline.
    let filling = apps.iter().map(async |app| {
        let unhurried = database::maintain(&app.database.settings()).await;
        let unhurried = unhurried.unwrap();
        seed::fill(&unhurried, company, false).await.unwrap();
        unhurried.close().await.unwrap();
    });
    join_all(filling).await;
    apps
}

/// Returns the statements of a query with their plans.
async fn plans(app: &TestApp, query: &str) -> Vec<String> {
    app.database.forget_statements();
    app.query(query).await;
    let mut plans = Vec::new();
    for statement in app.database.recorded() {
        plans.push(explain(app, "EXPLAIN", &statement).await);
    }
    plans
}

/// Returns a statement with its plan, as this command of PostgreSQL shows it.
async fn explain(app: &TestApp, command: &str, statement: &Statement) -> String {
    let (command, column) = match statement.db_backend {
        DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        _ => (command, "QUERY PLAN"),
    };
    let mut plan = format!("{}\n", statement.sql);
    let mut explained = statement.clone();
    explained.sql = format!("{command} {}", statement.sql);
    let rows = app.database.connection().query_all_raw(explained).await;
    for row in rows.unwrap() {
        let line: String = row.try_get("", column).unwrap();
        writeln!(plan, "{line}").unwrap();
    }
    plan
}

/// Returns the tables that a plan scans.
fn scanned(plan: &str) -> Vec<&'static str> {
    let lines = plan
        .lines()
        .map(|line| line.trim_start_matches([' ', '-', '>']));
    let scanned = lines.filter_map(|line| {
        let rest = line
            .strip_prefix("SCAN ")
            .or(line.strip_prefix("Seq Scan on "))?;
        rest.split(' ').next()
    });
    let scanned: Vec<&str> = scanned.collect();
    TABLES
        .into_iter()
        .filter(|table| scanned.contains(table))
        .collect()
}

/// Filters of a team that most of its members meet.
const FILTERS: [&str; 4] = [
    r#"where: {hireDate: {gte: "2001-01-01"}}"#,
    r#"where: {not: {name: {contains: "zz"}}}"#,
    r#"through: {not: {role: {eq: "nobody has it"}}}"#,
    r#"where: {hireDate: {gte: "2001-01-01"}}, through: {active: {at: "2024-06-01T00:00:00Z"}}"#,
];

/// True if the statement sorts. Otherwise it stops at its LIMIT.
fn is_sorted(plan: &str) -> bool {
    plan.contains("TEMP B-TREE") || plan.contains("Sort")
}

#[tokio::test(flavor = "multi_thread")]
async fn common_queries_use_indexes() {
    for app in companies(10_000, 2_000, 50_000).await {
        for query in [
            // By id, and nested lists from there.
            r#"{ employee(id: "emp_7") { name } project(id: "prj_7") { title } meeting(id: "mtg_7") { topic } assignment(id: "asg_7") { role } }"#,
            r#"{ employee(id: "emp_7") { name projects { nodes { title employees { nodes { name } } } } } }"#,
            r#"{ employee(id: "emp_7") { meetings { nodes { topic employees { nodes { name } } } } assignments { nodes { project { title } } } } }"#,
            r#"{ project(id: "prj_1") { headcount assignments(first: 3) { totalCount byRole { role } nodes { employee { name } } } } }"#,
            r#"{ employee(id: "emp_7") { projects { totalCount edges { assignments { id } assignmentCount roles since until } } } }"#,
            r#"{ project(id: "prj_1") { employees(through: {active: {at: "2023-01-01T00:00:00Z"}}) { totalCount edges { assignmentCount } } } }"#,
            // By text.
            r#"{ employees(where: {name: {eq: "keiko lindqvist"}}) { totalCount nodes { name } } }"#,
            r#"{ employees(where: {name: {startsWith: "keiko li"}}) { totalCount nodes { name } } }"#,
            r#"{ employees(where: {name: {startsWith: "KEIKO LI\u00c9"}}) { totalCount nodes { name } } }"#,
            r#"{ projects(where: {title: {eq: "apollo platform"}}) { totalCount } meetings(where: {topic: {startsWith: "budget re"}}) { totalCount } }"#,
            r#"{ assignments(where: {role: {eq: "nobody has it"}}) { totalCount nodes { id } } }"#,
            // By ids.
            r#"{ employees(where: {ids: ["emp_1", "emp_2", "emp_9999"]}) { totalCount nodes { name } } }"#,
            // By linked records.
            r#"{ employees(where: {assignments: {some: {role: {eq: "nobody has it"}}}}) { totalCount nodes { name } } }"#,
            r#"{ employees(where: {projects: {some: {ids: ["prj_3"]}}}) { totalCount nodes { name } } }"#,
            r#"{ employees(where: {meetings: {some: {topic: {eq: "budget review"}, ids: ["mtg_3"]}}}) { totalCount nodes { name } } }"#,
            r#"{ projects(where: {employees: {some: {name: {eq: "keiko lindqvist"}}}}) { totalCount nodes { title } } }"#,
            r#"{ meetings(where: {employees: {some: {name: {eq: "keiko lindqvist"}}}}) { totalCount nodes { topic } } }"#,
            r#"{ assignments(where: {employee: {name: {eq: "keiko lindqvist"}}}) { totalCount nodes { id } } }"#,
            r#"{ employee(id: "emp_7") { projects(where: {employees: {some: {name: {startsWith: "keiko li"}}}}) { nodes { title } } } }"#,
        ] {
            for plan in plans(&app, query).await {
                let scanned = scanned(&plan);
                assert!(
                    scanned.is_empty(),
                    "{}: {query} reads all of {scanned:?}:\n{plan}",
                    app.name()
                );
            }
        }
        // An index-only scan reads no rows; PostgreSQL needs a vacuumed table for it.
        let (covering, of_key) = match app.name() {
            "postgres" => {
                let vacuum = app.database.connection();
                vacuum.execute_unprepared("VACUUM ANALYZE").await.unwrap();
                ("Index Only Scan", "ix_employees_id_name")
            }
            _ => ("USING COVERING INDEX", "INTEGER PRIMARY KEY"),
        };
        // A page of a team starts at its cursor in an index, and only the rows of the page are read.
        let is_listed = |plan: &str| {
            plan.contains(covering)
                && plan.contains("ix_assignments_project_id_employee_name_employee_id")
        };
        let team = |arguments, fields| {
            format!(
                r#"{{ project(id: "prj_1") {{ employees{arguments} {{ nodes {{ {fields} }} }} }} }}"#
            )
        };
        let [first, last] = ["first", "last"].map(|end| team(format!("({end}: 10)"), "id name"));
        let middle = {
            let of_page =
                r#"{ project(id: "prj_1") { employees(first: 10) { pageInfo { endCursor } } } }"#;
            let answer = app.query(of_page).await;
            let cursor = &answer["project"]["employees"]["pageInfo"]["endCursor"];
            let around = "name } pageInfo { hasPreviousPage hasNextPage endCursor";
            team(format!("(after: {cursor})"), around)
        };
        let whole = team("(first: 10)".to_owned(), "name hireDate");
        for page in [&first, &last, &middle, &whole] {
            let read = plans(&app, page).await;
            for plan in read.iter().filter(|plan| plan.contains("assignments")) {
                assert!(is_listed(plan) && !is_sorted(plan), "{page}:\n{plan}");
            }
        }
        // So is a filtered page, although the rows that the walk passes are read too.
        for filters in FILTERS {
            let page = team(format!("(first: 10, {filters})"), "id name");
            for plan in plans(&app, &page).await {
                let is_walk = plan.contains("employee_name_employee_id") && !is_sorted(&plan);
                assert!(is_walk || !plan.contains("assignments"), "{page}:\n{plan}");
            }
        }
        // Assignments have the keys of their employee and project, and no other columns of them.
        let with = |fields| format!("{{ assignments(first: 10) {{ nodes {{ {fields} }} }} }}");
        let keys = with("role employee { id } project { id }");
        let read = plans(&app, &keys).await;
        let others = [
            "employees",
            "projects",
            "SEARCH employee ",
            "SEARCH project ",
        ];
        let looks_up = |plan: &String| others.iter().any(|other| plan.contains(other));
        assert!(!read.iter().any(looks_up), "{keys}:\n{read:?}");
        let more = with("employee { name } project { title }");
        let read = plans(&app, &more).await;
        assert!(read.iter().any(looks_up), "{more}:\n{read:?}");
        // The attendees of a meeting have no such index, so all of their names are read.
        let audience = r#"{ meeting(id: "mtg_7") { employees { nodes { name } } } }"#;
        let read = plans(&app, audience).await;
        assert!(read.last().unwrap().contains(of_key), "{read:?}");
        // First and last pages in the order of an index are read from its ends and not sorted.
        for order in [
            "employees(first: 5)",
            "meetings(last: 5)",
            "projects",
            "assignments",
            "employees(orderBy: [{field: NAME}])",
            "employees(last: 5, orderBy: [{field: HIRE_DATE}])",
            "projects(last: 5, orderBy: [{field: TITLE}])",
            "meetings(orderBy: [{field: TOPIC}])",
            "meetings(orderBy: [{field: SCHEDULED_TIME}])",
        ] {
            for plan in plans(&app, &format!("{{ {order} {{ nodes {{ id }} }} }}")).await {
                let sorts = is_sorted(&plan);
                assert!(!sorts, "{}: {order} sorts all rows:\n{plan}", app.name());
            }
        }
    }
}

/// The numbers of pages are PostgreSQL's. SQLite counts none; there the plan says as much.
#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_page_reads_no_more_of_a_large_team_than_of_a_small_one() {
    let both = [
        "INSERT INTO projects (title) VALUES ('Small'), ('Large')",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
         INSERT INTO employees (name, hire_date) SELECT 'E' || (i * 7919 % 10000), '2020-01-01' FROM n",
        "INSERT INTO assignments (employee_id, project_id, start_date) \
         SELECT id, 1, '2024-01-01T00:00:00+00:00' FROM employees WHERE id <= 100",
        "INSERT INTO assignments (employee_id, project_id, start_date) \
         SELECT id, 2, '2024-01-01T00:00:00+00:00' FROM employees",
    ];
    for app in apps().await {
        for statement in both {
            app.db().execute_unprepared(statement).await.unwrap();
        }
        let is_sqlite = app.db().get_database_backend() == DbBackend::Sqlite;
        let statistics = if is_sqlite {
            "ANALYZE"
        } else {
            "VACUUM ANALYZE"
        };
        app.db().execute_unprepared(statistics).await.unwrap();
        for filters in FILTERS {
            let mut read = Vec::new();
            for project in ["prj_1", "prj_2"] {
                let page = format!(
                    r#"{{ project(id: "{project}") {{ employees({filters}) {{ nodes {{ name }} }} }} }}"#
                );
                app.database.forget_statements();
                let answer = app.query(&page).await;
                let nodes = &answer["project"]["employees"]["nodes"];
                assert_eq!(nodes.as_array().unwrap().len(), 20);
                let statements = app.database.recorded();
                let of_team = |statement: &&Statement| statement.sql.contains("assignments");
                let statement = statements.iter().find(of_team).unwrap();
                let plan = explain(&app, "EXPLAIN (ANALYZE, BUFFERS)", statement).await;
                assert!(!is_sorted(&plan), "{page}:\n{plan}");
                let pages = plan.lines().find(|line| line.contains("Buffers: shared"));
                assert_eq!(pages.is_none(), is_sqlite);
                // `Buffers: shared hit=27 read=3`
                let numbers = |line: &str| -> u32 {
                    let parts = line.split([' ', '=']);
                    parts.filter_map(|part| part.parse::<u32>().ok()).sum()
                };
                read.extend(pages.map(numbers).map(|pages| (pages, plan.clone())));
            }
            if let [(small, _), (large, plan)] = &read[..] {
                assert!(large * 2 < small * 3, "{small} pages, and then:\n{plan}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deepest_filters_are_answered_within_the_deadline() {
    for app in companies(30_000, 6_000, 300_000).await {
        for query in [
            r#"{ employees(where: {projects: {some: {employees: {some: {projects: {some: {title: {contains: "a"}}}}}}}}) { totalCount } }"#,
            r#"{ employees(where: {projects: {every: {employees: {every: {projects: {every: {title: {contains: "a"}}}}}}}}) { totalCount } }"#,
            r#"{ employees(where: {projects: {none: {employees: {none: {projects: {none: {title: {contains: "a"}}}}}}}}) { totalCount } }"#,
            r#"{ employees(where: {projects: {every: {employees: {some: {projects: {count: {gt: 3}}}}}}}) { totalCount } }"#,
            r#"{ assignments(where: {employee: {projects: {every: {assignments: {none: {role: {contains: "a"}}}}}}}) { totalCount } }"#,
            "{ assignments(where: {not: {employee: {assignments: {none: {}}}}}) { totalCount } }",
            "{ employees(where: {assignments: {none: {}}}) { totalCount nodes { id } } }",
            "{ projects(where: {or: [{assignments: {none: {project: {assignments: {none: {}}}}}}, {employees: {every: {or: []}}}]}) { totalCount } }",
            "{ employees(first: 100) { nodes { projects(where: {assignments: {none: {employee: {assignments: {none: {}}}}}}) { totalCount nodes { id } } } } }",
        ] {
            app.query(query).await;
        }
    }
}
