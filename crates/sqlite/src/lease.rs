//! Leases: who may run what is due.
//!
//! Due rows are found handler by handler in due order. What is leased already is little, so lapsed leases are looked at
//! all together, and only for a worker whose renewals stand there without a gap.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use eventflow_core::{
    Event, EventKey, FATAL_CRASHES, LeaseReply, LeaseRequest, Leased, Pattern, SUSPECT_CRASHES, Timestamp, WorkerId,
};
use sqlx::sqlite::SqliteRow;

use crate::command::Operation;
use crate::death::{Burial, crashed, die, note_crash};
use crate::error::Failure;
use crate::rows::{EVENT, count_at, event_of, key_at, moment_at, pattern_at, total_at, worker_at};
use crate::session::Session;
use crate::sql::{marks, pieces, statement};

/// The index of suspects is made for this number.
const _: () = assert!(SUSPECT_CRASHES == 2);

/// What is read of a row that might be leased.
const CANDIDATE: &str = "key, handler, due_at, worker, attempt, base, crashes, requeues, weight";

/// Leases what is due.
pub(crate) struct Lease(pub(crate) LeaseRequest);

/// Leases one suspect.
pub(crate) struct LeaseSuspect(pub(crate) LeaseRequest);

#[async_trait]
impl Operation for Lease {
    type Answer = LeaseReply;

    async fn run(&self, session: &mut Session<'_>) -> Result<LeaseReply, Failure> {
        let Some(mut turn) = Turn::begin(&self.0, session).await? else {
            return Ok(LeaseReply::default());
        };
        let suspect = turn.oldest_suspect(session).await?.map(|suspect| suspect.due_at);
        let mut chosen = turn.due(session).await?;
        within(self.0.max_bytes, &mut chosen);
        let suspect_first =
            suspect.is_some_and(|suspect| chosen.first().is_none_or(|candidate| suspect < candidate.due_at));
        Ok(LeaseReply {
            leased: take(&self.0, chosen, session).await?,
            suspect_first,
            died: turn.died,
        })
    }
}

#[async_trait]
impl Operation for LeaseSuspect {
    type Answer = Option<Leased>;

    async fn run(&self, session: &mut Session<'_>) -> Result<Option<Leased>, Failure> {
        let Some(mut turn) = Turn::begin(&self.0, session).await? else {
            return Ok(None);
        };
        let suspect = turn.oldest_suspect(session).await?;
        Ok(take(&self.0, suspect.into_iter().collect(), session).await?.pop())
    }
}

/// A row that might be leased.
struct Candidate {
    key: EventKey,
    handler: Pattern,
    due_at: Timestamp,
    /// Who let it lapse.
    lapsed_of: Option<WorkerId>,
    attempt: u32,
    base: u32,
    /// A lapse that this lease would end among them.
    crashes: u32,
    requeues: u32,
    weight: u64,
}

impl Candidate {
    fn of(row: &SqliteRow) -> Result<Self, Failure> {
        let lapsed_of = worker_at(row, 3)?;
        Ok(Self {
            key: key_at(row, 0)?,
            handler: pattern_at(row, 1)?,
            due_at: moment_at(row, 2)?,
            lapsed_of,
            attempt: count_at(row, 4)?,
            base: count_at(row, 5)?,
            crashes: count_at(row, 6)?.saturating_add(u32::from(lapsed_of.is_some())),
            requeues: count_at(row, 7)?,
            weight: total_at(row, 8)?,
        })
    }

    fn order(&self) -> (Timestamp, EventKey) {
        (self.due_at, self.key)
    }
}

/// What one request may choose from.
struct Turn {
    /// Wanted, not paused, and how many of each.
    wants: BTreeMap<Pattern, u32>,
    /// Lapsed rows of these, fit to run beside others, in due order.
    lapsed: Vec<Candidate>,
    /// Lapsed rows of these that must run alone, in due order.
    lapsed_suspects: Vec<Candidate>,
    died: u64,
}

impl Turn {
    /// None where nothing that is wanted may run.
    async fn begin(request: &LeaseRequest, session: &mut Session<'_>) -> Result<Option<Self>, Failure> {
        let handlers = session.handlers().await?;
        let mut wants: BTreeMap<Pattern, u32> = BTreeMap::new();
        for (handler, limit) in &request.wants {
            if *limit > 0 && !handlers.is_paused(handler) {
                let wanted = wants.entry(handler.clone()).or_default();
                *wanted = wanted.saturating_add(*limit);
            }
        }
        if wants.is_empty() {
            return Ok(None);
        }
        let mut turn = Self {
            wants,
            lapsed: Vec::new(),
            lapsed_suspects: Vec::new(),
            died: 0,
        };
        if session.is_mature(request.worker, request.lease_time).await? {
            turn.take_in_lapsed(session).await?;
        }
        Ok(Some(turn))
    }

    async fn take_in_lapsed(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        let select = statement(format!(
            "SELECT {CANDIDATE} FROM work INDEXED BY work_leased WHERE lease IS NOT NULL AND due_at <= ? \
             ORDER BY due_at, key"
        ));
        for row in session.rows(select.bind(session.now.as_micros())).await? {
            let candidate = Candidate::of(&row)?;
            if !self.wants.contains_key(&candidate.handler) {
                continue;
            }
            match candidate.crashes {
                FATAL_CRASHES.. => {
                    die_of_crashes(&candidate, session).await?;
                    self.died += 1;
                }
                SUSPECT_CRASHES.. => self.lapsed_suspects.push(candidate),
                _ => self.lapsed.push(candidate),
            }
        }
        Ok(())
    }

