//! A second domain on the engine. It proves that the engine knows no entity, and that a domain needs the
//! engine's public names only. Runs on SQLite, and on PostgreSQL too if `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod databases;
mod domain;
mod entity;
mod values;

use serde_json::json;

use databases::libraries;

#[tokio::test]
async fn each_author_has_a_page_of_books_in_one_statement() {
    for library in libraries().await {
        let (data, statements) = library
            .answer(
                "{ authors { nodes { name isLiving card books(first: 1) { nodes { title } } } } }",
            )
            .await;
        let authors = &data["authors"]["nodes"];
        assert_eq!(
            authors[0],
            json!({
                "name": "Ada", "isLiving": false, "card": "8f14e45f-ceea-467f-a8c1-2b1d8b3b1a01",
                "books": { "nodes": [{ "title": "Air" }] },
            })
        );
        assert_eq!(authors[2]["isLiving"], true);
        assert_eq!(authors[2]["books"]["nodes"], json!([]));
        assert_eq!(statements, 2);
    }
}

#[tokio::test]
async fn filters_compare_booleans_text_and_related_rows() {
    for library in libraries().await {
        let data = library
            .data(r#"{ authors(where: { isLiving: true, name: { startsWith: "é" }, books: { some: { title: { eq: "SEA" } } } }) { nodes { name } } }"#)
            .await;
        assert_eq!(data["authors"]["nodes"], json!([{ "name": "Édith" }]));
    }
}

#[tokio::test]
async fn through_keeps_the_books_with_a_matching_loan() {
    for library in libraries().await {
        let data = library
            .data(r#"{ authors(first: 2) { nodes { books(through: { state: OUT, lentOn: { gte: "2024-02-01" } }) { edges { authorId node { title } } } } } }"#)
            .await;
        let edges = |author: usize| &data["authors"]["nodes"][author]["books"]["edges"];
        let edge = |author: i64, title: &str| json!([{ "authorId": format!("author_{author}"), "node": { "title": title } }]);
        assert_eq!(*edges(0), edge(1, "Sea"));
        assert_eq!(*edges(1), edge(2, "Land"));
    }
}

#[tokio::test]
async fn an_order_places_nulls_and_its_cursors_continue_behind_them() {
    for library in libraries().await {
        let page = async |arguments: &str| {
            let order = "orderBy: [{ field: PRICE, direction: DESC, nulls: FIRST }]";
            let text = format!(
                "{{ books(first: 2, {order}{arguments}) {{ nodes {{ title price }} pageInfo {{ endCursor hasNextPage }} }} }}"
            );
            library.data(&text).await["books"].clone()
        };
        let first = page("").await;
        let titles = json!([{ "title": "Air", "price": null }, { "title": "Sea", "price": 12.5 }]);
        assert_eq!(first["nodes"], titles);
        let cursor = first["pageInfo"]["endCursor"].as_str().unwrap();
        let second = page(&format!(r#", after: "{cursor}""#)).await;
        assert_eq!(second["nodes"], json!([{ "title": "Land", "price": 8.0 }]));
        assert_eq!(second["pageInfo"]["hasNextPage"], false);
    }
}

#[tokio::test]
async fn cursors_of_booleans_and_enums_continue() {
    for library in libraries().await {
        let mut names = Vec::new();
        let mut after = String::new();
        loop {
            let data = library
                .data(&format!("{{ authors(first: 1, orderBy: [{{ field: IS_LIVING }}]{after}) {{ nodes {{ name }} pageInfo {{ endCursor hasNextPage }} }} }}"))
                .await;
            names.push(data["authors"]["nodes"][0]["name"].clone());
            let page = &data["authors"]["pageInfo"];
            if page["hasNextPage"] == false {
                break;
            }
            after = format!(r#", after: {}"#, page["endCursor"]);
        }
        assert_eq!(names, ["Ada", "Édith", "Bo"]);
        let loans = "loans(orderBy: [{ field: STATE }], first: 1";
        let data = library
            .data(&format!("{{ books(first: 1) {{ nodes {{ {loans}) {{ nodes {{ state }} pageInfo {{ endCursor }} }} }} }} }}"))
            .await;
        let loans_of_sea = &data["books"]["nodes"][0]["loans"];
        assert_eq!(loans_of_sea["nodes"], json!([{ "state": "OUT" }]));
        let after = &loans_of_sea["pageInfo"]["endCursor"];
        let data = library
            .data(&format!("{{ books(first: 1) {{ nodes {{ {loans}, after: {after}) {{ nodes {{ state }} }} }} }} }}"))
            .await;
        let next = &data["books"]["nodes"][0]["loans"]["nodes"];
        assert_eq!(*next, json!([{ "state": "RETURNED" }]));
    }
}

#[tokio::test]
async fn a_list_brings_the_rows_that_it_refers_to_in_one_statement() {
    for library in libraries().await {
        let (data, statements) = library
            .answer("{ books { nodes { loans { nodes { state lentOn lentTo { name } } } } } }")
            .await;
        assert_eq!(
            data["books"]["nodes"][2]["loans"]["nodes"],
            json!([{ "state": "OUT", "lentOn": "2024-05-01", "lentTo": { "name": "Édith" } }])
        );
        assert_eq!(statements, 2);
    }
}

#[tokio::test]
async fn a_mutation_writes_its_row_and_its_event_or_nothing() {
    for library in libraries().await {
        let lend = async |author: &str| {
            let text = format!(
                r#"mutation {{ lend(input: {{ author: "{author}", book: 3, lentOn: "2024-06-01" }}) {{ loan {{ state lentTo {{ name }} }} refusal }} }}"#
            );
            library.data(&text).await["lend"].clone()
        };
        assert_eq!(
            lend("author_9").await,
            json!({ "loan": null, "refusal": "There is no such author." })
        );
        assert_eq!(
            lend("author_3").await,
            json!({ "loan": { "state": "OUT", "lentTo": { "name": "Bo" } }, "refusal": null })
        );
        let events = library.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].starts_with("Created loan_"), "{events:?}");
        assert!(events[0].ends_with(" by ada"), "{events:?}");
        let data = library
            .data(r#"{ authors(where: { name: { eq: "bo" } }) { nodes { books { nodes { title } } } } }"#)
            .await;
        let books = &data["authors"]["nodes"][0]["books"]["nodes"];
        assert_eq!(*books, json!([{ "title": "Land" }]));
    }
}
