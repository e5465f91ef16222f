//! What waits for a handler that was retired is matched anew.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Death, EventKey, FATAL_CRASHES, Pattern, Reason, WorkerId, most_specific};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::command::Operation;
use crate::death::{Burial, crashed, die, note_crash};
use crate::error::Failure;
use crate::rows::{count_at, key_at, pattern_at, worker_at};
use crate::session::{Handlers, Session};
use crate::sql::statement;

/// What is read of a row whose handler is off the list.
const ORPHAN: &str = "w.key, w.handler, w.worker, w.attempt, w.crashes, w.requeues, e.type";

/// Matches anew.
pub(crate) struct Rematch {
    pub(crate) worker: Option<WorkerId>,
    pub(crate) lease_time: Duration,
    pub(crate) limit: u32,
}

struct Orphan {
    key: EventKey,
    handler: Pattern,
    /// Who let it lapse.
    lapsed_of: Option<WorkerId>,
    attempt: u32,
    /// Its lapse among them.
    crashes: u32,
    requeues: u32,
    event_type: String,
}

#[async_trait]
impl Operation for Rematch {
    type Answer = u64;

    async fn run(&self, session: &mut Session<'_>) -> Result<u64, Failure> {
        let handlers = session.handlers().await?;
        let mut orphans = self.waiting(&handlers, session).await?;
        if let Some(worker) = self.worker
            && session.is_mature(worker, self.lease_time).await?
        {
            orphans.extend(self.lapsed(session).await?);
        }
        orphans.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        for orphan in &orphans {
            orphan.place(&handlers, session).await?;
        }
        Ok(u64::try_from(orphans.len()).unwrap_or(u64::MAX))
    }
}

impl Rematch {
    /// Rows that wait, found handler by handler, so that what waits for the others is not looked at.
    async fn waiting(&self, handlers: &Handlers, session: &mut Session<'_>) -> Result<Vec<Orphan>, Failure> {
        let mut orphans = Vec::new();
        for handler in awaited(session).await? {
            let room = i64::from(self.limit) - i64::try_from(orphans.len()).unwrap_or(i64::MAX);
            if room <= 0 {
                break;
            }
            if handlers.patterns().any(|listed| *listed == handler) {
                continue;
            }
            let select = statement(format!(
                "SELECT {ORPHAN} FROM work w INDEXED BY work_due CROSS JOIN events e ON e.key = w.key \
                 WHERE w.lease IS NULL AND w.handler = ? ORDER BY w.due_at, w.key LIMIT ?"
            ))
            .bind(handler.as_str().to_owned())
            .bind(room);
            for row in session.rows(select).await? {
                orphans.push(Orphan::of(&row)?);
            }
        }
        Ok(orphans)
    }

    async fn lapsed(&self, session: &mut Session<'_>) -> Result<Vec<Orphan>, Failure> {
        let select = statement(format!(
            "SELECT {ORPHAN} FROM work w INDEXED BY work_leased CROSS JOIN events e ON e.key = w.key \
             WHERE w.lease IS NOT NULL AND w.due_at <= ? AND w.handler NOT IN (SELECT pattern FROM handlers) \
             ORDER BY w.due_at, w.key LIMIT ?"
        ))
        .bind(session.now.as_micros())
        .bind(i64::from(self.limit));
        session.rows(select).await?.iter().map(Orphan::of).collect()
    }
}

/// The handlers for which rows wait, each found by one step in the index.
async fn awaited(session: &mut Session<'_>) -> Result<Vec<Pattern>, Failure> {
    let select = sqlx::query(
        "WITH RECURSIVE h(handler) AS (\
           SELECT min(handler) FROM work INDEXED BY work_due WHERE lease IS NULL \
           UNION ALL \
           SELECT (SELECT min(handler) FROM work INDEXED BY work_due WHERE lease IS NULL AND handler > h.handler) \
           FROM h WHERE h.handler IS NOT NULL) \
         SELECT handler FROM h WHERE handler IS NOT NULL",
    );
    session
        .rows(select)
        .await?
        .iter()
        .map(|row| pattern_at(row, 0))
        .collect()
}

impl Orphan {
    fn of(row: &SqliteRow) -> Result<Self, Failure> {
        let lapsed_of = worker_at(row, 2)?;
        Ok(Self {
            key: key_at(row, 0)?,
            handler: pattern_at(row, 1)?,
            lapsed_of,
            attempt: count_at(row, 3)?,
            crashes: count_at(row, 4)?.saturating_add(u32::from(lapsed_of.is_some())),
            requeues: count_at(row, 5)?,
            event_type: row.try_get(6)?,
        })
    }

    async fn place(&self, handlers: &Handlers, session: &mut Session<'_>) -> Result<(), Failure> {
        if self.lapsed_of.is_some() {
            note_crash(self.key, self.attempt.saturating_add(1), self.lapsed_of, session).await?;
            if self.crashes >= FATAL_CRASHES {
                return self.die(&crashed(self.crashes), session).await;
            }
        }
        if let Some(handler) = most_specific(handlers.patterns(), &self.event_type) {
            return self.wait_for(handler, session).await;
        }
        let message = format!(
            "its handler `{}` was retired and nothing takes `{}`",
            self.handler, self.event_type
        );
        self.die(&Death::new(Reason::NoHandler, message), session).await
    }

    async fn wait_for(&self, handler: &Pattern, session: &mut Session<'_>) -> Result<(), Failure> {
        let update = sqlx::query(
            "UPDATE work SET handler = ?, lease = NULL, worker = NULL, due_at = ?, crashes = ? WHERE key = ?",
        )
        .bind(handler.as_str().to_owned())
        .bind(session.now.as_micros())
        .bind(i64::from(self.crashes))
        .bind(self.key.uuid());
        session.run(update).await?;
        Ok(())
    }

    async fn die(&self, death: &Death, session: &mut Session<'_>) -> Result<(), Failure> {
        let burial = Burial {
            key: self.key,
            death,
            handler: Some(&self.handler),
            attempt: self.attempt,
            crashes: self.crashes,
            requeues: self.requeues,
        };
        die(burial, session).await
    }
}
