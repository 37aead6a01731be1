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

/// Creates an empty database of each kind.
pub async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite().await];
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        databases.push(TestDatabase::postgres(&url, "template0").await);
    }
    databases
}

/// Returns a migrated database to copy. Migrating takes longer than copying, so it runs once a process.
pub async fn migrated_template(url: &str) -> &'static str {
    static TEMPLATE: OnceCell<(TestDatabase, &'static str)> = OnceCell::const_new();
    let (_, name) = TEMPLATE
        .get_or_init(|| async {
            let database = TestDatabase::postgres(url, "template0").await;
            let connection = Database::connect(&database.url).await.unwrap();
            Migrator::up(&connection, None).await.unwrap();
            // PostgreSQL does not copy a database with connections.
            connection.close().await.unwrap();
            database.connection.close_by_ref().await.unwrap();
            database::close(&database.database).await;
            let name = database.url.rsplit_once('/').unwrap().1.to_owned();
            (database, &*name.leak())
        })
        .await;
    name
}

/// A database that is dropped after the test.
pub struct TestDatabase {
    pub url: String,
    database: sea_level::Database,
    /// The connection of the test itself.
    connection: DatabaseConnection,
    recorded: Arc<Mutex<Vec<Statement>>>,
    /// The SQL of requests in writing transactions.
    written: Arc<Mutex<Vec<String>>>,
    /// The number of the next statement that panics, counted from 1; 0 for none.
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
            // Tests write on several connections concurrently.
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

    /// The connection of the test itself. Its statements are not counted.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// The number of statements of requests since [`TestDatabase::forget_statements`].
    pub fn statements(&self) -> usize {
        self.recorded.lock().unwrap().len()
    }

    /// The statements of requests since [`TestDatabase::forget_statements`].
    pub fn recorded(&self) -> Vec<Statement> {
        self.recorded.lock().unwrap().clone()
    }

    /// The SQL of writing transactions since [`TestDatabase::forget_statements`], in order.
    pub fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    /// Makes the next statement of a request panic.
    pub fn panic_once(&self) {
        self.panic_at(1);
    }

    /// Makes the statement with this number, counted from now on, panic.
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

    /// The settings with which a server opens this database.
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
        // `drop` is not async, and blocking on the runtime of the test would deadlock.
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
