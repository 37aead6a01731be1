//! Pages: many parents in one query, exact page info, strict arguments.

use serde_json::{Value, json};

use crate::support::app::{TestApp, apps, lessons};

/// Three employees: one on projects A to E, one on B only, one on none.
async fn staff() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        let (ann, ben) = (app.employee("Ann").await, app.employee("Ben").await);
        app.employee("Cat").await;
        for title in ["A", "B", "C", "D", "E"] {
            let project = app.project(title, None).await;
            app.assignment(ann, project).await;
            if title == "B" {
                app.assignment(ben, project).await;
            }
        }
    }
    apps
}

/// Returns the titles of a page as `<BC>`: `<` if there is a previous page, `>` if there is a next
/// one.
fn page(connection: &Value) -> String {
    let info = &connection["pageInfo"];
    let edges = connection["edges"].as_array().unwrap();
    let titles: String = edges
        .iter()
        .map(|edge| edge["node"]["title"].as_str().unwrap())
        .collect();
    let end = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
    assert_eq!(info["startCursor"], end(edges.first()));
    assert_eq!(info["endCursor"], end(edges.last()));
    let sign = |there_is_more: &Value, sign| if *there_is_more == true { sign } else { "" };
    let before = sign(&info["hasPreviousPage"], "<");
    let behind = sign(&info["hasNextPage"], ">");
    format!("{before}{titles}{behind}")
}

const PAGE: &str = "edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount";

/// Returns the pages of Ann, Ben and Cat from one query.
async fn pages(app: &TestApp, arguments: &str) -> Vec<String> {
    let query = format!("{{ employees {{ nodes {{ projects({arguments}) {{ {PAGE} }} }} }} }}");
    let data = app.query(&query).await;
    let employees = data["employees"]["nodes"].as_array().unwrap();
    let totals: Vec<_> = employees
        .iter()
        .map(|employee| &employee["projects"]["totalCount"])
        .collect();
    assert_eq!(totals, [5, 1, 0]);
    employees
        .iter()
        .map(|employee| page(&employee["projects"]))
        .collect()
}

