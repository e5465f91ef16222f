//! Admission: whoever is first with a key decides.
//!
//! Rows of all admissions of a group go in together. The insert skips keys that are taken; only when it skipped one is
//! the table asked what stands there. The writer is alone, so nothing can come between.

use std::collections::{BTreeMap, HashMap, HashSet};

use eventflow_core::{Admission, AdmitReply, AdmitRow, Admitted, EventKey, Fate, Fingerprint, LeaseGrant, Pattern};
use sqlx::Row as _;

use crate::death::{Burial, bury};
use crate::error::Failure;
use crate::rows::{INSERTED, INSERTED_ROW, bind_event, fingerprint_at, key_at, weight_of};
use crate::session::{Handlers, Session};
use crate::sql::{Piece, pieces, rows_of, statement};

/// A row, and where its answer goes.
struct Row<'a> {
    asked: &'a AdmitRow,
    grant: Option<LeaseGrant>,
    admission: usize,
    place: usize,
}

impl Row<'_> {
    fn key(&self) -> EventKey {
        self.asked.event.key
    }
}

/// Admits, and answers each admission.
pub(crate) async fn run(admissions: &[&Admission], session: &mut Session<'_>) -> Result<Vec<AdmitReply>, Failure> {
    let handlers = session.handlers().await?;
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(admissions.iter().map(|a| a.rows.len()).sum());
    for (admission, asked) in admissions.iter().enumerate() {
        if asked.registry >= handlers.version {
            rows.extend(asked.rows.iter().enumerate().map(|(place, row)| Row {
                asked: row,
                grant: asked.lease,
                admission,
                place,
            }));
        }
    }
    // Neighbours in the index go in as neighbours; of one key the admission that asked first stays first.
    rows.sort_by_key(Row::key);
    let mut replies: Vec<AdmitReply> = admissions
        .iter()
        .map(|asked| {
            if asked.registry >= handlers.version {
                AdmitReply::Decided(vec![Admitted::Reused; asked.rows.len()])
            } else {
                AdmitReply::StaleRegistry
            }
        })
        .collect();
    for (row, admitted) in rows.iter().zip(write(&rows, &handlers, session).await?) {
        if let AdmitReply::Decided(decided) = &mut replies[row.admission] {
            decided[row.place] = admitted;
        }
    }
    Ok(replies)
}

async fn write(rows: &[Row<'_>], handlers: &Handlers, session: &mut Session<'_>) -> Result<Vec<Admitted>, Failure> {
    let mut found = Vec::with_capacity(rows.len());
    for piece in pieces(rows) {
        found.extend(insert(&piece, session).await?);
    }
    let mut copies: BTreeMap<EventKey, i64> = BTreeMap::new();
    let mut waiting = Vec::new();
    let mut decided = Vec::with_capacity(rows.len());
    for (row, found) in rows.iter().zip(found) {
        decided.push(match found {
            Found::Other => Admitted::Reused,
            Found::Same => {
                *copies.entry(row.key()).or_default() += 1 + i64::from(row.asked.copies);
                Admitted::Copy
            }
            Found::Nothing => {
                let waits = waiting_row(row, handlers);
                let started = waits.as_ref().is_some_and(|waits| waits.lease.is_some());
                waiting.extend(waits);
                Admitted::New { started }
            }
        });
    }
    for (row, decided) in rows.iter().zip(&decided) {
        if let (Fate::Dead(death), Admitted::New { .. }) = (&row.asked.fate, decided) {
            bury(Burial::at_admission(row.key(), death), session).await?;
        }
    }
    insert_work(&waiting, session).await?;
    count_copies(copies, session).await?;
    Ok(decided)
}

/// What stood under a key before.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    Same,
    Other,
}

