//! An operator's orders over dead letters.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use eventflow_core::{
    EventKey, Job, LetterAction, LetterOrder, Pattern, Reason, Refusal, SUSPECT_CRASHES, most_specific,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use crate::audit::note;
use crate::command::Operation;
use crate::error::Failure;
use crate::rows::{count_at, key_at, moment_at, reason_of, total_at};
use crate::session::{Handlers, Session};
use crate::sql::{pieces, statement};

/// Carries out an order, once.
pub(crate) struct ChangeLetters(pub(crate) LetterOrder);

/// What stands under a key that an order names.
struct Standing {
    state: String,
    event_type: String,
    /// What the event takes in memory.
    weight: i64,
    letter: Option<Letter>,
}

#[derive(Clone, Copy)]
struct Letter {
    reason: Reason,
    attempt: u32,
    crashes: u32,
    requeues: u32,
}

/// What becomes of a letter.
enum Change<'a> {
    Requeue(&'a Pattern, Letter, i64),
    Store,
    Discard,
    Restore,
}

#[async_trait]
impl Operation for ChangeLetters {
    type Answer = Job;

    async fn run(&self, session: &mut Session<'_>) -> Result<Job, Failure> {
        let order = &self.0;
        if let Some(job) = job(session.connection, order.job).await? {
            return Ok(job);
        }
        let handlers = session.handlers().await?;
        let keys: Vec<EventKey> = order
            .keys
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let standing = standing(&keys, session).await?;
        let mut job = Job {
            id: order.job,
            action: order.action,
            actor: order.actor.clone(),
            at: session.now,
            applied: 0,
            stored: 0,
            refused: Vec::new(),
        };
        for key in keys {
            match decide(order.action, standing.get(&key), &handlers) {
                Err(refusal) => job.refused.push((key, refusal)),
                Ok(change) => {
                    job.applied += 1;
                    job.stored += u64::from(matches!(change, Change::Store));
                    apply(key, &change, session).await?;
                    let subject = key.to_string();
                    note(&order.actor, order.action.as_str(), subject, Some(order.job), session).await?;
                }
            }
        }
        keep(&job, session).await?;
        Ok(job)
    }
}

async fn standing(keys: &[EventKey], session: &mut Session<'_>) -> Result<HashMap<EventKey, Standing>, Failure> {
    let mut standing = HashMap::with_capacity(keys.len());
    for keys in pieces(keys) {
        let select = statement(format!(
            "SELECT e.key, e.state, e.type, d.reason, d.attempt, d.crashes, d.requeues, \
             256 + octet_length(e.source) + octet_length(e.id) + octet_length(e.type) \
             + coalesce(octet_length(e.subject), 0) + octet_length(e.correlation_id) \
             + coalesce(octet_length(e.traceparent), 0) + coalesce(octet_length(e.extensions), 0) \
             + coalesce(octet_length(e.data), octet_length(e.bytes), 0) \
             FROM events e LEFT JOIN dead_letters d ON d.key = e.key WHERE e.key IN ({})",
            keys.marks()
        ));
        for row in session.rows(keys.bind(select)).await? {
            standing.insert(
                key_at(&row, 0)?,
                Standing {
                    state: row.try_get(1)?,
                    event_type: row.try_get(2)?,
                    weight: row.try_get(7)?,
                    letter: letter_of(&row)?,
                },
            );
        }
    }
    Ok(standing)
}

fn letter_of(row: &SqliteRow) -> Result<Option<Letter>, Failure> {
    let Some(reason) = row.try_get::<Option<&str>, _>(3)? else {
        return Ok(None);
    };
    Ok(Some(Letter {
        reason: reason_of(reason)?,
        attempt: count_at(row, 4)?,
        crashes: count_at(row, 5)?,
        requeues: count_at(row, 6)?,
    }))
}

fn decide<'a>(
    action: LetterAction,
    standing: Option<&Standing>,
    handlers: &'a Handlers,
) -> Result<Change<'a>, Refusal> {
    let standing = standing.ok_or(Refusal::Unknown)?;
    match (action, standing.state.as_str(), standing.letter) {
        (LetterAction::Discard, "dead", _) => Ok(Change::Discard),
        (LetterAction::Restore, "discarded", _) => Ok(Change::Restore),
        (LetterAction::Requeue, "dead", Some(letter)) => {
            if !letter.reason.can_requeue() {
                return Err(Refusal::NeverRuns);
            }
            match most_specific(handlers.patterns(), &standing.event_type) {
                Some(handler) => Ok(Change::Requeue(handler, letter, standing.weight)),
                None if letter.reason.at_admission() => Ok(Change::Store),
                None => Err(Refusal::NoHandler),
            }
        }
        _ => Err(Refusal::NotDead),
    }
}

async fn apply(key: EventKey, change: &Change<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
    let key = key.uuid();
    let (state, letter) = match change {
        Change::Requeue(..) => ("open", "DELETE FROM dead_letters WHERE key = ?"),
        Change::Store => ("done", "DELETE FROM dead_letters WHERE key = ?"),
        Change::Discard => ("discarded", "UPDATE dead_letters SET discarded = 1 WHERE key = ?"),
        Change::Restore => ("dead", "UPDATE dead_letters SET discarded = 0 WHERE key = ?"),
    };
    let update = sqlx::query("UPDATE events SET state = ? WHERE key = ?");
    session.run(update.bind(state).bind(key)).await?;
    session.run(sqlx::query(letter).bind(key)).await?;
    if let Change::Requeue(handler, letter, weight) = change {
        let insert = sqlx::query(
            "INSERT INTO work (key, handler, due_at, attempt, base, crashes, requeues, reopened, weight) \
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, 1, ?7)",
        )
        .bind(key)
        .bind(handler.as_str().to_owned())
        .bind(session.now.as_micros())
        .bind(i64::from(letter.attempt))
        .bind(i64::from(letter.crashes.min(SUSPECT_CRASHES)))
        .bind(i64::from(letter.requeues) + 1)
        .bind(*weight);
        session.run(insert).await?;
    }
    Ok(())
}

async fn keep(job: &Job, session: &mut Session<'_>) -> Result<(), Failure> {
    let refused = serde_json::to_string(&job.refused).map_err(|_| Failure::Unreadable("job"))?;
    let insert =
        sqlx::query("INSERT INTO jobs (id, action, actor, at, applied, stored, refused) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(job.id)
            .bind(job.action.as_str())
            .bind(job.actor.clone())
            .bind(job.at.as_micros())
            .bind(i64::try_from(job.applied).unwrap_or(i64::MAX))
            .bind(i64::try_from(job.stored).unwrap_or(i64::MAX))
            .bind(refused);
    session.run(insert).await?;
    Ok(())
}

/// The job of that name.
pub(crate) async fn job(connection: &mut SqliteConnection, id: Uuid) -> Result<Option<Job>, Failure> {
    let row = sqlx::query("SELECT action, actor, at, applied, stored, refused FROM jobs WHERE id = ?")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Job {
        id,
        action: LetterAction::parse(row.try_get(0)?).ok_or(Failure::Unreadable("job"))?,
        actor: row.try_get(1)?,
        at: moment_at(&row, 2)?,
        applied: total_at(&row, 3)?,
        stored: total_at(&row, 4)?,
        refused: serde_json::from_str(row.try_get(5)?).map_err(|_| Failure::Unreadable("job"))?,
    }))
}
