//! The handler list: who joins, what is paused, what is retired.

use std::collections::BTreeSet;

use async_trait::async_trait;
use eventflow_core::{
    Pattern, PauseOrder, Registered, Registration, Registry, RetireOrder, Retired, WorkerId, first_tie,
};
use uuid::Uuid;

use crate::audit::note;
use crate::command::Operation;
use crate::error::Failure;
use crate::registry;
use crate::rows::{moment_at, patterns_at, patterns_to_text};
use crate::session::Session;

/// Writes a worker and its patterns.
pub(crate) struct Register(pub(crate) Registration);

/// Pauses or resumes.
pub(crate) struct Pause(pub(crate) PauseOrder);

/// Takes a handler off the list.
pub(crate) struct Retire(pub(crate) RetireOrder);

#[async_trait]
impl Operation for Register {
    type Answer = Registered;

    async fn run(&self, session: &mut Session<'_>) -> Result<Registered, Failure> {
        let listed = session.handlers().await?;
        let brought: BTreeSet<&Pattern> = self.0.patterns.iter().collect();
        let missing: Vec<&Pattern> = brought
            .iter()
            .copied()
            .filter(|pattern| !listed.patterns().any(|listed| listed == *pattern))
            .collect();
        let united: Vec<&Pattern> = listed.patterns().chain(missing.iter().copied()).collect();
        if let Some((a, b)) = first_tie(&united) {
            return Ok(Registered::Tie(a.clone(), b.clone()));
        }
        self.write_worker(&brought, session).await?;
        for pattern in &missing {
            let insert = sqlx::query("INSERT INTO handlers (pattern, paused, due, running) VALUES (?, 0, 0, 0)")
                .bind(pattern.as_str().to_owned());
            session.run(insert).await?;
        }
        if !missing.is_empty() {
            move_on(session).await?;
        }
        let registry: Registry = registry::read(session.connection, session.now, registry::USUAL_LEASE).await?;
        Ok(Registered::Joined(registry))
    }
}

impl Register {
    async fn write_worker(&self, patterns: &BTreeSet<&Pattern>, session: &mut Session<'_>) -> Result<(), Failure> {
        let upsert = sqlx::query(
            "INSERT INTO workers (worker, name, patterns, joined_at, renewed_at, unbroken_since) \
             VALUES (?1, ?2, ?3, ?4, ?4, ?4) ON CONFLICT (worker) DO UPDATE SET name = excluded.name, \
             patterns = excluded.patterns, joined_at = ?4, renewed_at = ?4, unbroken_since = ?4",
        )
        .bind(self.0.worker.0)
        .bind(self.0.name.clone())
        .bind(patterns_to_text(patterns)?)
        .bind(session.now.as_micros());
        session.run(upsert).await?;
        Ok(())
    }
}

#[async_trait]
impl Operation for Pause {
    type Answer = bool;

    async fn run(&self, session: &mut Session<'_>) -> Result<bool, Failure> {
        let order = &self.0;
        let listed = session.handlers().await?;
        let stood = match &order.handler {
            None => listed.paused,
            Some(handler) => match listed.list.iter().find(|(pattern, _)| pattern == handler) {
                Some((_, paused)) => *paused,
                None => return Ok(false),
            },
        };
        if stood == order.paused {
            return Ok(true);
        }
        let update = match &order.handler {
            None => sqlx::query("UPDATE ledger SET paused = ?").bind(order.paused),
            Some(handler) => sqlx::query("UPDATE handlers SET paused = ? WHERE pattern = ?")
                .bind(order.paused)
                .bind(handler.as_str().to_owned()),
        };
        session.run(update).await?;
        session.forget_handlers();
        let action = if order.paused { "pause" } else { "resume" };
        let subject = order.handler.as_ref().map_or("*", Pattern::as_str);
        note(&order.actor, action, subject.to_owned(), None, session).await?;
        Ok(true)
    }
}

#[async_trait]
impl Operation for Retire {
    type Answer = Retired;

    async fn run(&self, session: &mut Session<'_>) -> Result<Retired, Failure> {
        let order = &self.0;
        if !session
            .handlers()
            .await?
            .patterns()
            .any(|pattern| *pattern == order.handler)
        {
            return Ok(Retired::Unknown);
        }
        let alive_since = session.now.minus(order.lease_time);
        let (mut living, mut gone) = (0, Vec::new());
        for row in session
            .rows(sqlx::query("SELECT worker, renewed_at, patterns FROM workers"))
            .await?
        {
            if !patterns_at(&row, 2)?.contains(&order.handler) {
                continue;
            }
            if moment_at(&row, 1)? > alive_since {
                living += 1;
            } else {
                gone.push(WorkerId(sqlx::Row::try_get::<Uuid, _>(&row, 0)?));
            }
        }
        if living > 0 {
            return Ok(Retired::Carried(living));
        }
        for worker in gone {
            session
                .run(sqlx::query("DELETE FROM workers WHERE worker = ?").bind(worker.0))
                .await?;
        }
        let delete = sqlx::query("DELETE FROM handlers WHERE pattern = ?").bind(order.handler.as_str().to_owned());
        session.run(delete).await?;
        move_on(session).await?;
        note(&order.actor, "retire", order.handler.as_str().to_owned(), None, session).await?;
        Ok(Retired::Gone)
    }
}

async fn move_on(session: &mut Session<'_>) -> Result<(), Failure> {
    session
        .run(sqlx::query("UPDATE ledger SET version = version + 1"))
        .await?;
    session.forget_handlers();
    Ok(())
}