async fn insert(piece: &Piece<'_, Row<'_>>, session: &mut Session<'_>) -> Result<Vec<Found>, Failure> {
    let rows = piece.rows();
    let mut insert = statement(format!(
        "INSERT INTO events ({INSERTED}) VALUES {} ON CONFLICT (key) DO NOTHING",
        rows_of(INSERTED_ROW, piece.width())
    ));
    for row in piece.padded() {
        let state = match row.asked.fate {
            Fate::Dead(_) => "dead",
            Fate::Done | Fate::Due(_) | Fate::Start(_) => "done",
        };
        insert = bind_event(insert, &row.asked.event, state, row.asked.copies, session.now)?;
    }
    let inserted = session.run(insert).await?;
    let new = inserted.rows_affected();
    if usize::try_from(new) == Ok(rows.len()) {
        return Ok(vec![Found::Nothing; rows.len()]);
    }
    // The rows of one statement are numbered in a row, behind all others.
    let first_new = inserted.last_insert_rowid() - i64::try_from(new).unwrap_or(0) + 1;
    let stored = stored(rows, session).await?;
    let mut seen = HashSet::new();
    rows.iter()
        .map(|row| {
            let (number, fingerprint) = stored.get(&row.key()).ok_or(Failure::Unreadable("key"))?;
            let is_new = new > 0 && *number >= first_new && seen.insert(row.key());
            Ok(match (is_new, *fingerprint == row.asked.event.fingerprint) {
                (true, _) => Found::Nothing,
                (false, true) => Found::Same,
                (false, false) => Found::Other,
            })
        })
        .collect()
}

async fn stored(rows: &[Row<'_>], session: &mut Session<'_>) -> Result<HashMap<EventKey, (i64, Fingerprint)>, Failure> {
    let keys: Vec<EventKey> = rows.iter().map(Row::key).collect();
    let mut stored = HashMap::with_capacity(keys.len());
    for keys in pieces(&keys) {
        let marks = keys.marks();
        let select = statement(format!(
            "SELECT key, rowid, fingerprint FROM events WHERE key IN ({marks})"
        ));
        for row in session.rows(keys.bind(select)).await? {
            stored.insert(key_at(&row, 0)?, (row.try_get(1)?, fingerprint_at(&row, 2)?));
        }
    }
    Ok(stored)
}

/// A row of `work` for a new event.
struct Waiting<'a> {
    key: EventKey,
    handler: &'a Pattern,
    lease: Option<LeaseGrant>,
    weight: i64,
}

fn waiting_row<'a>(row: &Row<'a>, handlers: &Handlers) -> Option<Waiting<'a>> {
    let (handler, lease) = match &row.asked.fate {
        Fate::Done | Fate::Dead(_) => return None,
        Fate::Due(handler) => (handler, None),
        Fate::Start(handler) => (handler, row.grant.filter(|_| !handlers.is_paused(handler))),
    };
    Some(Waiting {
        key: row.key(),
        handler,
        lease,
        weight: weight_of(&row.asked.event),
    })
}

async fn insert_work(waiting: &[Waiting<'_>], session: &mut Session<'_>) -> Result<(), Failure> {
    for piece in pieces(waiting) {
        let mut insert = statement(format!(
            "INSERT INTO work (key, handler, due_at, lease, worker, weight, attempt, base, crashes, requeues, reopened) \
             VALUES {} ON CONFLICT (key) DO NOTHING",
            rows_of("(?,?,?,?,?,?,0,0,0,0,0)", piece.width())
        ));
        for row in piece.padded() {
            let due_at = row
                .lease
                .map_or(session.now, |grant| session.now.plus(grant.lease_time));
            insert = insert
                .bind(row.key.uuid())
                .bind(row.handler.as_str().to_owned())
                .bind(due_at.as_micros())
                .bind(row.lease.map(|grant| grant.token.0))
                .bind(row.lease.map(|grant| grant.worker.0))
                .bind(row.weight);
        }
        session.insert(insert, piece.rows().len()).await?;
    }
    Ok(())
}

/// Keys that gained the same number of copies are counted by one statement.
async fn count_copies(copies: BTreeMap<EventKey, i64>, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut by_gain: BTreeMap<i64, Vec<EventKey>> = BTreeMap::new();
    for (key, gain) in copies {
        by_gain.entry(gain).or_default().push(key);
    }
    for (gain, keys) in by_gain {
        for keys in pieces(&keys) {
            let marks = keys.marks();
            let update = statement(format!(
                "UPDATE events SET copies_seen = copies_seen + ? WHERE key IN ({marks})"
            ));
            session.run(keys.bind(update.bind(gain))).await?;
        }
    }
    Ok(())
}
