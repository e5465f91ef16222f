//! A PostgreSQL for tests: one server a test process, a database for each test, made from a migrated template.
//!
//! `EVENTFLOW_TEST_POSTGRES_URL` names a server to use instead; its role must be a superuser.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Archive, Ledger};
use eventflow_postgres::{Postgres, PostgresOptions, migrate};
use eventflow_stack::PostgresSettings;
use eventflow_testkit::LedgerRig;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

/// A clock that tests move: unqualified `now()` finds this one before the server's.
const CLOCK: &str = "CREATE SCHEMA clock; \
    CREATE TABLE clock.shift (by interval NOT NULL); INSERT INTO clock.shift VALUES ('0'); \
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS \
      'SELECT pg_catalog.now() + (SELECT by FROM clock.shift)'";

/// The server of this test process.
static SERVER: LazyLock<Server> = LazyLock::new(Server::find);
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A server, and what keeps it running.
struct Server {
    url: String,
    _started: Option<eventflow_stack::Postgres>,
}

impl Server {
    fn find() -> Self {
        if let Ok(url) = std::env::var("EVENTFLOW_TEST_POSTGRES_URL") {
            return Self { url, _started: None };
        }
        let settings = PostgresSettings::default().set("max_connections", "200");
        let started = eventflow_stack::Postgres::start(&settings).expect("a PostgreSQL starts");
        Self {
            url: started.url("postgres"),
            _started: Some(started),
        }
    }
}

/// A database of its own.
pub(crate) struct Database {
    /// Where it is.
    pub(crate) url: String,
}

impl Database {
    /// A migrated one.
    pub(crate) async fn migrated() -> Self {
        let server = &*SERVER;
        let template = TEMPLATE
            .get_or_init(|| async {
                let name = create(&server.url, "").await;
                let url = with_database(&server.url, &name);
                migrate(&url).await.expect("the template is migrated");
                execute(&url, CLOCK).await;
                name
            })
            .await;
        let name = create(&server.url, &format!("TEMPLATE {template}")).await;
        Self {
            url: with_database(&server.url, &name),
        }
    }

    /// An empty one.
    pub(crate) async fn empty() -> Self {
        let server = &*SERVER;
        let name = create(&server.url, "").await;
        Self {
            url: with_database(&server.url, &name),
        }
    }

    /// Options for a handle on it.
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new(&self.url)
    }

    /// Runs SQL in a session of its own.
    pub(crate) async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }

    /// Asks in a session of its own.
    pub(crate) async fn fetch(&self, sql: &str) -> Vec<PgRow> {
        let mut connection = self.session().await;
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut connection)
            .await
            .expect("the server answers")
    }

    /// A session of its own.
    pub(crate) async fn session(&self) -> PgConnection {
        PgConnection::connect(&self.url)
            .await
            .expect("the server takes a session")
    }
}

async fn create(server: &str, template: &str) -> String {
    let name = format!("t_{}", Uuid::now_v7().simple());
    execute(server, &format!("CREATE DATABASE {name} {template}")).await;
    name
}

async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("the server takes a session");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("the server carries it out");
    connection.close().await.expect("the session ends");
}

fn with_database(url: &str, name: &str) -> String {
    let at = url.rfind('/').expect("the URL names a database");
    format!("{}/{name}", &url[..at])
}

/// What the laws need.
pub(crate) struct Rig {
    postgres: Arc<Postgres>,
    database: Database,
    clock: Mutex<PgConnection>,
}

impl Rig {
    /// A fresh ledger whose sessions look at the clock that tests move.
    pub(crate) async fn new() -> Self {
        let database = Database::migrated().await;
        let mut options = database.options();
        options.session_setup = vec!["SET search_path = clock, public, pg_catalog".to_owned()];
        let postgres = Postgres::connect(&options).expect("the options are good");
        Self {
            postgres: Arc::new(postgres),
            clock: Mutex::new(database.session().await),
            database,
        }
    }

    /// The database below it.
    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl LedgerRig for Rig {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.postgres.clone()
    }

    fn archive(&self) -> Arc<dyn Archive> {
        self.postgres.clone()
    }

    async fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a law moves the clock by days at most");
        let mut clock = self.clock.lock().await;
        sqlx::query("UPDATE clock.shift SET by = by + $1 * interval '1 microsecond'")
            .bind(micros)
            .execute(&mut *clock)
            .await
            .expect("the clock moves");
    }
}
