//! The app under test: a server in this process on a fresh database, and ways to ask it things.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread,
};

use chrono::{DateTime, NaiveDate, Utc};
use entity::{assignment, employee, employee_meeting, meeting, project};
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, Database, DatabaseConnection, EntityTrait,
    Statement,
};
use serde_json::{Value, json};
use server::{
    accept,
    app::Server,
    config::{DatabaseSettings, DeadlineSettings, Settings},
    database, http,
    seed::{self, Company},
    shutdown::Shutdown,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::OnceCell};

/// An empty database of each kind.
pub async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite().await];
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        databases.push(TestDatabase::postgres(&url, "template0").await);
    }
    databases
}

/// A server on a migrated, empty database of each kind.
pub async fn apps() -> Vec<TestApp> {
    apps_with(&Settings::default()).await
}

/// The same, with settings of the test's own.
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

/// A server on the lesson's data, on a database of each kind.
pub async fn lessons() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        seed::fill(app.db(), Company::Lesson, false).await.unwrap();
    }
    apps
}

/// A server on the lesson's data in SQLite, with settings of the test's own.
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

/// Migrating takes longer than copying, so it is done once for all tests of the process.
async fn migrated_template(url: &str) -> &'static str {
    static TEMPLATE: OnceCell<(TestDatabase, &'static str)> = OnceCell::const_new();
    let (_, name) = TEMPLATE
        .get_or_init(|| async {
            let database = TestDatabase::postgres(url, "template0").await;
            let connection = Database::connect(&database.url).await.unwrap();
            Migrator::up(&connection, None).await.unwrap();
            // A database that is connected to cannot be copied.
            connection.close().await.unwrap();
            database.connection.close_by_ref().await.unwrap();
            database::close(&database.database).await;
            let name = database.url.rsplit_once('/').unwrap().1.to_owned();
            (database, &*name.leak())
        })
        .await;
    name
}

/// A database that is gone after the test.
pub struct TestDatabase {
    url: String,
    database: sea_level::Database,
    /// For what the test does itself.
    connection: DatabaseConnection,
    recorded: Arc<Mutex<Vec<Statement>>>,
    /// The SQL that requests have sent in transactions that write.
    written: Arc<Mutex<Vec<String>>>,
    /// How many statements there are until one panics, itself among them; 0 when none does.
    panics: Arc<AtomicUsize>,
    _directory: Option<TempDir>,
    admin_url: Option<String>,
}

