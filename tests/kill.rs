//! `kill -9` during writes: acknowledged rows exist once and are in the feed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::support::{app::TestApp, home::migrated_homes, model::replay, mutations::text};

const ROUNDS: usize = 5;
const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_survives_a_kill_once_and_is_in_the_feed() {
    for home in migrated_homes().await {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let number = Arc::new(AtomicUsize::default());
        for _ in 0..ROUNDS {
            let server = home.serve(&["serve", "--port", "0"]);
            let mut writers = JoinSet::new();
            for _ in 0..WRITERS {
                let url = format!("{}/graphql", server.url);
                writers.spawn(write(url, number.clone(), acknowledged.clone()));
            }
            sleep(Duration::from_millis(rand::rng().random_range(150..500))).await;
            // Dropping the server kills it with SIGKILL.
            drop(server);
            writers.join_all().await;
        }
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert!(
            acknowledged.len() > ROUNDS * WRITERS,
            "{} writes",
            acknowledged.len()
        );

        let app = TestApp::on(home.database_url()).await;
        let mut there: HashMap<String, usize> = HashMap::new();
        let mut after = Value::Null;
        loop {
            let query = "query($after: String) { employees(first: 1000, after: $after) { \
                         nodes { name projects { nodes { title } } meetings { totalCount } } \
                         pageInfo { hasNextPage endCursor } } }";
            let page = app.query_with(query, json!({ "after": after })).await["employees"].take();
            for employee in page["nodes"].as_array().unwrap() {
                let name = text(&employee["name"]);
                let titles = json!([{ "title": name }]);
                assert_eq!(
                    employee["projects"]["nodes"], titles,
                    "all of it or nothing"
                );
                *there.entry(name).or_default() += 1;
            }
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        for name in &acknowledged {
            assert_eq!(there.get(name), Some(&1), "{} {name}", app.name());
        }
        replay(&app, &app.changes().await).await;
    }
}

/// Creates employees until a request fails.
async fn write(url: String, number: Arc<AtomicUsize>, acknowledged: Arc<Mutex<Vec<String>>>) {
    let client = reqwest::Client::new();
    let query = "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) \
                 { employee { name } userErrors { message } } }";
    loop {
        let name = format!("E{}", number.fetch_add(1, Ordering::Relaxed));
        let project = json!({ "create": { "title": name } });
        let input = json!({ "name": name, "assignments": [{ "project": project }] });
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let request = client.post(&url).header("content-type", "application/json");
        let Ok(answer) = request.body(body).send().await else {
            return;
        };
        let Ok(answer) = answer.text().await else {
            return;
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            answer["data"]["createEmployee"]["employee"]["name"],
            json!(name),
            "{answer}"
        );
        acknowledged.lock().unwrap().push(name);
    }
}
