//! Unusual data and documents that cover the code from rows to JSON.

use serde_json::{Value, json};

use super::app::TestApp;

/// Inserts names that JSON must escape, null values, and links in both directions.
pub async fn unusual_rows(app: &TestApp) {
    let names = [
        "say \"so\"",
        "C:\\temp\\",
        "tab\tline\nreturn\r\u{8}\u{c}",
        "\u{1}\u{1f}\u{7f}\u{80}",
        "\u{2028}\u{2029}\u{feff}",
        "</script>&'",
        "日本語 𝄞 Zoë Zoe\u{308}",
        "\\u0041 \\\"",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let budget = (index % 2 == 0).then_some(1_000_000_000_000);
        let employee = app.employee(name).await;
        let project = app.project(name, budget).await;
        let meeting = app.meeting(name, "2023-03-01T10:00:00.123456Z").await;
        app.attends(employee, meeting).await;
        app.assignment(employee, project).await;
        if index > 0 {
            let role = (index % 3 > 0).then_some(name);
            let start = (index % 2 > 0).then_some("2023-03-01T00:00:00Z");
            app.stint(employee, project - 1, role, start, None).await;
            app.attends(employee, meeting - 1).await;
            // A second assignment to the same project.
            app.stint(employee, project, Some("again"), None, None)
                .await;
        }
    }
}

pub const MUTATIONS: &[&str] = &[
    // A root field that is selected twice runs once, and its selections are merged.
    r#"mutation {
        a: createProject(input: { title: "a \"b\" \\ \u2028" }) { project { id } }
        a: createProject(input: { title: "a \"b\" \\ \u2028" }) { project { title budget } project { id } userErrors { code } }
        ...F
    }
    fragment F on Mutation {
        b: createProject(input: { title: "  " }) { project { id } userErrors { __typename code message path } }
        b: createProject(input: { title: "  " }) { userErrors { message } }
    }"#,
    // Some mutations succeed, some are refused, some are invalid.
    r#"mutation {
        a: createEmployee(input: { name: "Ann", hireDate: "2024-01-01" }) { employee { id name projects { nodes { title } } } }
        b: createEmployee(input: { name: "Ben", hireDate: "2024-13-01" }) { employee { id } }
        c: createEmployee(input: { name: "Cid", hireDate: "2024-01-01" }) { employee { projects(after: "bad") { totalCount } id } }
    }"#,
    r#"mutation { createEmployee(input: { name: "Dan" }) { employee { id } } }"#,
    r#"mutation { deleteProject(input: { id: "prj_99" }) { deletedId userErrors { code path } } }"#,
];

/// Takes exactly one of two inputs.
pub const ONE_OF_TWO: &str = r#"mutation($id: ID, $name: String = "Eve") {
    createProject(input: { title: "T", assignments: [{ employee: { id: $id } }, { employee: { create: { name: $name, hireDate: "2024-01-01" } } }] }) {
        project { title employees { nodes { name } } }
        userErrors { code path }
    }
}"#;

pub const OPERATIONS: &str = "
    query A { employees(first: 2) { nodes { name projects { nodes { title } } } } }
    query B($first: Int!) { employees(first: $first) { ...F nodes { name } } }
    query C($first: Int = 2) { employees(first: $first) { nodes { id } ...F } }
    fragment F on EmployeeConnection { totalCount nodes { id } }
";

