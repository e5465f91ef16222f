//! How to reach a PostgreSQL, and what is asked of it.

use std::fmt;
use std::str::FromStr;

use eventflow_core::Durability;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// How to reach a PostgreSQL, and what is asked of it. Its `Debug` hides the password.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`, with libpq's options as its query.
    pub url: String,
    /// The level that every acknowledged write must have.
    pub durability: Durability,
    /// Whether that level is taken for granted, whatever the server says of itself.
    pub assume_durability: bool,
    /// How many connections at most.
    pub connections: u32,
    /// What the server shows of this process in `pg_stat_activity`.
    pub application_name: String,
    /// Statements run on each new session after its own settings: `SET ROLE`, `SET search_path`.
    pub session_setup: Vec<String>,
}

/// Why options are of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. It is not shown: it may hold a password.
    #[error("the store's URL cannot be read; it looks like postgres://user:password@host:5432/database")]
    Url(#[source] sqlx::Error),
    /// A pool of none.
    #[error("at least one connection is needed")]
    NoConnections,
}

impl PostgresOptions {
    /// The default number of connections.
    pub const CONNECTIONS: u32 = 6;

    /// Options with defaults: durability `disk`, not assumed, six connections.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            durability: Durability::Disk,
            assume_durability: false,
            connections: Self::CONNECTIONS,
            application_name: "eventflow".into(),
            session_setup: Vec::new(),
        }
    }

    pub(crate) fn parse(&self) -> Result<PgConnectOptions, ConnectError> {
        if self.connections == 0 {
            return Err(ConnectError::NoConnections);
        }
        Ok(parse_url(&self.url)?.application_name(&self.application_name))
    }
}

pub(crate) fn parse_url(url: &str) -> Result<PgConnectOptions, ConnectError> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(ConnectError::Url)?
        .disable_statement_logging())
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("durability", &self.durability)
            .field("assume_durability", &self.assume_durability)
            .field("connections", &self.connections)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}
