//! The app under test: a server in this process on its own database, and operations to send to it.

use migration::{Migrator, MigratorTrait};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use server::{
    accept,
    app::Server,
    config::{DeadlineSettings, Settings},
    http,
    seed::{self, Company},
    shutdown::Shutdown,
};
use tokio::net::TcpListener;

use super::database::{TestDatabase, migrated_template};

/// Starts a server on a migrated, empty database of each kind.
pub async fn apps() -> Vec<TestApp> {
    apps_with(&Settings::default()).await
}

/// As [`apps`], with these settings.
pub async fn apps_with(settings: &Settings) -> Vec<TestApp> {
    let sqlite = TestDatabase::sqlite().await;
    Migrator::up(sqlite.connection(), None).await.unwrap();
    let mut apps = vec![TestApp::start_with(sqlite, settings).await];
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        let database = TestDatabase::postgres(&url, migrated_template(&url).await).await;
        apps.push(TestApp::start_with(database, settings).await);
    }
    apps
}

/// Starts a server on the lesson's data, on a database of each kind.
pub async fn lessons() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        seed::fill(app.db(), Company::Lesson, false).await.unwrap();
    }
    apps
}

/// Starts a server on the lesson's data in SQLite, with changed settings.
pub async fn lesson_with(change: impl FnOnce(&mut Settings)) -> TestApp {
    let database = TestDatabase::sqlite().await;
    Migrator::up(database.connection(), None).await.unwrap();
    seed::fill(database.connection(), Company::Lesson, false)
        .await
        .unwrap();
    let mut settings = Settings::default();
    change(&mut settings);
    TestApp::start_with(database, &settings).await
}

/// A running server.
pub struct TestApp {
    pub url: String,
    pub database: TestDatabase,
    pub client: reqwest::Client,
    pub shutdown: Shutdown,
}

impl TestApp {
    async fn start_with(database: TestDatabase, settings: &Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = http::url(&listener).unwrap();
        let shutdown = Shutdown::new();
        let server = Server::new(database.connections(), settings, &shutdown).unwrap();
        tokio::spawn(accept::serve(vec![listener], server));
        Self {
            url,
            database,
            client: reqwest::Client::new(),
            shutdown,
        }
    }

    /// Starts a server on this database without migrating it.
    pub async fn serving(database: TestDatabase) -> Self {
        Self::start_with(database, &Settings::default()).await
    }

    /// Starts another server on the same database.
    pub async fn another(&self) -> Self {
        Self::on(self.database.url.clone()).await
    }

    /// As [`TestApp::another`], with these deadlines.
    pub async fn another_with(&self, deadlines: DeadlineSettings) -> Self {
        let url = self.database.url.clone();
        let database = TestDatabase::open_with(url, None, None, deadlines).await;
        Self::start_with(database, &Settings::default()).await
    }

    /// Starts a server on a database that the caller creates and drops.
    pub async fn on(url: String) -> Self {
        Self::start_with(
            TestDatabase::open(url, None, None).await,
            &Settings::default(),
        )
        .await
    }

    pub fn name(&self) -> &'static str {
        self.database.name()
    }

    pub fn db(&self) -> &DatabaseConnection {
        self.database.connection()
    }

    /// Returns the whole answer to an operation, with its errors.
    pub async fn answer(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = self.client.post(format!("{}/graphql", self.url));
        let response = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        serde_json::from_str(&response.unwrap().text().await.unwrap()).unwrap()
    }

    /// Returns the data of an operation that must succeed.
    pub async fn query(&self, query: &str) -> Value {
        self.query_with(query, json!({})).await
    }

    /// Returns the data of an operation with variables that must succeed.
    pub async fn query_with(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{}: {query}", self.name());
        answer["data"].take()
    }

    /// Returns the errors of an operation that must fail.
    pub async fn errors(&self, query: &str) -> Vec<Value> {
        let mut answer = self.answer(query, json!({})).await;
        match answer["errors"].take() {
            Value::Array(errors) => errors,
            _ => panic!("{}: no errors but {answer} for {query}", self.name()),
        }
    }

    /// Returns the data of an operation and the number of its statements.
    pub async fn counted(&self, query: &str) -> (Value, usize) {
        self.database.forget_statements();
        let data = self.query(query).await;
        (data, self.database.statements())
    }

    /// Sends a GET for a page or a probe.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}
