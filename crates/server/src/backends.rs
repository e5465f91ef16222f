//! The one place that names adapters: turns URLs into ports.

use std::sync::Arc;
use std::time::Duration;

use eventflow_api::{Role as BackendRole, Watched};
use eventflow_core::{Archive, Backend, Ledger, Pulse, Queue, SystemClock};
use eventflow_postgres::{Postgres, PostgresOptions, Schema};
use eventflow_redis::{RedisOptions, RedisQueue};
use eventflow_sqlite::{Sqlite, SqliteOptions};
use url::Url;

use crate::config::{Backends, Config, masked};
use crate::gates::Refused;

/// The ports of one process, and what stands behind them.
pub(crate) struct Connected {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) pulse: Arc<dyn Pulse>,
    pub(crate) queue: Option<Arc<dyn Queue>>,
    /// Each backend with what it is for.
    pub(crate) backends: Vec<(BackendRole, Arc<dyn Backend>)>,
    /// What a person reads: `PostgreSQL at postgres://…`.
    pub(crate) places: Vec<String>,
    store: Store,
}

enum Store {
    Sqlite(Arc<Sqlite>),
    Postgres { postgres: Arc<Postgres>, url: Url },
}

/// What has to be right in the store before anything else is asked of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// It is.
    Ready,
    /// Not without an operator: this is what to tell them.
    Refused(String),
}

impl Connected {
    /// Opens the file, or prepares connections to servers that may still be away.
    pub(crate) async fn new(config: &Config) -> anyhow::Result<Self> {
        match &config.backends {
            Backends::Embedded { path } => {
                let options = SqliteOptions {
                    path: path.clone(),
                    durability: config.durability,
                    clock: Arc::new(SystemClock),
                };
                let sqlite = Arc::new(Sqlite::open(options).await?);
                Ok(Self {
                    ledger: Arc::clone(&sqlite) as _,
                    archive: Arc::clone(&sqlite) as _,
                    pulse: Arc::clone(&sqlite) as _,
                    queue: None,
                    backends: vec![(BackendRole::Ledger, Arc::clone(&sqlite) as _)],
                    places: vec![format!("events live in {} (SQLite)", path.display())],
                    store: Store::Sqlite(sqlite),
                })
            }
            Backends::Postgres { store } => Self::on_postgres(config, store),
            Backends::Pipeline { queue, store } => {
                let mut connected = Self::on_postgres(config, store)?;
                let options = RedisOptions {
                    url: queue.to_string(),
                    partitions: config.partitions,
                    durability: config.durability,
                    assume_durability: config.assume_durability,
                    dedup_window: config.dedup_window,
                    dedup_marks: config.dedup_marks,
                };
                let redis =
                    Arc::new(RedisQueue::new(options).map_err(|error| Refused(format!("`queue_url`: {error}")))?);
                connected.queue = Some(Arc::clone(&redis) as _);
                connected.backends.insert(0, (BackendRole::Queue, redis as _));
                let place = format!("events are buffered in {} (Redis)", masked(queue.as_str()));
                connected.places.insert(0, place);
                Ok(connected)
            }
        }
    }

    fn on_postgres(config: &Config, store: &Url) -> anyhow::Result<Self> {
        let options = PostgresOptions {
            durability: config.durability,
            assume_durability: config.assume_durability,
            ..PostgresOptions::new(store.as_str())
        };
        let postgres = Arc::new(Postgres::connect(&options).map_err(|error| Refused(format!("`store_url`: {error}")))?);
        Ok(Self {
            ledger: Arc::clone(&postgres) as _,
            archive: Arc::clone(&postgres) as _,
            pulse: Arc::clone(&postgres) as _,
            queue: None,
            backends: vec![(BackendRole::Ledger, Arc::clone(&postgres) as _)],
            places: vec![format!("events live in {} (PostgreSQL)", masked(store.as_str()))],
            store: Store::Postgres {
                postgres,
                url: store.clone(),
            },
        })
    }

    /// The backends for the API to look after.
    pub(crate) fn watched(&self, config: &Config) -> Vec<Watched> {
        self.backends
            .iter()
            .map(|(role, backend)| Watched {
                role: *role,
                backend: Arc::clone(backend),
                assumed: config.assume_durability,
            })
            .collect()
    }

    /// Brings the schema of a server up to date. A file was, as it was opened.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        match &self.store {
            Store::Sqlite(_) => Ok(()),
            Store::Postgres { url, .. } => Ok(eventflow_postgres::migrate(url.as_str()).await?),
        }
    }

    /// Whether the store's schema is this version's.
    pub(crate) async fn schema(&self) -> Result<SchemaState, eventflow_core::PortError> {
        const MIGRATE: &str = "run `eventflow migrate` with the same `store_url`, as a role that owns the schema";
        let Store::Postgres { postgres, .. } = &self.store else {
            return Ok(SchemaState::Ready);
        };
        Ok(match postgres.schema().await? {
            Schema::Current => SchemaState::Ready,
            Schema::Missing => SchemaState::Refused(format!("the store has no schema yet: {MIGRATE}")),
            Schema::Older => SchemaState::Refused(format!("the store's schema is older than this version: {MIGRATE}")),
            Schema::Newer => SchemaState::Refused(
                "the store's schema is newer than this version: run the version that migrated it, or a newer one"
                    .into(),
            ),
        })
    }

    /// Writes the number of partitions into the ledger at the first start, and refuses another one ever after.
    pub(crate) async fn claim_partitions(&self, config: &Config) -> Result<SchemaState, eventflow_core::PortError> {
        let (Store::Postgres { postgres, .. }, Some(_)) = (&self.store, &self.queue) else {
            return Ok(SchemaState::Ready);
        };
        let asked = config.partitions.to_string();
        let in_force = postgres.claim_setting("partitions", &asked).await?;
        Ok(if in_force == asked {
            SchemaState::Ready
        } else {
            SchemaState::Refused(format!(
                "`partitions` is {asked}, and this ledger was made with {in_force}: set partitions = {in_force}"
            ))
        })
    }

    /// Gives everything back, within a deadline of its own.
    pub(crate) async fn close(self) {
        const DEADLINE: Duration = Duration::from_secs(10);
        let closing = async {
            match &self.store {
                Store::Sqlite(sqlite) => sqlite.close().await,
                Store::Postgres { postgres, .. } => postgres.close().await,
            }
        };
        if tokio::time::timeout(DEADLINE, closing).await.is_err() {
            tracing::warn!("the store could not be closed in time");
        }
    }
}

/// Brings the store's schema up to date.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<String> {
    match &config.backends {
        Backends::Embedded { path } => {
            let options = SqliteOptions {
                path: path.clone(),
                durability: config.durability,
                clock: Arc::new(SystemClock),
            };
            Sqlite::open(options).await?.close().await;
            Ok(format!("{} is up to date", path.display()))
        }
        Backends::Postgres { store } | Backends::Pipeline { store, .. } => {
            eventflow_postgres::migrate(store.as_str()).await?;
            Ok(format!("{} is up to date", masked(store.as_str())))
        }
    }
}
