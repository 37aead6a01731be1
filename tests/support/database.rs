//! Databases that exist for one test, and the statements that requests send to them.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use server::{
    config::{DatabaseSettings, DeadlineSettings},
    database,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// An empty database of each kind.
pub async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite().await];
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        databases.push(TestDatabase::postgres(&url, "template0").await);
    }
    databases
}

/// Migrating takes longer than copying, so it is done once for all tests of the process.
pub async fn migrated_template(url: &str) -> &'static str {
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
    pub url: String,
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
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("roster.db");
        Self::open(
            DatabaseSettings::sqlite(&path).database_url,
            Some(directory),
            None,
        )
        .await
    }

    pub async fn postgres(admin_url: &str, template: &str) -> Self {
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

    pub async fn open(url: String, directory: Option<TempDir>, admin_url: Option<String>) -> Self {
        Self::open_with(url, directory, admin_url, DeadlineSettings::DEFAULT).await
    }

    pub async fn open_with(
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
