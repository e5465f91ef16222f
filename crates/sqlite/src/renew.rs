//! Renewals: a worker says that it lives and what it runs. What bears its name otherwise is handed back.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use eventflow_core::{EventKey, LeaseToken, Renewal, Renewed, WorkerId};
use sqlx::Row as _;
use uuid::Uuid;

use crate::command::Operation;
use crate::error::Failure;
use crate::rows::{key_at, moment_at};
use crate::session::Session;
use crate::sql::{pieces, statement};

/// Renews.
pub(crate) struct Renew(pub(crate) Renewal);

/// Takes a worker off the list.
pub(crate) struct Leave(pub(crate) WorkerId);

#[async_trait]
impl Operation for Renew {
    type Answer = Renewed;

    async fn run(&self, session: &mut Session<'_>) -> Result<Renewed, Failure> {
        let renewal = &self.0;
        let unknown = !beat(renewal, session).await?;
        let held = held_by(renewal.worker, session).await?;
        let running: BTreeSet<(EventKey, LeaseToken)> = renewal.running.iter().copied().collect();
        let awaited: HashSet<LeaseToken> = renewal.awaited.iter().copied().collect();
        let (extended, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|row| running.contains(row));
        let strange: Vec<EventKey> = rest
            .into_iter()
            .filter(|(_, token)| !awaited.contains(token))
            .map(|(key, _)| key)
            .collect();
        let kept: HashSet<(EventKey, LeaseToken)> = extended.iter().copied().collect();
        extend(&extended, renewal, session).await?;
        hand_back(&strange, session).await?;
        Ok(Renewed {
            lost: running
                .iter()
                .filter(|row| !kept.contains(row))
                .map(|(key, _)| *key)
                .collect(),
            handed_back: u64::try_from(strange.len()).unwrap_or(u64::MAX),
            unknown,
        })
    }
}

#[async_trait]
impl Operation for Leave {
    type Answer = ();

    async fn run(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let delete = sqlx::query("DELETE FROM workers WHERE worker = ?").bind(self.0.0);
        session.run(delete).await?;
        let held = held_by(self.0, session).await?;
        let keys: Vec<EventKey> = held.into_iter().map(|(key, _)| key).collect();
        hand_back(&keys, session).await
    }
}

/// Notes that the worker lives; false where it is not on the list.
async fn beat(renewal: &Renewal, session: &mut Session<'_>) -> Result<bool, Failure> {
    let worker = renewal.worker.0;
    let select = sqlx::query("SELECT renewed_at FROM workers WHERE worker = ?").bind(worker);
    let Some(row) = session.row(select).await? else {
        return Ok(false);
    };
    let now = session.now.as_micros();
    let is_broken = session.now.since(moment_at(&row, 0)?) > renewal.lease_time / 3;
    let update = sqlx::query(
        "UPDATE workers SET renewed_at = ?1, unbroken_since = iif(?2, ?1, unbroken_since), beat = coalesce(?3, beat) \
         WHERE worker = ?4",
    )
    .bind(now)
    .bind(is_broken)
    .bind(renewal.beat.clone())
    .bind(worker);
    session.run(update).await?;
    Ok(true)
}

/// What bears the worker's name.
async fn held_by(worker: WorkerId, session: &mut Session<'_>) -> Result<Vec<(EventKey, LeaseToken)>, Failure> {
    let select =
        sqlx::query("SELECT key, lease FROM work INDEXED BY work_leased WHERE lease IS NOT NULL AND worker = ?")
            .bind(worker.0);
    let rows = session.rows(select).await?;
    rows.iter()
        .map(|row| Ok((key_at(row, 0)?, LeaseToken(row.try_get::<Uuid, _>(1)?))))
        .collect()
}

async fn extend(rows: &[(EventKey, LeaseToken)], renewal: &Renewal, session: &mut Session<'_>) -> Result<(), Failure> {
    let keys: Vec<EventKey> = rows.iter().map(|(key, _)| *key).collect();
    for keys in pieces(&keys) {
        let update = statement(format!("UPDATE work SET due_at = ? WHERE key IN ({})", keys.marks()))
            .bind(session.now.plus(renewal.lease_time).as_micros());
        session.run(keys.bind(update)).await?;
    }
    Ok(())
}

async fn hand_back(keys: &[EventKey], session: &mut Session<'_>) -> Result<(), Failure> {
    for keys in pieces(keys) {
        let update = statement(format!(
            "UPDATE work SET lease = NULL, worker = NULL, due_at = ? WHERE key IN ({})",
            keys.marks()
        ))
        .bind(session.now.as_micros());
        session.run(keys.bind(update)).await?;
    }
    Ok(())
}