    /// The suspect that is due longest.
    async fn oldest_suspect(&mut self, session: &mut Session<'_>) -> Result<Option<Candidate>, Failure> {
        let wanted = self.wants.len().next_power_of_two();
        let mut select = statement(format!(
            "SELECT {CANDIDATE} FROM work INDEXED BY work_suspect WHERE lease IS NULL AND crashes >= 2 \
             AND due_at <= ? AND handler IN ({}) ORDER BY due_at, key LIMIT 1",
            marks(wanted)
        ))
        .bind(session.now.as_micros());
        for handler in self.wants.keys().cycle().take(wanted) {
            select = select.bind(handler.as_str().to_owned());
        }
        let waiting = session.row(select).await?.map(|row| Candidate::of(&row)).transpose()?;
        let lapsed = (!self.lapsed_suspects.is_empty()).then(|| self.lapsed_suspects.swap_remove(0));
        Ok([waiting, lapsed].into_iter().flatten().min_by_key(Candidate::order))
    }

    /// What may run beside others, a fair turn for each handler, in due order.
    async fn due(&mut self, session: &mut Session<'_>) -> Result<Vec<Candidate>, Failure> {
        let mut chosen = Vec::new();
        for (handler, limit) in &self.wants {
            let select = statement(format!(
                "SELECT {CANDIDATE} FROM work INDEXED BY work_due WHERE lease IS NULL AND handler = ? AND due_at <= ? \
                 AND crashes < 2 ORDER BY due_at, key LIMIT ?"
            ))
            .bind(handler.as_str().to_owned())
            .bind(session.now.as_micros())
            .bind(i64::from(*limit));
            let (mine, others) = std::mem::take(&mut self.lapsed)
                .into_iter()
                .partition(|candidate: &Candidate| candidate.handler == *handler);
            self.lapsed = others;
            let mut turn = mine;
            for row in session.rows(select).await? {
                turn.push(Candidate::of(&row)?);
            }
            turn.sort_unstable_by_key(Candidate::order);
            turn.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
            chosen.extend(turn);
        }
        chosen.sort_unstable_by_key(Candidate::order);
        Ok(chosen)
    }
}

/// Cuts the list before the first that would make it too heavy; the first of all stays whatever it weighs.
fn within(max_bytes: usize, chosen: &mut Vec<Candidate>) {
    let room = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let mut weight = 0u64;
    let fit = chosen.iter().take_while(|candidate| {
        weight = weight.saturating_add(candidate.weight);
        weight <= room
    });
    let fit = fit.count().max(1);
    chosen.truncate(fit);
}

/// Ends a row that was leased too often to workers which did not end its lease.
async fn die_of_crashes(candidate: &Candidate, session: &mut Session<'_>) -> Result<(), Failure> {
    let number = candidate.attempt.saturating_add(1);
    note_crash(candidate.key, number, candidate.lapsed_of, session).await?;
    let death = crashed(candidate.crashes);
    let burial = Burial {
        key: candidate.key,
        death: &death,
        handler: Some(&candidate.handler),
        attempt: candidate.attempt,
        crashes: candidate.crashes,
        requeues: candidate.requeues,
    };
    die(burial, session).await
}

async fn take(
    request: &LeaseRequest,
    chosen: Vec<Candidate>,
    session: &mut Session<'_>,
) -> Result<Vec<Leased>, Failure> {
    for lapsed in chosen.iter().filter(|candidate| candidate.lapsed_of.is_some()) {
        note_crash(lapsed.key, lapsed.attempt.saturating_add(1), lapsed.lapsed_of, session).await?;
    }
    let keys: Vec<EventKey> = chosen.iter().map(|candidate| candidate.key).collect();
    for keys in pieces(&keys) {
        let update = statement(format!(
            "UPDATE work SET crashes = crashes + (lease IS NOT NULL), lease = ?, worker = ?, due_at = ? \
             WHERE key IN ({})",
            keys.marks()
        ))
        .bind(request.token.0)
        .bind(request.worker.0)
        .bind(session.now.plus(request.lease_time).as_micros());
        session.run(keys.bind(update)).await?;
    }
    let mut events = events(&keys, session).await?;
    chosen
        .into_iter()
        .map(|candidate| {
            Ok(Leased {
                event: events.remove(&candidate.key).ok_or(Failure::Unreadable("event"))?,
                handler: candidate.handler,
                token: request.token,
                attempt: candidate.attempt,
                base: candidate.base,
                crashes: candidate.crashes,
            })
        })
        .collect()
}

async fn events(keys: &[EventKey], session: &mut Session<'_>) -> Result<HashMap<EventKey, Event>, Failure> {
    let mut events = HashMap::with_capacity(keys.len());
    for keys in pieces(keys) {
        let select = statement(format!(
            "SELECT {EVENT} FROM events e WHERE e.key IN ({})",
            keys.marks()
        ));
        for row in session.rows(keys.bind(select)).await? {
            let event = event_of(&row)?;
            events.insert(event.key, event);
        }
    }
    Ok(events)
}