impl TestDatabase {
    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("roster.db");
        Self::open(
            DatabaseSettings::sqlite(&path).database_url,
            Some(directory),
            None,
        )
        .await
    }

    async fn postgres(admin_url: &str, template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("roster_test_{}_{number}", std::process::id());
        let admin = Database::connect(admin_url)
            .await
            .unwrap_or_else(|error| panic!("TEST_DATABASE_URL is set but not reachable: {error}"));
        let create = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template}");
        admin.execute_unprepared(&create).await.unwrap();
        admin.close().await.unwrap();
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        Self::open(format!("{server}/{name}"), None, Some(admin_url.to_owned())).await
    }

    async fn open(url: String, directory: Option<TempDir>, admin_url: Option<String>) -> Self {
        Self::open_with(url, directory, admin_url, DeadlineSettings::DEFAULT).await
    }

    async fn open_with(
        url: String,
        directory: Option<TempDir>,
        admin_url: Option<String>,
        deadlines: DeadlineSettings,
    ) -> Self {
        let settings = DatabaseSettings {
            database_url: url.clone(),
            database_wait: 0,
            deadlines,
        };
        let mut connection = database::maintain(&settings).await.unwrap();
        if admin_url.is_some() {
            // Tests write on several connections at once.
            connection = Database::connect(&url).await.unwrap();
        }
        let mut database = database::open(&settings).unwrap();
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let recorder = recorded.clone();
        let written = Arc::new(Mutex::new(Vec::new()));
        let writes = written.clone();
        database.transactions.observe(move |statement| {
            writes.lock().unwrap().push(statement.sql.clone());
        });
        let panics = Arc::new(AtomicUsize::new(0));
        let panicking = panics.clone();
        database.reader.observe(move |statement| {
            let counted = panicking.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
            assert!(
                counted != Ok(1),
                "a panic that was asked for, with a hidden text"
            );
            recorder.lock().unwrap().push(statement.clone());
        });
        Self {
            url,
            database,
            connection,
            recorded,
            written,
            panics,
            _directory: directory,
            admin_url,
        }
    }

    /// A connection for what the test does itself; its statements are not counted.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// How many statements requests have sent since they were last forgotten.
    pub fn statements(&self) -> usize {
        self.recorded.lock().unwrap().len()
    }

    /// The statements themselves.
    pub fn recorded(&self) -> Vec<Statement> {
        self.recorded.lock().unwrap().clone()
    }

    /// The SQL of transactions that write, in order, since it was last forgotten.
    pub fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    /// Whoever reads next panics, in the midst of its request.
    pub fn panic_once(&self) {
        self.panic_at(1);
    }

    /// Whoever sends the statement with this number from now on panics.
    pub fn panic_at(&self, statement: usize) {
        self.panics.store(statement, Ordering::Relaxed);
    }

    pub fn forget_statements(&self) {
        self.recorded.lock().unwrap().clear();
        self.written.lock().unwrap().clear();
    }

    /// `sqlite` or `postgres`, for messages.
    pub fn name(&self) -> &'static str {
        if self.url.starts_with("postgres") {
            "postgres"
        } else {
            "sqlite"
        }
    }

    /// The connections of the server.
    pub fn connections(&self) -> &sea_level::Database {
        &self.database
    }

    /// How the program would be told of it.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            database_url: self.url.clone(),
            database_wait: 0,
            deadlines: DeadlineSettings::DEFAULT,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(admin_url) = self.admin_url.clone() else {
            return;
        };
        let name = self
            .url
            .rsplit_once('/')
            .map(|(_, name)| name.to_owned())
            .unwrap_or_default();
        // Dropping is not async, and the test's own runtime must not be blocked on itself.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let admin = Database::connect(admin_url).await.unwrap();
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.execute_unprepared(&drop).await.unwrap();
            });
        });
        dropped.join().ok();
    }
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
        let server = Server::new(&database.database, settings, &shutdown).unwrap();
        tokio::spawn(accept::serve(vec![listener], server));
        Self {
            url,
            database,
            client: reqwest::Client::new(),
            shutdown,
        }
    }

    /// A server on this database, as it is.
    pub async fn serving(database: TestDatabase) -> Self {
        Self::start_with(database, &Settings::default()).await
    }

    /// Another server on the same database, as if in another process.
    pub async fn another(&self) -> Self {
        Self::on(self.database.url.clone()).await
    }

    /// The same, with a database that may keep it waiting for other times.
    pub async fn another_with(&self, deadlines: DeadlineSettings) -> Self {
        let url = self.database.url.clone();
        let database = TestDatabase::open_with(url, None, None, deadlines).await;
        Self::start_with(database, &Settings::default()).await
    }

    /// A server on a database that is somebody else's to create and to drop.
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

    /// The whole answer to an operation, errors and all.
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

    /// The data of an operation that must go well.
    pub async fn query(&self, query: &str) -> Value {
        self.query_with(query, json!({})).await
    }

    /// The data of an operation with variables that must go well.
    pub async fn query_with(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{}: {query}", self.name());
        answer["data"].take()
    }

    /// The errors of an operation that must fail.
    pub async fn errors(&self, query: &str) -> Vec<Value> {
        let mut answer = self.answer(query, json!({})).await;
        match answer["errors"].take() {
            Value::Array(errors) => errors,
            _ => panic!("{}: no errors but {answer} for {query}", self.name()),
        }
    }

    /// The data of an operation, and how many statements it took.
    pub async fn counted(&self, query: &str) -> (Value, usize) {
        self.database.forget_statements();
        let data = self.query(query).await;
        (data, self.database.statements())
    }

    /// A page or a probe, by GET.
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

/// Rows for tests, by what they must say and no more.
impl TestApp {
    pub async fn employee(&self, name: &str) -> i64 {
        self.hired(name, "2020-01-01").await
    }

    pub async fn hired(&self, name: &str, date: &str) -> i64 {
        let row = employee::ActiveModel {
            name: Set(name.to_owned()),
            hire_date: Set(day(date)),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn project(&self, title: &str, budget: Option<i64>) -> i64 {
        let row = project::ActiveModel {
            title: Set(title.to_owned()),
            budget: Set(budget),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn meeting(&self, topic: &str, at: &str) -> i64 {
        let row = meeting::ActiveModel {
            topic: Set(topic.to_owned()),
            scheduled_time: Set(time(at)),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn attends(&self, employee_id: i64, meeting_id: i64) {
        let row = employee_meeting::ActiveModel {
            employee_id: Set(employee_id),
            meeting_id: Set(meeting_id),
        };
        row.insert(self.db()).await.unwrap();
    }

    pub async fn assignment(&self, employee_id: i64, project_id: i64) -> i64 {
        self.stint(employee_id, project_id, None, None, None).await
    }

    pub async fn stint(
        &self,
        employee_id: i64,
        project_id: i64,
        role: Option<&str>,
        start: Option<&str>,
        end: Option<&str>,
    ) -> i64 {
        let row = assignment::ActiveModel {
            role: Set(role.map(str::to_owned)),
            start_date: Set(start.map(time)),
            end_date: Set(end.map(time)),
            employee_id: Set(employee_id),
            project_id: Set(project_id),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    /// Many rows at once.
    pub async fn insert_many<A>(&self, rows: Vec<A>)
    where
        A: ActiveModelTrait + Send,
    {
        for chunk in rows.chunks(500) {
            A::Entity::insert_many(chunk.to_vec())
                .exec(self.db())
                .await
                .unwrap();
        }
    }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