pub const DOCUMENTS: &[&str] = &[
    r#"{ employee(id: "emp_1") { name } employee(id: "emp_1") { meetings(after: "x") { nodes { id } } } }"#,
    r#"{ employee(id: "emp_1") { meetings(after: "x") { nodes { id } } } employee(id: "emp_1") { name } }"#,
    // Employees of projects from the copied names: names alone, and with other columns.
    "{ projects { nodes {
        names: employees { nodes { name } totalCount }
        first: employees(first: 1) { nodes { id hireDate } edges { cursor } pageInfo { hasNextPage } }
        last: employees(last: 1) { edges { node { name version } } pageInfo { hasPreviousPage startCursor } }
    } } }",
    // References of assignments: columns that the assignment has, and others.
    "{ assignments { nodes { role employee { name } project { id } }
        edges { cursor node { employee { id name } project { title } } } }
      projects { nodes {
        names: assignments(last: 2) { nodes { employee { name } } }
        ids: assignments(orderBy: [{field: EMPLOYEE_NAME}]) { edges { cursor node { employee { id } } } }
        more: assignments(first: 2) { nodes { employee { id name hireDate } project { id } } }
    } } }",
    // Duplicate response keys.
    "{ employees { nodes { a: name a: name b: projects { totalCount } b: projects { nodes { title } } } } }",
    "{ a: employees { nodes { name } nodes { id } nodes { name } } a: employees { totalCount } }",
    "{ employees(first: 3) {
        edges { node { name } }
        edges { cursor node { id projects { nodes { title } } } }
        edges { node { projects { nodes { id } totalCount } } }
        pageInfo { endCursor } pageInfo { hasNextPage endCursor }
    } }",
    r#"{ employee(id: "emp_1") { name } employee(id: "emp_1") { id projects { nodes { title } } } employee(id: "emp_1") { name } }"#,
    "{ employees(first: 2) { ...A ...B ... on EmployeeConnection { nodes { projects(first: 1) { nodes { id } } } } ...A } }
     fragment A on EmployeeConnection { nodes { name projects(first: 1) { nodes { title } } } }
     fragment B on EmployeeConnection { nodes { id ...C projects(first: 1) { totalCount nodes { employees { totalCount } } } } }
     fragment C on Employee { ... { ... on Node { id } ... on Employee { projects(first: 1) { nodes { employees { nodes { name } } } } } } }",
    "{ employees { nodes { projects { totalCount } name meetings { totalCount } id name version } } }",
    "{ employees { nodes { projects { totalCount } projects { totalCount } ... { projects { totalCount } } } } }",
    "{ employees { totalCount nodes { name } ... { totalCount } } projects { budget { sum } budget { count sum } } }",
    // The same keys on different levels.
    "{ nodes: employees { nodes { nodes: projects { nodes { nodes: title } } } } }",
    "{ employees { nodes { name: id id: name } } projects { nodes { id: title title: id } } }",
    // The same fragment in different places.
    "{ a: employees(first: 2) { ...F } b: employees(last: 2) { ...F } projects { nodes { employees { nodes { ...E } } } } }
     fragment F on EmployeeConnection { nodes { ...E } }
     fragment E on Employee { name assignments { nodes { role project { title } } } }",
    // Invalid documents.
    "{ employees { nodes { projects(first: 1) { totalCount } projects(first: 2) { totalCount } } } }",
    "{ employees { nodes { a: name a: id } } }",
    "{ employees { nodes { nothing } } }",
    "{ employees { nodes } }",
    "{ employees { nodes { name { first } } } }",
    "{ employees { ...Nothing } }",
    "{ employees { totalCount } } fragment F on Employee { id }",
    "{ employees { nodes { ...F } } } fragment F on Employee { ...F }",
    "query($x: Int) { employees { totalCount } }",
    "{ employees(first: $x) { totalCount } }",
    "query($x: Nothing) { employees(first: $x) { totalCount } }",
    "{ employees(first: 1000) { nodes { colleagues(first: 1000) { nodes { colleagues(first: 1000) { totalCount } } } } } }",
    "{ employees { ",
    "{ }",
    "",
    "subscription { changes { cursor } changes { kind } more: changes { cursor } }",
    // `__typename` of every object.
    "{ __typename x: __typename employees { __typename nodes { __typename y: __typename projects { __typename
        edges { __typename cursor node { __typename title } assignments { __typename } roles since until }
        pageInfo { __typename hasNextPage } } } } }",
    "{ employees { nodes { __typename } edges { __typename } } }",
    // Empty lists, empty pages, unknown records.
    "{ employees(first: 0) { nodes { name projects { totalCount } } edges { cursor } totalCount pageInfo { startCursor } } }",
    r#"{ employees(where: { name: { eq: "nobody" } }) { nodes { name projects { totalCount } } edges { cursor } totalCount } }"#,
    r#"{ employee(id: "emp_999") { name projects { nodes { title } } } meeting(id: "prj_1") { topic } project(id: "\"\u2028") { title } }"#,
    r#"{ assignments { nodes { role startDate endDate } } projects { nodes { budget } } meetings { nodes { location } } }"#,
    r#"{ node(id: "nothing") { id } a: node(id: "emp_1") { id ... on Project { title } } }"#,
    // Interfaces.
    r#"{ nodes(ids: ["emp_1", "prj_1", "emp_99", "mtg_1", "asg_1", "emp_2", "prj_2", "emp_1"]) { ...N } node(id: "emp_3") { ...N __typename } }
     fragment N on Node {
        id
        __typename
        ... on Employee { label: name projects { nodes { ...P } } }
        ... on Project { ...P employees { edges { ...L node { name } } } }
        ... on Meeting { label: topic location employees { nodes { name } } }
        ... on Assignment { label: role employee { name ... on Node { id } } project { ...P } }
     }
     fragment P on Project { label: title budget }
     fragment L on AssignmentLink { roles since assignments { id role } }"#,
    "{ employees { nodes { projects { edges { ...L node { employees { edges { ...L ... on ProjectEmployeeEdge { cursor } } } } } } } } }
     fragment L on AssignmentLink { __typename roles assignments { id project { title } } assignmentCount }",
    "{ employees { nodes { ... on Node { id ... on Employee { name } ... on Project { title } } } } }",
    // Errors inside lists, some of them several.
    r#"{ employees { nodes { name projects(after: "bad") { nodes { title } } } } }"#,
    r#"{ employees { nodes { name projects { nodes { title employees(after: "bad") { nodes { name } } } } } } }"#,
    r#"{ employees { nodes { ok: projects { nodes { title } } bad: projects(after: "bad") { totalCount } name } } }"#,
    r#"{ a: employee(id: "emp_1") { projects(after: "bad") { totalCount } } b: employee(id: "emp_2") { name } c: employee(id: "emp_3") { meetings(first: -1) { totalCount } name } }"#,
    r#"{ employees { nodes { a: projects(first: -1) { totalCount } b: meetings(first: 5000) { totalCount } } } }"#,
    r#"{ employees { nodes { projects(first: 1, last: 1) { totalCount } meetings(where: { topic: { eq: null } }) { totalCount } } } }"#,
    r#"{ assignments { nodes { project { employees(after: "bad") { totalCount } } isActive(at: "nonsense") } } }"#,
    r#"{ projects { nodes { employees(first: -1) { totalCount } a: headcount(at: "2023-03-01") b: headcount(at: "2023-03-01T00:00:00Z") } } }"#,
    // Errors that are found only when the rows are loaded.
    r#"{ employees { nodes { name colleagues(via: MEETINGS, through: { role: { isNull: true } }) { nodes { name } } } } }"#,
    r#"{ employees { nodes { meetingClashes(withinMinutes: -1) { minutesApart } name } } }"#,
    r#"{ employees { nodes { a: meetingClashes { minutesApart first { topic } } projects(last: 1) { nodes { headcount assignments { nodes { id } } } } } } }"#,
    // Introspection.
    r#"{ __schema { queryType { name } types { name kind fields { name type { name kind ofType { name } } } } } employees(first: 1) { nodes { name } } }"#,
    r#"{ __type(name: "Employee") { name interfaces { name } fields { name args { name defaultValue } } } a: __type(name: "Nothing") { name } }"#,
    // Aggregates, and aggregates beside lists.
    "{ projects { budget { count sum average min max } nodes { title } } assignments { byRole { role assignmentCount employeeCount } } }",
    "{ employees { edges { cursor node { colleagues(via: ANY) { edges { sharedProjects { title } sharedMeetings { topic } node { name } } } } } } }",
    "{ changes { nodes { cursor kind touchedIds } pageInfo { hasNextPage } } }",
    r#"{ changes(after: "bad") { nodes { cursor } } employees(first: 1) { nodes { name } } }"#,
];

