//! Outcomes: each counts only if its row still bears the lease it ran under.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use eventflow_core::{AttemptResult, EventKey, Finished, LeaseToken, Pattern, Recorded, Timestamp, Verdict};
use sqlx::Row as _;
use uuid::Uuid;

use crate::death::{Burial, die};
use crate::error::Failure;
use crate::rows::{count_at, key_at, micros, pattern_at};
use crate::session::Session;
use crate::sql::{pieces, rows_of, statement};

/// An unfinished row under a lease.
struct Held {
    lease: LeaseToken,
    handler: Pattern,
    attempt: u32,
    crashes: u32,
    requeues: u32,
    reopened: bool,
}

/// What all outcomes of a group come to, written together where it can be.
#[derive(Default)]
struct Outcome<'a> {
    attempts: Vec<Counted<'a>>,
    done: Vec<EventKey>,
    reopened: Vec<EventKey>,
}

struct Counted<'a> {
    finished: &'a Finished,
    number: u32,
    result: AttemptResult,
}

impl Counted<'_> {
    /// Nothing is said of one that succeeded.
    fn error(&self) -> Option<String> {
        let failed = self.result != AttemptResult::Done;
        self.finished.error.clone().filter(|_| failed)
    }
}

/// Records, and answers each batch.
pub(crate) async fn run(batches: &[&[Finished]], session: &mut Session<'_>) -> Result<Vec<Vec<Recorded>>, Failure> {
    let keys: Vec<EventKey> = batches.iter().copied().flatten().map(|finished| finished.key).collect();
    let mut held = held(&keys, session).await?;
    let mut outcome = Outcome::default();
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut answer = Vec::with_capacity(batch.len());
        for finished in *batch {
            // Whatever the verdict, it ends the lease: a second outcome under it is stale.
            let row = match held.entry(finished.key) {
                Entry::Occupied(row) if row.get().lease == finished.lease => Some(row.remove()),
                _ => None,
            };
            match row {
                Some(row) => {
                    judge(finished, &row, &mut outcome, session).await?;
                    answer.push(Recorded::Counted);
                }
                None => answer.push(Recorded::Stale),
            }
        }
        answers.push(answer);
    }
    write(&outcome, session).await?;
    Ok(answers)
}

async fn held(keys: &[EventKey], session: &mut Session<'_>) -> Result<HashMap<EventKey, Held>, Failure> {
    let mut held = HashMap::with_capacity(keys.len());
    for keys in pieces(keys) {
        let marks = keys.marks();
        let select = statement(format!(
            "SELECT key, lease, handler, attempt, crashes, requeues, reopened FROM work \
             WHERE lease IS NOT NULL AND key IN ({marks})"
        ));
        for row in session.rows(keys.bind(select)).await? {
            held.insert(
                key_at(&row, 0)?,
                Held {
                    lease: LeaseToken(row.try_get::<Uuid, _>(1)?),
                    handler: pattern_at(&row, 2)?,
                    attempt: count_at(&row, 3)?,
                    crashes: count_at(&row, 4)?,
                    requeues: count_at(&row, 5)?,
                    reopened: row.try_get(6)?,
                },
            );
        }
    }
    Ok(held)
}

async fn judge<'a>(
    finished: &'a Finished,
    row: &Held,
    outcome: &mut Outcome<'a>,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let forgiven = finished.alone && finished.verdict != Verdict::HandBack;
    let crashes = if forgiven { 0 } else { row.crashes };
    if finished.verdict.counts() {
        outcome.attempts.push(Counted {
            finished,
            number: row.attempt.saturating_add(1),
            result: match finished.verdict {
                Verdict::Done => AttemptResult::Done,
                _ => AttemptResult::Failed,
            },
        });
    }
    let attempt = row.attempt.saturating_add(u32::from(finished.verdict.counts()));
    match &finished.verdict {
        Verdict::Done => {
            outcome.done.push(finished.key);
            if row.reopened {
                outcome.reopened.push(finished.key);
            }
            Ok(())
        }
        Verdict::Dead(death) => {
            let burial = Burial {
                key: finished.key,
                death,
                handler: Some(&row.handler),
                attempt,
                crashes,
                requeues: row.requeues,
            };
            die(burial, session).await
        }
        Verdict::Retry(wait) | Verdict::Unavailable(wait) => {
            release(finished.key, attempt, crashes, session.now.plus(*wait), session).await
        }
        Verdict::HandBack => release(finished.key, attempt, crashes, session.now, session).await,
    }
}

async fn release(
    key: EventKey,
    attempt: u32,
    crashes: u32,
    due_at: Timestamp,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let update =
        sqlx::query("UPDATE work SET lease = NULL, worker = NULL, due_at = ?, attempt = ?, crashes = ? WHERE key = ?")
            .bind(due_at.as_micros())
            .bind(i64::from(attempt))
            .bind(i64::from(crashes))
            .bind(key.uuid());
    session.run(update).await?;
    Ok(())
}

async fn write(outcome: &Outcome<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
    for keys in pieces(&outcome.done) {
        let delete = statement(format!("DELETE FROM work WHERE key IN ({})", keys.marks()));
        session.run(keys.bind(delete)).await?;
    }
    for keys in pieces(&outcome.reopened) {
        let update = statement(format!(
            "UPDATE events SET state = 'done' WHERE key IN ({})",
            keys.marks()
        ));
        session.run(keys.bind(update)).await?;
    }
    for piece in pieces(&outcome.attempts) {
        let mut insert = statement(format!(
            "INSERT INTO attempts (key, number, nth, worker, ended_at, result, duration, error) VALUES {} \
             ON CONFLICT (key, number, nth) DO NOTHING",
            rows_of("(?,?,0,?,?,?,?,?)", piece.width())
        ));
        for counted in piece.padded() {
            insert = insert
                .bind(counted.finished.key.uuid())
                .bind(i64::from(counted.number))
                .bind(counted.finished.worker.0)
                .bind(session.now.as_micros())
                .bind(counted.result.as_str())
                .bind(micros(counted.finished.duration))
                .bind(counted.error());
        }
        session.insert(insert, piece.rows().len()).await?;
    }
    Ok(())
}
