//! Brings a database to the schema of this version, and says whether one is there.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

use eventflow_core::PortError;

use crate::call::Statement;
use crate::error::Failure;
use crate::options::{ConnectError, parse_url};
use crate::postgres::Postgres;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const MIGRATE_WITHIN: Duration = Duration::from_mins(5);

const APPLIED: &str = "SELECT version, success FROM _sqlx_migrations";
const UNDEFINED_TABLE: &str = "42P01";

/// What of this version's schema a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// All of it.
    Current,
    /// Nothing.
    Missing,
    /// Not all of it, or a migration that was cut short.
    Older,
    /// More than this version knows.
    Newer,
}

/// Why a migration failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL is of no use.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The server cannot be reached.
    #[error("the store cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The server did not answer.
    #[error("the store did not answer within {0:?}")]
    TimedOut(Duration),
    /// A migration failed, or the database has another under its name.
    #[error("the store could not be migrated")]
    Failed(#[from] sqlx::migrate::MigrateError),
}

/// Applies all migrations that a database lacks. Safe to repeat, and to run twice at once: one waits for the other.
///
/// # Errors
/// The server is away, a migration fails, or the database has a migration that this version does not know.
pub async fn migrate(url: &str) -> Result<(), MigrateError> {
    let options = parse_url(url)?.application_name("eventflow migrate");
    let mut connection = timeout(CONNECT_WITHIN, PgConnection::connect_with(&options))
        .await
        .map_err(|_| MigrateError::TimedOut(CONNECT_WITHIN))?
        .map_err(MigrateError::Unreachable)?;
    timeout(MIGRATE_WITHIN, MIGRATIONS.run_direct(None, &mut connection, false))
        .await
        .map_err(|_| MigrateError::TimedOut(MIGRATE_WITHIN))??;
    connection.close().await.map_err(MigrateError::Unreachable)
}

impl Postgres {
    /// What of this version's schema the database has.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn schema(&self) -> Result<Schema, PortError> {
        const DOING: &str = "reading the schema's version";
        let rows = match self.rows(Statement::read(DOING, APPLIED), |_| ()).await {
            Ok(rows) => rows,
            Err(failure) if failure.code().as_deref() == Some(UNDEFINED_TABLE) => return Ok(Schema::Missing),
            Err(failure) => return Err(failure.port(DOING)),
        };
        let mut applied = BTreeSet::new();
        for row in &rows {
            let version: i64 = row
                .try_get("version")
                .map_err(|error| Failure::Sql(error).port(DOING))?;
            if row
                .try_get("success")
                .map_err(|error| Failure::Sql(error).port(DOING))?
            {
                applied.insert(version);
            }
        }
        Ok(compare(&applied, &MIGRATIONS.iter().map(|m| m.version).collect()))
    }
}

fn compare(applied: &BTreeSet<i64>, known: &BTreeSet<i64>) -> Schema {
    if applied.is_empty() {
        Schema::Missing
    } else if applied.last() > known.last() {
        Schema::Newer
    } else if known.is_subset(applied) {
        Schema::Current
    } else {
        Schema::Older
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_compared_with_what_this_version_knows() {
        let set = |versions: &[i64]| versions.iter().copied().collect::<BTreeSet<i64>>();
        assert_eq!(compare(&set(&[]), &set(&[1, 2])), Schema::Missing);
        assert_eq!(compare(&set(&[1]), &set(&[1, 2])), Schema::Older);
        assert_eq!(compare(&set(&[1, 2]), &set(&[1, 2])), Schema::Current);
        assert_eq!(compare(&set(&[1, 2, 3]), &set(&[1, 2])), Schema::Newer);
    }
}
