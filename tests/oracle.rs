//! Random queries on random data, answered by the server and by a naive model of plain vectors that
//! shares no code with the server.

use futures_util::{FutureExt, StreamExt, stream};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use server::config::Settings;

use crate::support::{
    app::{apps, apps_with},
    oracle::{Pager, cases, delete_employee, difference, fill, random, random_data, report, seed},
};

/// The number of queries for each dataset.
const QUESTIONS: u64 = 125;

/// The number of concurrent queries.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_the_answers_of_a_naive_model() {
    let seed = seed();
    let companies = cases(1_000).div_ceil(QUESTIONS);
    // A query repeats its filter for the edges and the nodes of a list, on every level.
    let mut settings = Settings::default();
    settings.limits.operation.filter_conditions = 1_000;
    let apps = apps_with(&settings).await;
    for company in 0..companies {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(company));
        let model = random_data::company(&mut rng);
        let cases: Vec<Value> = (0..QUESTIONS)
            .map(|_| random::case(&mut rng, &model))
            .collect();
        for app in &apps {
            fill(app, &model).await;
            let wrong = stream::iter(&cases)
                .map(|case| {
                    difference(app, &model, case).map(move |wrong| wrong.map(|wrong| (case, wrong)))
                })
                .buffer_unordered(AT_ONCE)
                .filter_map(std::future::ready)
                .boxed()
                .next()
                .await;
            if let Some((case, what)) = wrong {
                let report = report(app, model, case.clone(), what).await;
                panic!("ORACLE_SEED={seed}, {}: {report}", app.name());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_list_add_up_to_the_list_in_both_directions() {
    let seed = seed();
    let apps = apps().await;
    for company in 0..3 {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(company));
        let model = random_data::company(&mut rng);
        for app in &apps {
            fill(app, &model).await;
        }
        for _ in 0..30 {
            let (parent, field) = random::list_to_page(&mut rng, &model);
            let whole = model.whole(parent, &field);
            let size = rng.random_range(1..6);
            for app in &apps {
                for backward in [false, true] {
                    let context = format!(
                        "ORACLE_SEED={seed}, {}: pages of {size}, backward: {backward}: {parent:?} {field}",
                        app.name()
                    );
                    let mut pager = Pager::new(app, parent, &field, backward);
                    let mut found = Vec::new();
                    while let Some(page) = pager.next(size).await {
                        assert_eq!(page.total, whole.len(), "{context}");
                        assert!(
                            page.ids.len() == size || !pager.more,
                            "a page is not full: {context}"
                        );
                        pager.collect(&mut found, page.ids);
                    }
                    assert_eq!(found, whole, "{context}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_stay_are_listed_once_while_others_are_inserted_and_deleted() {
    let seed = seed();
    for app in apps().await {
        for round in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(round));
            let mut model = random_data::company(&mut rng);
            fill(&app, &model).await;
            let field = loop {
                let (parent, field) = random::list_to_page(&mut rng, &model);
                // A deleted employee must not change the filter result for others.
                let about_others = field["args"].to_string().contains("employee");
                if parent.is_none() && field["field"] == "employees" && !about_others {
                    break field;
                }
            };
            let backward = rng.random_bool(0.5);
            let mut pager = Pager::new(&app, None, &field, backward);
            let mut found = Vec::new();
            let mut stayed = model.whole(None, &field);
            while let Some(page) = pager.next(rng.random_range(1..4)).await {
                pager.collect(&mut found, page.ids);
                let gone = model.employees[rng.random_range(0..model.employees.len())].id;
                stayed.retain(|id| *id != gone);
                delete_employee(&app, gone).await;
                app.hired("Ann", "2021-01-01").await;
                model.employees.retain(|row| row.id != gone);
                if model.employees.is_empty() {
                    break;
                }
            }
            let context = format!(
                "ORACLE_SEED={seed}, {}: backward: {backward}: {field}",
                app.name()
            );
            let again: Vec<_> = found
                .iter()
                .filter(|id| stayed.contains(id))
                .copied()
                .collect();
            assert_eq!(again, stayed, "{context}");
            let mut once = found.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), found.len(), "a row came twice: {context}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_valid_for_another_filter_parent_or_size_and_refused_for_another_order_or_field()
 {
    for app in apps().await {
        let boss = app.employee("Ann").await;
        let other = app.employee("Ben").await;
        for title in ["A", "B", "C", "D"] {
            let project = app.project(title, Some(5)).await;
            app.assignment(boss, project).await;
            app.assignment(other, project).await;
        }
        let data = app
            .query(&format!(
                r#"{{ employee(id: "emp_{boss}") {{ projects(first: 2) {{ pageInfo {{ endCursor }} }} }} }}"#
            ))
            .await;
        let cursor = &data["employee"]["projects"]["pageInfo"]["endCursor"];
        let data = app
            .query(&format!(
                r#"{{ employee(id: "emp_{other}") {{
                    projects(first: 1, after: {cursor}, where: {{title: {{ne: "C"}}}}, through: {{role: {{isNull: true}}}}) {{
                        nodes {{ title }} pageInfo {{ hasPreviousPage hasNextPage }} totalCount
                    }}
                }} }}"#
            ))
            .await;
        let expected = json!({
            "nodes": [{ "title": "D" }],
            "pageInfo": { "hasPreviousPage": true, "hasNextPage": false },
            "totalCount": 3,
        });
        assert_eq!(data["employee"]["projects"], expected, "{}", app.name());

        for elsewhere in [
            format!(
                r#"{{ employee(id: "emp_{boss}") {{ projects(after: {cursor}, orderBy: [{{field: TITLE, direction: DESC}}]) {{ totalCount }} }} }}"#
            ),
            format!(
                r#"{{ employee(id: "emp_{boss}") {{ projects(after: {cursor}, orderBy: [{{field: BUDGET}}]) {{ totalCount }} }} }}"#
            ),
            format!(
                r#"{{ employee(id: "emp_{boss}") {{ projects(after: {cursor}, orderBy: [{{field: TITLE, nulls: FIRST}}]) {{ totalCount }} }} }}"#
            ),
            format!(
                r#"{{ projects(after: {cursor}, orderBy: [{{field: TITLE}}]) {{ totalCount }} }}"#
            ),
            format!(r#"{{ employees(after: {cursor}) {{ totalCount }} }}"#),
        ] {
            let errors = app.errors(&elsewhere).await;
            assert_eq!(
                errors[0]["extensions"]["code"], "BAD_USER_INPUT",
                "{elsewhere}"
            );
            assert_eq!(
                errors[0]["extensions"]["argument"],
                json!(["after"]),
                "{elsewhere}"
            );
            let message = errors[0]["message"].as_str().unwrap();
            assert!(
                message.contains("another list or another order"),
                "{message}"
            );
        }
    }
}
