//! How far down the due times a lease query has to look: rows that ended leave their dead behind, and a held snapshot
//! keeps them for as long as it is held.
//!
//! Two levels for each handler. `tight` is the oldest due time of the last batch leased; what lay below it was taken.
//! `safe` moves up every five seconds, and never past what somebody may still commit: a transaction that is writing has
//! its start for the due times it writes. Past `fresh_until`, by the store's clock, a query looks from `safe` on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::{Pattern, Timestamp};
use sqlx::Row;
use tokio::time::Instant;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::Postgres;
use crate::rows;
use crate::types::At;

const REFRESH_EVERY: Duration = Duration::from_secs(5);

/// When the oldest transaction began that is writing here, and whether one of them hides it: then nobody knows.
const WRITERS: &str = "SELECT min(xact_start) AS oldest, coalesce(bool_or(xact_start IS NULL), false) AS hidden \
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()";

/// $1 handlers, $2 their safe floors, $3 the oldest writer.
const LOWEST: &str = "SELECT h.name, least(w.due_at, now() - interval '10 seconds', $3) AS safe, \
    now() + interval '5 seconds' AS fresh_until \
    FROM unnest($1::text[], $2::timestamptz[]) AS h(name, safe) \
    CROSS JOIN LATERAL (SELECT (SELECT k.due_at FROM work k WHERE k.handler = h.name AND k.due_at >= h.safe \
        ORDER BY k.due_at LIMIT 1) AS due_at) w";

const DOING: &str = "looking for the oldest due row";

/// The floors of one process.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    kept: Mutex<HashMap<Pattern, Floor>>,
}

/// The floor of one handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// Good until `fresh_until`.
    pub(crate) tight: At,
    /// Good always.
    pub(crate) safe: At,
    /// By the store's clock.
    pub(crate) fresh_until: At,
    refreshed: Instant,
}

impl Floor {
    fn new(safe: At, fresh_until: At) -> Self {
        Self {
            tight: safe,
            safe,
            fresh_until,
            refreshed: Instant::now(),
        }
    }

    /// Looks at everything.
    fn none() -> Self {
        Self::new(At::NEVER, At::NEVER)
    }
}

impl Floors {
    /// The floor of each handler, where there is none: everything.
    pub(crate) fn of(&self, handlers: &[Pattern]) -> Vec<Floor> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        handlers
            .iter()
            .map(|handler| kept.get(handler).copied().unwrap_or_else(Floor::none))
            .collect()
    }

    /// The floors that are good always.
    pub(crate) fn safe(&self) -> Vec<(Pattern, At)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .map(|(handler, floor)| (handler.clone(), floor.safe))
            .collect()
    }

    /// Remembers the oldest due time of a batch that left nothing eligible below it.
    pub(crate) fn leased(&self, oldest: &BTreeMap<Pattern, Timestamp>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (handler, due) in oldest {
            if let Some(floor) = kept.get_mut(handler) {
                floor.tight = floor.safe.max(At(*due));
            }
        }
    }

    fn stale(&self, handlers: &[Pattern]) -> Vec<(Pattern, At)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        handlers
            .iter()
            .filter_map(|handler| match kept.get(handler) {
                Some(floor) if floor.refreshed.elapsed() < REFRESH_EVERY => None,
                Some(floor) => Some((handler.clone(), floor.safe)),
                None => Some((handler.clone(), At::NEVER)),
            })
            .collect()
    }

    fn set(&self, floors: Vec<(Pattern, Floor)>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(floors);
    }
}

impl Postgres {
    /// Moves up the floors that are older than five seconds.
    pub(crate) async fn refresh_floors(&self, handlers: &[Pattern]) -> Result<(), Failure> {
        let stale = self.floors().stale(handlers);
        if stale.is_empty() {
            return Ok(());
        }
        let writers = self.row(Statement::read(DOING, WRITERS), |_| ()).await?;
        let hidden: bool = writers.try_get("hidden")?;
        if hidden {
            let none = stale.into_iter().map(|(handler, _)| (handler, Floor::none())).collect();
            self.floors().set(none);
            return Ok(());
        }
        let oldest: Option<At> = writers.try_get("oldest")?;
        let names: Vec<&str> = stale.iter().map(|(handler, _)| handler.as_str()).collect();
        let safes: Vec<At> = stale.iter().map(|(_, safe)| *safe).collect();
        let found = self
            .rows(Statement::read(DOING, LOWEST), |binds| {
                binds.put(&names).put(&safes).put(oldest);
            })
            .await?;
        let floors = found
            .iter()
            .map(|row| {
                let floor = Floor::new(row.try_get("safe")?, row.try_get("fresh_until")?);
                Ok((rows::pattern(row, "name")?, floor))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        self.floors().set(floors);
        Ok(())
    }
}