/// Returns the cursors of A to E.
async fn cursors(app: &TestApp) -> Vec<Value> {
    let data = app
        .query(r#"{ employee(id: "emp_1") { projects { edges { cursor } } } }"#)
        .await;
    let edges = data["employee"]["projects"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["cursor"].clone()).collect()
}

#[tokio::test]
async fn every_parent_has_its_own_page_in_either_direction() {
    for app in staff().await {
        assert_eq!(pages(&app, "first: 2").await, ["AB>", "B", ""]);
        assert_eq!(pages(&app, "last: 2").await, ["<DE", "B", ""]);
        assert_eq!(pages(&app, "first: 5").await, ["ABCDE", "B", ""]);
        assert_eq!(pages(&app, "last: 5").await, ["ABCDE", "B", ""]);
        assert_eq!(pages(&app, "first: 1000").await, ["ABCDE", "B", ""]);
        assert_eq!(
            pages(&app, "first: null, after: null").await,
            ["ABCDE", "B", ""]
        );
        let descending = "first: 2, orderBy: [{field: TITLE, direction: DESC}]";
        assert_eq!(pages(&app, descending).await, ["ED>", "B", ""]);
    }
}

#[tokio::test]
async fn has_next_and_has_previous_page_are_exact_between_two_cursors() {
    for app in staff().await {
        let cursors = cursors(&app).await;
        let [a, b, c, d, e] = &cursors[..] else {
            panic!("{cursors:?}")
        };
        for (arguments, expected) in [
            (format!("after: {b}"), ["<CDE", "<", ""]),
            (format!("before: {d}"), ["ABC>", "B", ""]),
            (format!("first: 1, after: {b}"), ["<C>", "<", ""]),
            (format!("last: 1, after: {b}"), ["<E", "<", ""]),
            (format!("first: 1, before: {d}"), ["A>", "B", ""]),
            (format!("last: 1, before: {d}"), ["<C>", "B", ""]),
            (format!("after: {a}, before: {e}"), ["<BCD>", "B", ""]),
            (
                format!("first: 1, after: {a}, before: {e}"),
                ["<B>", "B", ""],
            ),
            (
                format!("last: 1, after: {a}, before: {e}"),
                ["<D>", "B", ""],
            ),
            (format!("after: {e}"), ["<", "<", ""]),
            (format!("before: {a}"), [">", ">", ""]),
            // An empty page is positioned behind `after`, or with `last` in front of `before`.
            (format!("after: {b}, before: {c}"), ["<>", "<", ""]),
            (format!("last: 3, after: {b}, before: {c}"), ["<>", "<", ""]),
            (format!("after: {d}, before: {b}"), ["<>", "<", ""]),
            (format!("last: 3, after: {d}, before: {b}"), ["<>", ">", ""]),
            (format!("after: {e}, before: {a}"), ["<", "<", ""]),
            (format!("last: 3, after: {e}, before: {a}"), [">", ">", ""]),
        ] {
            assert_eq!(
                pages(&app, &arguments).await,
                expected,
                "{}: {arguments}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn an_empty_page_is_positioned_behind_after_or_in_front_of_before() {
    for app in staff().await {
        let cursors = cursors(&app).await;
        let [a, _, c, _, e] = &cursors[..] else {
            panic!("{cursors:?}")
        };
        for (arguments, expected) in [
            ("first: 0".to_owned(), [">", ">", ""]),
            ("last: 0".to_owned(), ["<", "<", ""]),
            (format!("first: 0, after: {c}"), ["<>", "<", ""]),
            (format!("last: 0, before: {c}"), ["<>", "<", ""]),
            (format!("first: 0, after: {e}"), ["<", "<", ""]),
            (format!("last: 0, before: {a}"), [">", ">", ""]),
            (format!("first: 0, before: {c}"), [">", ">", ""]),
            (format!("last: 0, after: {c}"), ["<", "<", ""]),
        ] {
            assert_eq!(
                pages(&app, &arguments).await,
                expected,
                "{}: {arguments}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn a_page_has_twenty_items_by_default_and_at_most_a_thousand() {
    for app in apps().await {
        for number in 1..=21 {
            app.employee(&format!("Employee {number}")).await;
        }
        let query = "{ employees { nodes { id } pageInfo { hasNextPage } } }";
        let data = app.query(query).await;
        assert_eq!(
            data["employees"]["nodes"].as_array().map(Vec::len),
            Some(20)
        );
        assert_eq!(data["employees"]["pageInfo"]["hasNextPage"], true);
        let data = app.query("{ a: employees(first: 1000) { nodes { id } } b: employees(last: 1000) { nodes { id } } }").await;
        assert_eq!(data["a"]["nodes"].as_array().map(Vec::len), Some(21));
        assert_eq!(data["a"], data["b"]);
    }
}

#[tokio::test]
async fn invalid_arguments_are_refused_by_name_with_a_remedy() {
    let cases = [
        (
            "first: 1001",
            "first",
            "`first` must be 0 to 1000. Ask for the rest with a cursor.",
        ),
        (
            "last: 1001",
            "last",
            "`last` must be 0 to 1000. Ask for the rest with a cursor.",
        ),
        (
            "first: -1",
            "first",
            "`first` must be 0 to 1000. Ask for the rest with a cursor.",
        ),
        (
            "last: -1",
            "last",
            "`last` must be 0 to 1000. Ask for the rest with a cursor.",
        ),
        (
            "first: 2147483647",
            "first",
            "`first` must be 0 to 1000. Ask for the rest with a cursor.",
        ),
        (
            "first: 1, last: 1",
            "last",
            "Give `first` or `last`, not both.",
        ),
        (
            r#"after: """#,
            "after",
            "`after` is not a cursor of this API. Pass one back unchanged, or leave it out.",
        ),
        (
            r#"before: "nonsense""#,
            "before",
            "`before` is not a cursor of this API. Pass one back unchanged, or leave it out.",
        ),
        (
            r#"after: "W10""#,
            "after",
            "`after` is not a cursor of this API. Pass one back unchanged, or leave it out.",
        ),
        (
            "orderBy: [{field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}, {field: ID}]",
            "orderBy",
            "Give at most 10 sort keys.",
        ),
    ];
    for app in staff().await {
        for (arguments, argument, message) in cases {
            for (path, query) in [
                (
                    json!(["projects"]),
                    format!("{{ projects({arguments}) {{ totalCount }} }}"),
                ),
                (
                    json!(["employee", "mine"]),
                    format!(
                        r#"{{ employee(id: "emp_1") {{ mine: projects({arguments}) {{ totalCount }} }} }}"#
                    ),
                ),
                (
                    json!(["employees", "nodes", 0, "projects"]),
                    format!(
                        "{{ employees(first: 1) {{ nodes {{ projects({arguments}) {{ nodes {{ id }} }} }} }} }}"
                    ),
                ),
                (
                    json!(["employees", "edges", 0, "node", "projects"]),
                    format!(
                        "{{ employees(first: 1) {{ edges {{ node {{ projects({arguments}) {{ nodes {{ id }} }} }} }} }} }}"
                    ),
                ),
                (
                    json!(["nodes", 0, "projects"]),
                    format!(
                        r#"{{ nodes(ids: ["emp_1"]) {{ ... on Employee {{ projects({arguments}) {{ nodes {{ id }} }} }} }} }}"#
                    ),
                ),
            ] {
                let errors = app.errors(&query).await;
                let error = &errors[0];
                let context = format!("{}: {query}: {error}", app.name());
                assert_eq!(error["message"], message, "{context}");
                assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{context}");
                assert_eq!(
                    error["extensions"]["argument"],
                    json!([argument]),
                    "{context}"
                );
                assert_eq!(error["path"], path, "{context}");
            }
        }
        for first in [-1, 101] {
            let query = format!(
                "{{ employees(first: 1) {{ nodes {{ projects {{ edges {{ assignments(first: {first}) {{ id }} }} }} }} }} }}"
            );
            let errors = app.errors(&query).await;
            assert_eq!(
                errors[0]["message"], "`first` must be 0 to 100.",
                "{errors:?}"
            );
            assert_eq!(
                errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                "{errors:?}"
            );
            assert_eq!(
                errors[0]["path"],
                json!([
                    "employees",
                    "nodes",
                    0,
                    "projects",
                    "edges",
                    0,
                    "assignments"
                ]),
                "{errors:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_forged_cursor_is_refused_or_has_a_position() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    for app in staff().await {
        let after = |list: &str, order: &str, values: Value| {
            let mut parts = vec![json!(format!("Query.{list}:{order}"))];
            parts.extend(values.as_array().unwrap().clone());
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(Value::from(parts).to_string());
            // `HireDate` is `HIRE_DATE`.
            let capital = |letter: char| {
                if letter.is_uppercase() {
                    format!("_{letter}")
                } else {
                    letter.to_uppercase().to_string()
                }
            };
            let field: String = order.chars().map(capital).collect();
            let field = field.trim_start_matches('_');
            format!(
                "{{ {list}(after: \"{cursor}\", orderBy: [{{field: {field}}}]) {{ nodes {{ id }} }} }}"
            )
        };
        for (list, order, values) in [
            ("assignments", "Role", json!(["a\u{0}b", 1])),
            ("assignments", "Role", json!([7, 1])),
            ("assignments", "Role", json!(["a"])),
            ("assignments", "Role", json!(["a", 1, 2])),
            ("assignments", "Role", json!(["a", null])),
            ("assignments", "Role", json!(["a", 1.5])),
            (
                "assignments",
                "Role",
                json!(["a", 9_223_372_036_854_775_808_u64]),
            ),
            ("assignments", "Role", json!([["a"], 1])),
            ("assignments", "StartDate", json!(["soon", 1])),
            (
                "assignments",
                "StartDate",
                json!(["-9999-01-01T00:00:00Z", 1]),
            ),
            (
                "assignments",
                "StartDate",
                json!(["+99999-01-01T00:00:00Z", 1]),
            ),
            ("assignments", "ProjectTitle", json!([null, 1])),
            ("employees", "HireDate", json!(["-9999-01-01", 1])),
            ("employees", "HireDate", json!(["+200000-01-01", 1])),
            ("employees", "HireDate", json!(["0000-01-01", 1])),
            ("employees", "ProjectCount", json!([null, 1])),
            ("employees", "ProjectCount", json!(["1", 1])),
        ] {
            let query = after(list, order, values);
            let errors = app.errors(&query).await;
            assert_eq!(
                errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                "{query}: {errors:?}"
            );
        }
        for (list, order, values) in [
            ("assignments", "StartDate", json!([null, i64::MAX])),
            (
                "assignments",
                "StartDate",
                json!(["0001-01-01T00:00:00Z", i64::MIN]),
            ),
            (
                "assignments",
                "StartDate",
                json!(["9999-12-31T23:59:59.9999999+01:00", 0]),
            ),
            (
                "assignments",
                "Role",
                json!(["'; DROP TABLE assignments; --", 1]),
            ),
            ("employees", "ProjectCount", json!([i64::MAX, i64::MIN])),
            ("projects", "Budget", json!([i64::MIN, i64::MAX])),
        ] {
            app.query(&after(list, order, values)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_page_is_refused_with_its_argument_and_a_remedy() {
    for app in lessons().await {
        for (arguments, argument, says) in [
            ("first: 1001", "first", "0 to 1000"),
            ("first: -1", "first", "0 to 1000"),
            ("last: 1001", "last", "0 to 1000"),
            ("first: 1, last: 1", "last", "not both"),
            ("after: \"nonsense\"", "after", "Pass one back unchanged"),
        ] {
            let query = format!(
                "{{ employee(id: \"emp_1\") {{ projects({arguments}) {{ nodes {{ id }} }} }} }}"
            );
            let errors = app.errors(&query).await;
            assert_eq!(errors.len(), 1, "{arguments}");
            assert_eq!(
                errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                "{arguments}"
            );
            assert_eq!(
                errors[0]["extensions"]["argument"],
                json!([argument]),
                "{arguments}"
            );
            assert_eq!(
                errors[0]["path"],
                json!(["employee", "projects"]),
                "{arguments}"
            );
            assert!(
                errors[0]["message"].as_str().unwrap().contains(says),
                "{arguments}: {errors:?}"
            );
        }
    }
}
