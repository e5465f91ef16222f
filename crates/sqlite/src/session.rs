//! What an operation of the writer has in hand: the connection in a transaction, one moment, the handler list.

use std::sync::Arc;

use eventflow_core::{Pattern, RegistryVersion, Timestamp, WorkerId};
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult, SqliteRow};
use sqlx::{Executor as _, Row as _};

use crate::error::Failure;
use crate::rows::pattern_at;
use crate::sql::Statement;

/// The handler list as the writer knows it. It changes by the writer alone, so it is read once and kept.
#[derive(Debug)]
pub(crate) struct Handlers {
    pub(crate) version: RegistryVersion,
    pub(crate) paused: bool,
    /// Each handler, and whether it is paused by itself.
    pub(crate) list: Vec<(Pattern, bool)>,
}

impl Handlers {
    /// Whether nothing of this handler may start.
    pub(crate) fn is_paused(&self, handler: &Pattern) -> bool {
        self.paused || self.list.iter().any(|(pattern, paused)| *paused && pattern == handler)
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.list.iter().map(|(pattern, _)| pattern)
    }
}

/// One transaction of the writer.
pub(crate) struct Session<'a> {
    /// The connection, for statements that [`Session::run`] and its kin do not fit.
    pub(crate) connection: &'a mut SqliteConnection,
    /// The moment of this transaction, by the store's clock.
    pub(crate) now: Timestamp,
    /// The handler list, if it was read already.
    pub(crate) known: &'a mut Option<Arc<Handlers>>,
}

impl Session<'_> {
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<SqliteQueryResult, Failure> {
        Ok(self.connection.execute(statement).await?)
    }

    /// Runs a padded insert that must bring `rows` new rows.
    pub(crate) async fn insert(&mut self, statement: Statement, rows: usize) -> Result<(), Failure> {
        let inserted = self.run(statement).await?.rows_affected();
        if usize::try_from(inserted) == Ok(rows) {
            Ok(())
        } else {
            Err(Failure::Doubled)
        }
    }

    pub(crate) async fn rows(&mut self, statement: Statement) -> Result<Vec<SqliteRow>, Failure> {
        Ok(self.connection.fetch_all(statement).await?)
    }

    pub(crate) async fn row(&mut self, statement: Statement) -> Result<Option<SqliteRow>, Failure> {
        Ok(self.connection.fetch_optional(statement).await?)
    }

    /// The handler list as it stands in this transaction.
    pub(crate) async fn handlers(&mut self) -> Result<Arc<Handlers>, Failure> {
        if let Some(handlers) = self.known {
            return Ok(Arc::clone(handlers));
        }
        let ledger = self.connection.fetch_one("SELECT version, paused FROM ledger").await?;
        let list = self
            .rows(sqlx::query("SELECT pattern, paused FROM handlers ORDER BY pattern"))
            .await?;
        let handlers = Arc::new(Handlers {
            version: RegistryVersion(ledger.try_get(0)?),
            paused: ledger.try_get(1)?,
            list: list
                .iter()
                .map(|row| Ok((pattern_at(row, 0)?, row.try_get(1)?)))
                .collect::<Result<_, Failure>>()?,
        });
        *self.known = Some(Arc::clone(&handlers));
        Ok(handlers)
    }

    /// To be called by whoever changes the handler list.
    pub(crate) fn forget_handlers(&mut self) {
        *self.known = None;
    }

    /// Whether this worker's renewals stand there without a gap for one lease time, so that it may take what has lapsed.
    pub(crate) async fn is_mature(
        &mut self,
        worker: WorkerId,
        lease_time: std::time::Duration,
    ) -> Result<bool, Failure> {
        let mature = sqlx::query("SELECT 1 FROM workers WHERE worker = ? AND renewed_at > ? AND unbroken_since <= ?")
            .bind(worker.0)
            .bind(self.now.minus(lease_time / 3).as_micros())
            .bind(self.now.minus(lease_time).as_micros());
        Ok(self.row(mature).await?.is_some())
    }
}