/// Documents that run with each set of variables.
pub fn with_variables() -> Vec<(&'static str, Vec<Value>)> {
    let switches = || {
        vec![
            json!({ "on": true }),
            json!({ "on": false }),
            json!({}),
            json!({ "on": null }),
            json!({ "on": "true" }),
        ]
    };
    vec![
        (
            "query($on: Boolean!) { employees { nodes { name @include(if: $on) } totalCount @skip(if: $on) } }",
            switches(),
        ),
        (
            "query($on: Boolean!) { employees @include(if: $on) { totalCount } projects @skip(if: $on) { nodes { title } } }",
            switches(),
        ),
        (
            "query($on: Boolean!) { employees { nodes { id @skip(if: $on) ...F @include(if: $on) ... @skip(if: $on) { meetings { nodes { topic } } } } } }
             fragment F on Employee { id name projects @include(if: $on) { nodes { title @skip(if: $on) } } }",
            switches(),
        ),
        (
            "query($on: Boolean = true) { employees { nodes { name @skip(if: $on) ... { name @include(if: $on) } name } ... on EmployeeConnection @include(if: $on) { nodes { id } } } }",
            switches(),
        ),
        (
            "query($on: Boolean!) { employees { edges { node { id @skip(if: $on) } } } assignment(id: \"asg_1\") { employee { id @skip(if: $on) } } projects { nodes { assignments { nodes { employee { id @skip(if: $on) } } } } } }",
            switches(),
        ),
        (
            "query($on: Boolean!) { employees { nodes { a: name @include(if: $on) a: id @skip(if: $on) } } }",
            switches(),
        ),
        (
            "query($first: Int, $where: EmployeeFilter, $order: [EmployeeOrder!], $after: String) {
                employees(first: $first, where: $where, orderBy: $order, after: $after) { nodes { name projects(first: $first) { nodes { title } } } totalCount }
            }",
            vec![
                json!({}),
                json!({ "first": 2 }),
                json!({ "first": null, "where": null, "order": null, "after": null }),
                json!({ "first": "2" }),
                json!({ "first": 2.0 }),
                json!({ "first": 2.5 }),
                json!({ "first": 3_000_000_000_u64 }),
                json!({ "first": -1 }),
                json!({ "first": [1] }),
                json!({ "first": true }),
                json!({ "where": { "name": { "contains": "\"" } } }),
                json!({ "where": { "name": { "contains": 1 } } }),
                json!({ "where": { "name": null } }),
                json!({ "where": { "nobody": { "eq": "x" } } }),
                json!({ "where": { "hireDate": { "gte": "2020-01-01" } } }),
                json!({ "where": { "hireDate": { "gte": "2020-02-30" } } }),
                json!({ "where": { "hireDate": { "gte": 2020 } } }),
                json!({ "where": [] }),
                json!({ "where": "name" }),
                json!({ "order": [{ "field": "NAME", "direction": "DESC" }] }),
                json!({ "order": { "field": "NAME" } }),
                json!({ "order": [{ "field": "NOTHING" }] }),
                json!({ "order": [{ "direction": "DESC" }] }),
                json!({ "order": [null] }),
                json!({ "after": "bad" }),
                json!({ "after": 1 }),
                json!({ "first": 1, "nobody": "asked" }),
            ],
        ),
        (
            "query($id: ID!, $at: DateTime, $first: Int! = 2) {
                employee(id: $id) { name assignments(first: $first) { nodes { isActive(at: $at) project { title headcount(at: $at) } } } }
            }",
            vec![
                json!({ "id": "emp_2" }),
                json!({ "id": "emp_2", "at": "2023-03-01T00:00:00Z" }),
                json!({ "id": "emp_2", "at": "2023-03-01" }),
                json!({ "id": "emp_2", "at": "nonsense" }),
                json!({ "id": "emp_2", "at": 1 }),
                json!({ "id": "emp_2", "at": null }),
                json!({ "id": "emp_2", "at": {} }),
                json!({ "id": "emp_2", "first": null }),
                json!({ "id": "emp_2", "first": 1 }),
                json!({ "id": "emp_99" }),
                json!({ "id": 2 }),
                json!({ "id": null }),
                json!({ "id": ["emp_2"] }),
                json!({}),
            ],
        ),
        (
            "query($ids: [ID!]!, $name: String, $at: DateTime! = \"2023-03-01T00:00:00Z\") {
                nodes(ids: $ids) { id ... on Employee { name colleagues(where: { name: { ne: $name } }) { totalCount } } ... on Project { headcount(at: $at) } }
            }",
            vec![
                json!({ "ids": ["emp_1", "prj_1", "x"] }),
                json!({ "ids": ["emp_1"], "name": "say \"so\"" }),
                json!({ "ids": ["emp_1"], "name": null }),
                json!({ "ids": ["emp_1"], "name": 1 }),
                json!({ "ids": ["emp_1", null] }),
                json!({ "ids": "emp_1" }),
                json!({ "ids": [["emp_1"]] }),
                json!({ "ids": [] }),
                json!({ "ids": ["prj_1"], "at": null }),
                json!({ "ids": ["prj_1"], "at": "2023-03-01T00:00:00+01:00" }),
                json!({ "ids": ["prj_1"], "at": "2023" }),
                json!({ "name": "Ann" }),
            ],
        ),
        // Omitted required values, invalid defaults, and `@oneOf` inputs.
        (
            "query($at: DateTime) { assignments(where: { active: { at: $at } }) { totalCount } }",
            vec![
                json!({ "at": "2023-03-01T00:00:00Z" }),
                json!({}),
                json!({ "at": null }),
                json!({ "at": "nonsense" }),
            ],
        ),
        (
            "query($on: Boolean, $name: String) { assignments(where: { role: { isNull: $on, eq: $name } }) { totalCount } }",
            vec![
                json!({ "on": true }),
                json!({ "name": "Ann" }),
                json!({}),
                json!({ "on": false, "name": "Ann" }),
                json!({ "on": null }),
            ],
        ),
        (
            "query($at: DateTime! = \"nonsense\") { assignments { nodes { isActive(at: $at) } } }",
            vec![json!({ "at": "2023-03-01T00:00:00Z" }), json!({})],
        ),
        (
            "query($where: EmployeeFilter = { nobody: 1 }) { employees(where: $where) { totalCount } }",
            vec![json!({ "where": {} }), json!({})],
        ),
        (
            "query($first: Int! = null) { employees(first: $first) { totalCount } }",
            vec![json!({ "first": 1 }), json!({})],
        ),
        (
            "query($first: Int = 5000) { employees(first: $first) { totalCount } }",
            vec![json!({ "first": 1 }), json!({})],
        ),
        (
            "query($on: Boolean) { employees @include(if: $on) { totalCount } projects { totalCount } }",
            vec![json!({ "on": true }), json!({}), json!({ "on": null })],
        ),
        (
            "query($minutes: Int) { employees { nodes { meetingClashes(withinMinutes: $minutes) { minutesApart } } } }",
            vec![
                json!({ "minutes": 60 }),
                json!({}),
                json!({ "minutes": null }),
                json!({ "minutes": -1 }),
            ],
        ),
        (
            "query($via: ColleagueVia! = PROJECTS) { employees { nodes { colleagues(via: $via) { totalCount } } } }",
            vec![
                json!({ "via": "ANY" }),
                json!({}),
                json!({ "via": "NOTHING" }),
                json!({ "via": null }),
            ],
        ),
        // A variable whose type does not match its position.
        (
            "query($first: String) { employees(first: $first) { totalCount } }",
            vec![json!({ "first": 1 }), json!({ "first": "1" }), json!({})],
        ),
    ]
}
