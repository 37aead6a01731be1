//! Filters that are invalid, empty or too large: refused with a message, or answered, without an error
//! of the database.

use serde_json::{Value, json};

use crate::support::app::{TestApp, apps, lessons};

/// Returns the errors of an operation that is refused as invalid input, before any SQL fails.
async fn refused(app: &TestApp, query: &str, variables: Value) -> Vec<Value> {
    app.database.forget_statements();
    let answer = app.answer(query, variables.clone()).await;
    let context = format!("{}: {query} {variables}: {answer}", app.name());
    let errors = answer["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("not refused: {context}"));
    assert!(!errors.is_empty(), "{context}");
    for error in errors {
        let code = &error["extensions"]["code"];
        let codes = ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"];
        assert!(codes.iter().any(|known| code == known), "{context}");
        let message = error["message"].as_str().unwrap().to_lowercase();
        for word in ["select ", "sql", "something went wrong"] {
            assert!(!message.contains(word), "{context}");
        }
    }
    errors.clone()
}

/// Sends the filter as a literal and as a variable.
async fn refused_both_ways(app: &TestApp, list: &str, filter: &str) -> [Vec<Value>; 2] {
    let ty = format!(
        "{}{}Filter",
        list[..1].to_uppercase(),
        &list[1..list.len() - 1]
    );
    let in_place = format!("{{ {list}(where: {filter}) {{ nodes {{ id }} }} }}");
    let variable = format!("query($where: {ty}) {{ {list}(where: $where) {{ nodes {{ id }} }} }}");
    [
        refused(app, &in_place, json!({})).await,
        refused(app, &variable, json!({ "where": json_of(filter) })).await,
    ]
}

/// Converts a GraphQL literal to JSON: keys are plain words before a colon.
fn json_of(literal: &str) -> Value {
    let mut json = String::new();
    let mut word = String::new();
    let mut in_text = false;
    for letter in literal.chars() {
        if letter == '"' {
            in_text = !in_text;
        }
        if !in_text && letter.is_ascii_alphabetic() {
            word.push(letter);
            continue;
        }
        let quote = if letter == ':' && !in_text && !word.is_empty() {
            "\""
        } else {
            ""
        };
        json += &format!("{quote}{word}{quote}{letter}");
        word.clear();
    }
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[tokio::test]
async fn an_explicit_null_anywhere_in_a_filter_is_refused() {
    for app in lessons().await {
        for (list, filter) in [
            ("employees", "{and: null}"),
            ("employees", "{and: [null]}"),
            ("employees", "{or: null}"),
            ("employees", "{or: [{}, null]}"),
            ("employees", "{not: null}"),
            ("employees", "{not: {not: {name: null}}}"),
            ("employees", "{ids: null}"),
            ("employees", r#"{ids: ["emp_1", null]}"#),
            ("employees", "{name: null}"),
            ("employees", "{name: {eq: null}}"),
            ("employees", "{name: {ne: null}}"),
            ("employees", "{name: {in: null}}"),
            ("employees", "{name: {in: [null]}}"),
            ("employees", "{name: {contains: null}}"),
            ("employees", "{name: {isNull: null}}"),
            ("employees", "{hireDate: null}"),
            ("employees", "{hireDate: {gte: null}}"),
            ("employees", "{meetings: null}"),
            ("employees", "{meetings: {some: null}}"),
            ("employees", "{meetings: {every: {topic: {eq: null}}}}"),
            ("employees", "{meetings: {count: null}}"),
            ("employees", "{meetings: {count: {eq: null}}}"),
            ("projects", "{budget: {gt: null}}"),
            ("projects", "{employees: {none: null}}"),
            ("meetings", "{scheduledTime: {lt: null}}"),
            ("assignments", "{startDate: {isNull: null}}"),
            ("assignments", "{active: null}"),
            ("assignments", "{active: {at: null}}"),
            ("assignments", "{active: {during: null}}"),
            (
                "assignments",
                r#"{active: {during: {from: null, until: "2023-01-01T00:00:00Z"}}}"#,
            ),
            (
                "assignments",
                r#"{active: {throughout: {from: "2023-01-01T00:00:00Z", until: null}}}"#,
            ),
            ("assignments", "{employee: null}"),
            ("assignments", "{project: {title: null}}"),
        ] {
            refused_both_ways(&app, list, filter).await;
        }
        for query in [
            "query($text: String) { employees(where: {name: {eq: $text}}) { nodes { id } } }",
            "query($text: String) { employees(where: {or: [{name: {ne: $text}}]}) { nodes { id } } }",
            "query($text: String) { projects { nodes { employees(through: {role: {eq: $text}}) { totalCount } } } }",
        ] {
            refused(&app, query, json!({ "text": null })).await;
        }
        let nested =
            "{ employees(where: {not: {meetings: {some: {topic: {eq: null}}}}}) { totalCount } }";
        let errors = app.errors(nested).await;
        assert_eq!(
            errors[0]["message"],
            "null is not allowed in a filter; leave the field out, or use isNull"
        );
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(errors[0]["path"], json!(["employees"]));
        // A `null` for the whole argument means no filter.
        let data = app
            .query("{ employees(where: null, orderBy: null) { totalCount } projects { nodes { employees(through: null) { totalCount } } } }")
            .await;
        assert_eq!(data["employees"]["totalCount"], 4);
    }
}

#[tokio::test]
async fn empty_filters_match_all_rows_and_empty_lists_match_none() {
    for app in lessons().await {
        for (filter, count) in [
            ("{}", 4),
            ("{and: []}", 4),
            ("{and: [{}]}", 4),
            ("{or: []}", 0),
            ("{or: [{}]}", 4),
            ("{or: [{and: []}]}", 4),
            ("{or: [{or: []}]}", 0),
            ("{not: {}}", 0),
            ("{not: {or: []}}", 4),
            ("{ids: []}", 0),
            ("{not: {ids: []}}", 4),
            (
                r#"{ids: ["emp_1", "emp_1", "emp_01", "prj_2", "", "nonsense", "emp_99"]}"#,
                1,
            ),
            ("{name: {}}", 4),
            ("{name: {in: []}}", 0),
            ("{not: {name: {in: []}}}", 4),
            (r#"{name: {contains: ""}}"#, 4),
            (r#"{name: {startsWith: "", endsWith: ""}}"#, 4),
            ("{hireDate: {}}", 4),
            ("{meetings: {}}", 4),
            ("{meetings: {some: {}}}", 4),
            ("{projects: {some: {}}}", 2),
            ("{projects: {none: {}}}", 2),
            ("{projects: {every: {}}}", 4),
            ("{projects: {every: {or: []}}}", 2),
            ("{projects: {count: {}}}", 4),
            ("{projects: {count: {lt: 0}}}", 0),
            ("{projects: {count: {lt: 2147483647, gt: -2147483648}}}", 4),
        ] {
            let data = app
                .query(&format!(
                    "{{ employees(where: {filter}) {{ totalCount }} }}"
                ))
                .await;
            assert_eq!(
                data["employees"]["totalCount"],
                count,
                "{}: {filter}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn an_invalid_filter_is_refused_with_its_path_and_a_remedy() {
    let range = ["active", "during"];
    for app in lessons().await {
        for (list, filter, place, message) in [
            (
                "employees",
                r#"{name: {eq: "a\u0000b"}}"#,
                &["name", "eq"][..],
                "Text cannot contain the NUL character.",
            ),
            (
                "employees",
                r#"{name: {in: ["a", "\u0000"]}}"#,
                &["name", "in"],
                "Text cannot contain the NUL character.",
            ),
            (
                "employees",
                r#"{or: [{}, {name: {contains: "\u0000"}}]}"#,
                &["or", "1", "name", "contains"],
                "Text cannot contain the NUL character.",
            ),
            (
                "assignments",
                "{active: {during: {}}}",
                &range,
                "Give `from`, `until` or both.",
            ),
            (
                "assignments",
                "{active: {throughout: {}}}",
                &["active", "throughout"],
                "Give `from`, `until` or both.",
            ),
            (
                "assignments",
                r#"{active: {during: {from: "2023-01-01T00:00:00Z", until: "2023-01-01T01:00:00+01:00"}}}"#,
                &range,
                "`until` must be after `from`.",
            ),
            (
                "assignments",
                r#"{active: {during: {from: "2023-01-02T00:00:00Z", until: "2023-01-01T00:00:00Z"}}}"#,
                &range,
                "`until` must be after `from`.",
            ),
            (
                "employees",
                "{meetings: {some: {employees: {some: {projects: {some: {assignments: {some: {}}}}}}}}}",
                &[
                    "meetings",
                    "some",
                    "employees",
                    "some",
                    "projects",
                    "some",
                    "assignments",
                    "some",
                ],
                "A filter can go through at most 3 relations.",
            ),
            (
                "assignments",
                "{employee: {assignments: {every: {project: {employees: {none: {}}}}}}}",
                &[
                    "employee",
                    "assignments",
                    "every",
                    "project",
                    "employees",
                    "none",
                ],
                "A filter can go through at most 3 relations.",
            ),
        ] {
            for errors in refused_both_ways(&app, list, filter).await {
                let context = format!("{}: {filter}: {errors:?}", app.name());
                let argument: Vec<_> = ["where"].iter().chain(place).collect();
                assert_eq!(errors[0]["message"], message, "{context}");
                assert_eq!(
                    errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                    "{context}"
                );
                assert_eq!(
                    errors[0]["extensions"]["argument"],
                    json!(argument),
                    "{context}"
                );
                assert_eq!(errors[0]["path"], json!([list]), "{context}");
                assert_eq!(app.database.statements(), 0, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn values_of_another_format_are_refused() {
    for app in lessons().await {
        for (list, filter) in [
            ("employees", "{hireDate: {eq: \"2022-5-17\"}}"),
            ("employees", "{hireDate: {eq: \"2022-02-30\"}}"),
            ("employees", "{name: {eq: 7}}"),
            ("employees", "{meetings: {count: {eq: 2147483648}}}"),
            ("employees", "{meetings: {count: {eq: 1.5}}}"),
            ("meetings", "{scheduledTime: {lt: \"2023-01-01T00:00:00\"}}"),
            ("meetings", "{scheduledTime: {lt: \"2023-01-01\"}}"),
            (
                "meetings",
                "{scheduledTime: {lt: \"+12023-01-01T00:00:00Z\"}}",
            ),
            ("projects", "{budget: {lt: 9007199254740992}}"),
            ("projects", "{budget: {lt: 1.5}}"),
            ("assignments", "{active: {}}"),
            (
                "assignments",
                "{active: {at: \"2023-01-01T00:00:00Z\", during: {from: \"2023-01-01T00:00:00Z\"}}}",
            ),
            ("assignments", "{active: {at: \"now\"}}"),
            ("employees", "{nonsense: 1}"),
        ] {
            refused_both_ways(&app, list, filter).await;
        }
    }
}

/// Returns a filter with this number of conditions.
fn conditions(count: usize) -> String {
    let conditions = vec![r#"{name: {ne: "x"}}"#; count];
    format!("{{and: [{}]}}", conditions.join(", "))
}

#[tokio::test]
async fn an_operation_with_more_than_a_hundred_conditions_is_refused() {
    for app in lessons().await {
        let (half, all, more) = (conditions(50), conditions(100), conditions(101));
        for query in [
            format!("{{ employees(where: {all}) {{ totalCount nodes {{ id }} }} }}"),
            format!(
                "{{ a: employees(where: {half}) {{ totalCount }} b: employees(where: {half}) {{ totalCount }} }}"
            ),
            // A field counts once, independent of the number of its parents.
            format!(
                "{{ projects {{ nodes {{ employees(where: {all}) {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage }} }} }} }} }}"
            ),
        ] {
            app.query(&query).await;
        }
        for query in [
            format!("{{ employees(where: {more}) {{ totalCount }} }}"),
            format!(
                "{{ a: employees(where: {half}) {{ totalCount }} b: employees(where: {half}) {{ totalCount }} c: employees(where: {{ids: []}}) {{ totalCount }} }}"
            ),
            format!(
                "{{ employees(where: {half}) {{ nodes {{ projects(where: {{employees: {{some: {half}}}}}, through: {{role: {{eq: \"a\"}}}}) {{ totalCount }} }} }} }}"
            ),
            format!(
                "{{ nodes(ids: [\"emp_1\", \"emp_2\", \"emp_3\"]) {{ ... on Employee {{ meetings(where: {{employees: {{some: {more}}}}}) {{ totalCount }} }} }} }}"
            ),
        ] {
            let errors = refused(&app, &query, json!({})).await;
            assert_eq!(
                errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                "{errors:?}"
            );
            let message = errors[0]["message"].as_str().unwrap();
            assert!(message.contains("100 conditions"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_refused_field_is_refused_for_every_parent() {
    for app in lessons().await {
        let half = conditions(50);
        let query = format!(
            r#"{{
                employees(where: {half}) {{ totalCount }}
                more: employees(where: {half}) {{ totalCount }}
                nodes(ids: ["mtg_1", "mtg_2"]) {{ ... on Meeting {{ employees(where: {{name: {{ne: "x"}}}}) {{ totalCount }} }} }}
            }}"#
        );
        let answer = app.answer(&query, json!({})).await;
        assert_eq!(
            answer["data"]["nodes"],
            json!([null, null]),
            "{}: {answer}",
            app.name()
        );
        let query = r#"{ nodes(ids: ["emp_1", "emp_2"]) { ... on Employee { projects(where: {title: {eq: "\u0000"}}) { totalCount } } } }"#;
        let answer = app.answer(query, json!({})).await;
        assert_eq!(
            answer["data"]["nodes"],
            json!([null, null]),
            "{}: {answer}",
            app.name()
        );
        assert_eq!(
            answer["errors"].as_array().map(Vec::len),
            Some(2),
            "{answer}"
        );
        assert_eq!(
            answer["errors"][1]["path"],
            json!(["nodes", 1, "projects"]),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_deep_or_long_filter_is_answered_or_refused_with_a_message() {
    for app in apps().await {
        app.employee("Ann").await;
        let query = "query($where: EmployeeFilter) { employees(where: $where) { totalCount } }";
        // The JSON parser accepts 128 levels.
        for (wrap, deepest) in [
            ((|inner| json!({ "not": inner })) as fn(Value) -> Value, 100),
            (|inner| json!({ "and": [inner] }), 55),
            (|inner| json!({ "or": [inner, {}] }), 55),
            (
                |inner| json!({ "not": { "or": [{}, { "and": [inner] }] } }),
                22,
            ),
        ] {
            for depth in [deepest / 4, deepest / 2, deepest] {
                let mut filter = json!({ "name": { "eq": "ann" } });
                for _ in 0..depth {
                    filter = wrap(filter);
                }
                let answer = app.answer(query, json!({ "where": filter })).await;
                let context = format!("{}: {depth} deep {}: {answer}", app.name(), wrap(json!({})));
                let refused = &answer["errors"][0];
                if !refused.is_null() {
                    let code = &refused["extensions"]["code"];
                    let codes = ["BAD_USER_INPUT", "LIMIT_EXCEEDED"];
                    assert!(codes.iter().any(|known| code == known), "{context}");
                }
            }
        }
        for long in [
            json!({ "or": vec![json!({}); 5_000] }),
            json!({ "and": vec![json!({}); 5_000] }),
            json!({ "or": vec![json!({ "or": [] }); 5_000] }),
            json!({ "and": vec![json!({ "not": { "not": {} } }); 5_000] }),
            json!({ "and": vec![json!({ "name": {} }); 5_000] }),
            json!({ "or": vec![json!({ "meetings": { "some": {} } }); 500] }),
            json!({ "ids": vec!["emp_1"; 40_000] }),
            json!({ "name": { "in": vec!["ann"; 40_000] } }),
        ] {
            let answer = app.answer(query, json!({ "where": long })).await;
            let start: String = long.to_string().chars().take(40).collect();
            let context = format!("{}: {start}: {answer}", app.name());
            let refused = &answer["errors"][0];
            if refused.is_null() {
                assert_eq!(answer["data"]["employees"]["totalCount"], 1, "{context}");
            } else {
                assert_eq!(refused["extensions"]["code"], "BAD_USER_INPUT", "{context}");
            }
        }
    }
}

#[tokio::test]
async fn an_argument_whose_variable_is_omitted_has_its_default() {
    for app in lessons().await {
        let query = "query ($n: Int, $via: ColleagueVia, $page: Int) {
            employee(id: \"emp_1\") {
                projects(first: $page) { edges { assignments(first: $n) { id } } }
                meetingClashes(withinMinutes: $n) { minutesApart }
                colleagues(via: $via) { totalCount edges { sharedProjects(first: $n) { id } } }
            }
            changes(first: $n) { nodes { kind } }
        }";
        let written = query
            .replace("(first: $page)", "")
            .replace("(first: $n)", "")
            .replace("(withinMinutes: $n)", "")
            .replace("(via: $via)", "")
            .replace("query ($n: Int, $via: ColleagueVia, $page: Int)", "query");
        assert_eq!(app.query(query).await, app.query(&written).await);
        let null = app.answer(query, json!({ "n": null })).await;
        assert_eq!(null["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
}
