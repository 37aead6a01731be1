//! The SQL of operations, with a snapshot for each database, so that a diff shows how a change
//! affects the statements. `INSTA_UPDATE=always cargo test sql::` records the snapshots.

use std::fmt::Write;

use crate::support::{
    app::{TestApp, lessons},
    examples::examples,
};

/// Operations that the examples of the explorer do not cover.
const OPERATIONS: [(&str, &str); 15] = [
    (
        "employees with counts",
        "{ employees(first: 2, orderBy: [{ field: PROJECT_COUNT, direction: DESC }]) { totalCount pageInfo { hasNextPage endCursor } nodes { name projects { totalCount } meetings { totalCount } } } }",
    ),
    (
        "employees, backwards",
        "{ employees(last: 2, orderBy: [{ field: HIRE_DATE }]) { edges { cursor node { id } } pageInfo { hasPreviousPage } } }",
    ),
    (
        "a team in its own order",
        "{ project(id: \"prj_1\") { employees(first: 2) { totalCount edges { assignmentCount node { name } assignments(first: 1) { role } } pageInfo { hasNextPage } } } }",
    ),
    (
        "a filtered team",
        "{ project(id: \"prj_1\") { employees(first: 2, where: { name: { contains: \"a\" } }, through: { role: { ne: \"Lead\" } }) { nodes { name } } } }",
    ),
    (
        "some, none, every and count",
        "{ employees(where: { projects: { some: { budget: { gte: 100 } }, count: { gte: 1 } }, meetings: { none: { topic: { startsWith: \"x\" } } }, assignments: { every: { role: { isNull: true } } } }) { totalCount } }",
    ),
    (
        "text",
        "{ projects(where: { or: [{ title: { in: [\"A\", \"B\"] } }, { title: { contains: \"a\" } }, { not: { title: { endsWith: \"c\" } } }] }) { nodes { title } } }",
    ),
    (
        "colleagues by meetings",
        "{ employee(id: \"emp_1\") { colleagues(via: MEETINGS, first: 3) { totalCount edges { sharedMeetingCount sharedMeetings(first: 2) { topic } node { name } } } } }",
    ),
    (
        "nodes",
        "{ nodes(ids: [\"emp_1\", \"prj_1\", \"mtg_1\", \"asg_1\"]) { id ... on Employee { name } ... on Assignment { employee { name } project { title } } } }",
    ),
    (
        "assignments that are active",
        "{ assignments(first: 3, where: { active: { at: \"2023-07-01T00:00:00Z\" } }) { nodes { role employee { name hireDate } project { title } } } }",
    ),
    (
        "changes",
        "{ changes(first: 2) { nodes { kind employee { name } project { title } } latestCursor } }",
    ),
    (
        "createMeeting",
        "mutation { createMeeting(input: { topic: \"T\", scheduledTime: \"2024-01-01T00:00:00Z\", employeeIds: [\"emp_1\"] }) { meeting { id employees { totalCount } } userErrors { code } } }",
    ),
    (
        "createProject",
        "mutation { createProject(input: { title: \"T\", budget: 5 }) { project { id budget } userErrors { code } } }",
    ),
    (
        "assignEmployee",
        "mutation { assignEmployee(input: { employeeId: \"emp_1\", projectId: \"prj_1\", role: \"New\" }) { assignment { id employee { name } project { title } } userErrors { code } } }",
    ),
    (
        "assignEmployee, refused",
        "mutation { assignEmployee(input: { employeeId: \"emp_999\", projectId: \"prj_1\" }) { userErrors { code } } }",
    ),
    (
        "deleteEmployee",
        "mutation { deleteEmployee(input: { id: \"emp_2\" }) { deletedId userErrors { code } } }",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_operations_match_their_snapshots() {
    for app in lessons().await {
        let mut report = String::new();
        for (name, operation) in examples() {
            if !operation.contains("\nsubscription ") {
                statements(&app, &name, &operation, &mut report).await;
            }
        }
        for (name, operation) in OPERATIONS {
            statements(&app, name, operation, &mut report).await;
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(format!("sql-{}", app.name()), report));
    }
}

/// Returns the statements of an operation, one clause a line: first those of its transaction, then the
/// others. The latter are sorted, because statements of one level are sent concurrently.
async fn statements(app: &TestApp, name: &str, operation: &str, report: &mut String) {
    app.database.forget_statements();
    app.query(operation).await;
    let reads = app.database.recorded();
    let mut reads: Vec<_> = reads.into_iter().map(|statement| statement.sql).collect();
    reads.sort();
    writeln!(report, "# {name}\n").unwrap();
    let mut written = app.database.written();
    // A server prunes the feed when it starts, beside the first operation.
    written.retain(|sql| !sql.starts_with("WITH oldest"));
    for mut sql in written.into_iter().chain(reads) {
        for clause in [
            " FROM ",
            " WHERE ",
            " ORDER BY ",
            " LIMIT ",
            " VALUES ",
            " SET ",
            " RETURNING ",
        ] {
            sql = sql.replace(clause, &format!("\n {clause}"));
        }
        writeln!(report, "{sql};\n").unwrap();
    }
}
