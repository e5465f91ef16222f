//! Runs a statement: a deadline, a small budget of repetitions, and an end for whoever blocks without being alive.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, Encode, Type};
use tokio::time::timeout;

use crate::error::Failure;
use crate::postgres::Postgres;
use crate::unblock;

/// Slightly above `statement_timeout`.
const ANSWER_WITHIN: Duration = Duration::from_millis(5_500);
/// Deadlocks and serialization failures that are tried again at once.
const CONFLICTS: u32 = 5;

/// A statement.
#[derive(Clone, Copy)]
pub(crate) struct Statement {
    /// What it is for: "admitting a batch".
    pub(crate) doing: &'static str,
    /// Its text.
    pub(crate) sql: &'static str,
    /// Whether it waits for the gate of durability.
    pub(crate) writes: bool,
}

impl Statement {
    /// One that only reads.
    pub(crate) const fn read(doing: &'static str, sql: &'static str) -> Self {
        Self {
            doing,
            sql,
            writes: false,
        }
    }

    /// One that writes.
    pub(crate) const fn write(doing: &'static str, sql: &'static str) -> Self {
        Self {
            doing,
            sql,
            writes: true,
        }
    }
}

/// The values of a statement, in the order of its parameters.
#[derive(Default)]
pub(crate) struct Binds {
    arguments: PgArguments,
    failure: Option<Failure>,
}

impl Binds {
    /// The next parameter.
    pub(crate) fn put<'q, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'q, sqlx::Postgres> + Type<sqlx::Postgres>,
    {
        if let Err(error) = self.arguments.add(value) {
            self.failure.get_or_insert(Failure::Unsendable(error));
        }
        self
    }

    fn finish(self) -> Result<PgArguments, Failure> {
        self.failure.map_or(Ok(self.arguments), Err)
    }
}

/// What follows a failure.
enum Next {
    GiveUp,
    AfterJitter,
    OnNewConnection,
    AfterUnblocking,
}

/// What may still be repeated.
struct Budget {
    conflicts: u32,
    reconnects: u32,
    unblockings: u32,
}

impl Budget {
    const NEW: Self = Self {
        conflicts: CONFLICTS,
        reconnects: 1,
        unblockings: 1,
    };

    fn after(&mut self, failure: &Failure, reused: bool) -> Next {
        let spend = |left: &mut u32, next| {
            if *left == 0 {
                return Next::GiveUp;
            }
            *left -= 1;
            next
        };
        match failure.code().as_deref() {
            Some("40001" | "40P01") => spend(&mut self.conflicts, Next::AfterJitter),
            Some("55P03") => spend(&mut self.unblockings, Next::AfterUnblocking),
            Some("0A000" | "26000") => spend(&mut self.reconnects, Next::OnNewConnection),
            Some(code) if reused && (code.starts_with("57P") || code.starts_with("08") || code == "25P03") => {
                spend(&mut self.reconnects, Next::OnNewConnection)
            }
            None if reused && matches!(failure, Failure::Sql(sqlx::Error::Io(_) | sqlx::Error::Protocol(_))) => {
                spend(&mut self.reconnects, Next::OnNewConnection)
            }
            _ => Next::GiveUp,
        }
    }
}

impl Postgres {
    /// Runs a statement to its end and returns its rows.
    pub(crate) async fn rows<F>(&self, statement: Statement, bind: F) -> Result<Vec<PgRow>, Failure>
    where
        F: Fn(&mut Binds) + Send + Sync,
    {
        let mut budget = Budget::NEW;
        loop {
            let mut binds = Binds::default();
            bind(&mut binds);
            let (failure, reused) = match self.once(statement, binds.finish()?).await {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
            match budget.after(&failure, reused) {
                Next::GiveUp => return Err(failure),
                Next::AfterJitter => {
                    tracing::debug!(doing = statement.doing, error = %failure, "a conflict; tried again at once");
                    tokio::time::sleep(Duration::from_micros(fastrand::u64(500..10_000))).await;
                }
                Next::OnNewConnection => self.pool().discard_idle(),
                Next::AfterUnblocking => unblock::end_stopped_clients(self.pool()).await,
            }
        }
    }

    /// One row that the statement always gives.
    pub(crate) async fn row<F>(&self, statement: Statement, bind: F) -> Result<PgRow, Failure>
    where
        F: Fn(&mut Binds) + Send + Sync,
    {
        let mut rows = self.rows(statement, bind).await?;
        rows.pop().ok_or(Failure::Sql(sqlx::Error::RowNotFound))
    }

    async fn once(&self, statement: Statement, arguments: PgArguments) -> Result<Vec<PgRow>, (Failure, bool)> {
        let pass = || if statement.writes { self.gate().pass() } else { Ok(()) };
        pass().map_err(|failure| (failure, false))?;
        let mut held = self.pool().acquire().await.map_err(|failure| (failure, false))?;
        let reused = held.reused;
        if let Err(failure) = pass() {
            held.give_back();
            return Err((failure, reused));
        }
        let query = sqlx::query_with(statement.sql, arguments).fetch_all(&mut held.connection);
        let failure = match timeout(ANSWER_WITHIN, query).await {
            Ok(Ok(rows)) => {
                held.give_back();
                return Ok(rows);
            }
            Ok(Err(error)) => Failure::Sql(error),
            Err(_) => Failure::TimedOut(ANSWER_WITHIN),
        };
        if !failure.breaks_connection() {
            held.give_back();
        }
        Err((failure, reused))
    }
}
