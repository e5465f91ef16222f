//! The servers behind a stack.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use eventflow_stack::{Error, Postgres, PostgresSettings, Redis, RedisSettings};
use tokio::task::block_in_place;

/// One server for all tests that do not hurt it: each has a database of its own.
static SHARED: LazyLock<Postgres> = LazyLock::new(start_postgres);
static DATABASES: AtomicU32 = AtomicU32::new(0);

fn start_postgres() -> Postgres {
    here(Postgres::start(
        &PostgresSettings::default().set("max_connections", "200"),
    ))
}

/// A Redis of one's own.
pub(crate) fn redis() -> Redis {
    here(block_in_place(|| Redis::start(&RedisSettings::default())))
}

/// What has started; otherwise what to do about it.
fn here<T>(started: Result<T, Error>) -> T {
    started.unwrap_or_else(|error| panic!("{error}"))
}

/// A database of one test.
#[derive(Clone)]
pub(crate) struct Database {
    own: Option<Arc<Postgres>>,
    name: String,
}

impl Database {
    /// An empty one, on the common server or on one that the test may hurt.
    pub(crate) fn create(own_server: bool) -> Self {
        let own = own_server.then(|| Arc::new(block_in_place(start_postgres)));
        let name = format!("test_{}", DATABASES.fetch_add(1, Relaxed));
        let database = Self { own, name };
        block_in_place(|| database.server().create_database(&database.name)).expect("a database");
        database
    }

    /// Its server.
    pub(crate) fn server(&self) -> &Postgres {
        self.own.as_deref().unwrap_or_else(|| &SHARED)
    }

    /// Its server, which nobody else uses.
    pub(crate) fn own_server(&self) -> &Postgres {
        self.own
            .as_deref()
            .expect("a test that hurts the server has one of its own")
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.server().url(&self.name)
    }

    /// Rows of text; an error where the server is away.
    pub(crate) fn try_sql(&self, statements: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        block_in_place(|| self.server().sql(&self.name, statements)).map_err(|error| error.to_string())
    }

    /// Rows of text.
    pub(crate) fn sql(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        self.try_sql(statements).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The first column of each row.
    pub(crate) fn column(&self, statement: &str) -> Vec<String> {
        let rows = self.sql(statement);
        rows.into_iter()
            .map(|row| row.into_iter().next().flatten().unwrap_or_default())
            .collect()
    }

    /// One number.
    pub(crate) fn number(&self, statement: &str) -> u64 {
        let column = self.column(statement);
        let [text] = column.as_slice() else {
            panic!("one row: {column:?}")
        };
        text.parse().unwrap_or_else(|_| panic!("{statement}: {text}"))
    }
}
