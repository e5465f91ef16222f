//! Admits a batch: whoever inserts a key first decides, and the statement says of each row what it was.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use eventflow_core::{
    Admission, AdmitReply, AdmitRow, Admitted, Bug, Event, EventKey, Fate, Fingerprint, RegistryVersion, planted,
};
use sqlx::Row;
use uuid::Uuid;

use crate::call::{Binds, Statement};
use crate::error::Failure;
use crate::postgres::{Postgres, int, micros};
use crate::rows::{self, put_events};

/// $1 version, $2..$15 the events, $16 their final states, $17 further copies;
/// $18..$22 the rows to run: key, copies, handler, whether to start, weight; $23 token, $24 worker, $25 lease time;
/// $26..$31 the rows that are dead: key, copies, reason, message, cause, original.
///
/// `gate` lets a registration that waits go before later admissions; it is the row of the list that decides, read
/// FOR SHARE, so that the newest version is seen whatever the statement's snapshot. A row is new exactly where its
/// `copies_seen` is what was inserted: a copy adds at least one.
const ADMIT: &str = "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7310040801)), \
list AS MATERIALIZED (SELECT l.paused FROM gate CROSS JOIN handler_list l WHERE l.version <= $1 FOR SHARE OF l), \
e AS (INSERT INTO events AS t (key, source, id, id_given, type, subject, time, received_at, correlation_id, \
    traceparent, extensions, fingerprint, data, bytes, state, copies_seen, admitted_at) \
  SELECT b.*, now() FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::text[], \
    $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::json[], $13::bytea[], $14::json[], \
    $15::bytea[], $16::text[], $17::int[]) AS b WHERE EXISTS (SELECT FROM list) \
  ON CONFLICT (key) DO UPDATE SET copies_seen = t.copies_seen + 1 + excluded.copies_seen \
    WHERE t.fingerprint = excluded.fingerprint \
  RETURNING t.key, t.copies_seen), \
w AS (INSERT INTO work (key, handler, due_at, lease, worker, attempt, base, crashes, requeues, weight, reopened) \
  SELECT b.key, b.handler, CASE WHEN s.starts THEN now() + $25 * interval '1 microsecond' ELSE now() END, \
    CASE WHEN s.starts THEN $23::uuid END, CASE WHEN s.starts THEN $24::uuid END, 0, 0, 0, 0, b.weight, false \
  FROM unnest($18::uuid[], $19::int[], $20::text[], $21::bool[], $22::int[]) AS b(key, copies, handler, start, weight) \
  JOIN e ON e.key = b.key AND e.copies_seen = b.copies \
  CROSS JOIN LATERAL (SELECT b.start AND NOT (SELECT paused FROM list) \
    AND b.handler <> ALL (ARRAY(SELECT pattern FROM handlers WHERE paused)) AS starts) s \
  RETURNING key, lease), \
d AS (INSERT INTO dead_letters (key, reason, message, cause, died_at, handler, attempt, crashes, requeues, original, discarded) \
  SELECT b.key, b.reason, b.message, b.cause, now(), NULL, 0, 0, 0, b.original, false \
  FROM unnest($26::uuid[], $27::int[], $28::text[], $29::text[], $30::text[], $31::uuid[]) \
    AS b(key, copies, reason, message, cause, original) \
  JOIN e ON e.key = b.key AND e.copies_seen = b.copies) \
SELECT e.key, e.copies_seen, e.key IN (SELECT w.key FROM w WHERE w.lease IS NOT NULL) AS started FROM e";

/// A planted bug: a copy is put among the rows to run.
static COPY_IS_RUN: LazyLock<String> = LazyLock::new(|| {
    ADMIT
        .replace(
            "e.key = b.key AND e.copies_seen = b.copies CROSS JOIN",
            "e.key = b.key CROSS JOIN",
        )
        .replace(
            "AS starts) s RETURNING",
            "AS starts) s ON CONFLICT (key) DO NOTHING RETURNING",
        )
});

const VERSION: &str = "SELECT version FROM handler_list";
const FINGERPRINTS: &str = "SELECT key, fingerprint FROM events WHERE key = ANY($1)";

/// How often rows are put to the statement that it could not place, because they came and went at the same time.
const ROUNDS: usize = 3;
const DOING: &str = "admitting a batch";

/// What the statement said of a row: the copies it counts now, and whether it bears the lease.
type Said = HashMap<Uuid, (i32, bool)>;

impl Postgres {
    pub(crate) async fn admit_batch(&self, admission: Admission) -> Result<AdmitReply, Failure> {
        let Admission { registry, rows, lease } = admission;
        let mut answers: Vec<Option<Admitted>> = vec![None; rows.len()];
        for _ in 0..ROUNDS {
            let mut open: Vec<usize> = (0..rows.len()).filter(|i| answers[*i].is_none()).collect();
            if planted(Bug::UnsortedBatches) {
                fastrand::shuffle(&mut open);
            }
            let part: Vec<&AdmitRow> = open.iter().map(|i| &rows[*i]).collect();
            let batch = Batch::of(registry, lease, &part);
            let said = self.put(&batch).await?;
            if said.is_empty() && self.version().await? > registry.0 {
                return Ok(AdmitReply::StaleRegistry);
            }
            let silent: Vec<EventKey> = part
                .iter()
                .map(|row| row.event.key)
                .filter(|key| !said.contains_key(&key.uuid()))
                .collect();
            let others = self.fingerprints(&silent).await?;
            for (place, row) in open.into_iter().zip(part) {
                answers[place] = judge(row, &said, &others);
            }
            if answers.iter().all(Option::is_some) {
                return Ok(AdmitReply::Decided(answers.into_iter().flatten().collect()));
            }
        }
        Err(Failure::Unsettled)
    }

    async fn put(&self, batch: &Batch<'_>) -> Result<Said, Failure> {
        let sql = if planted(Bug::CopyIsRun) {
            COPY_IS_RUN.as_str()
        } else {
            ADMIT
        };
        let rows = self
            .rows(Statement::write(DOING, sql), |binds| batch.bind(binds))
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get("key")?,
                    (row.try_get("copies_seen")?, row.try_get("started")?),
                ))
            })
            .collect()
    }

    async fn version(&self) -> Result<i64, Failure> {
        let row = self.row(Statement::read(DOING, VERSION), |_| ()).await?;
        Ok(row.try_get("version")?)
    }

    async fn fingerprints(&self, keys: &[EventKey]) -> Result<HashMap<EventKey, Fingerprint>, Failure> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let uuids: Vec<Uuid> = keys.iter().map(|key| key.uuid()).collect();
        let rows = self
            .rows(Statement::read(DOING, FINGERPRINTS), |binds| {
                binds.put(&uuids);
            })
            .await?;
        rows.iter()
            .map(|row| {
                let bytes: &[u8] = row.try_get("fingerprint")?;
                let bytes = bytes
                    .try_into()
                    .map_err(|_| Failure::Unreadable("a fingerprint of that length".into()))?;
                Ok((rows::key(row, "key")?, Fingerprint::from_bytes(bytes)))
            })
            .collect()
    }
}

/// None where nobody can say: the statement was silent, and the row is not there, or bears the same fingerprint.
fn judge(row: &AdmitRow, said: &Said, others: &HashMap<EventKey, Fingerprint>) -> Option<Admitted> {
    let key = row.event.key;
    match said.get(&key.uuid()) {
        Some((copies, started)) if *copies == int(row.copies) => Some(Admitted::New { started: *started }),
        Some(_) => Some(Admitted::Copy),
        None => others
            .get(&key)
            .filter(|other| **other != row.event.fingerprint)
            .map(|_| Admitted::Reused),
    }
}

/// A batch as the arrays of the statement.
struct Batch<'a> {
    registry: RegistryVersion,
    events: Vec<Arc<Event>>,
    states: Vec<&'static str>,
    copies: Vec<i32>,
    to_run: ToRun<'a>,
    dead: Dead<'a>,
    token: Option<Uuid>,
    worker: Option<Uuid>,
    lease_time: i64,
}

#[derive(Default)]
struct ToRun<'a> {
    keys: Vec<Uuid>,
    copies: Vec<i32>,
    handlers: Vec<&'a str>,
    starts: Vec<bool>,
    weights: Vec<i32>,
}

#[derive(Default)]
struct Dead<'a> {
    keys: Vec<Uuid>,
    copies: Vec<i32>,
    reasons: Vec<&'static str>,
    messages: Vec<&'a str>,
    causes: Vec<String>,
    originals: Vec<Option<Uuid>>,
}

impl<'a> Batch<'a> {
    fn of(registry: RegistryVersion, lease: Option<eventflow_core::LeaseGrant>, rows: &[&'a AdmitRow]) -> Self {
        let mut batch = Self {
            registry,
            events: rows.iter().map(|row| Arc::clone(&row.event)).collect(),
            states: Vec::with_capacity(rows.len()),
            copies: rows.iter().map(|row| int(row.copies)).collect(),
            to_run: ToRun::default(),
            dead: Dead::default(),
            token: lease.map(|grant| grant.token.0),
            worker: lease.map(|grant| grant.worker.0),
            lease_time: lease.map_or(0, |grant| micros(grant.lease_time)),
        };
        for row in rows {
            batch.add(row, lease.is_some());
        }
        batch
    }

    fn add(&mut self, row: &'a AdmitRow, may_start: bool) {
        let key = row.event.key.uuid();
        let state = match &row.fate {
            Fate::Done => "done",
            Fate::Due(handler) | Fate::Start(handler) => {
                self.to_run.keys.push(key);
                self.to_run.copies.push(int(row.copies));
                self.to_run.handlers.push(handler.as_str());
                self.to_run.starts.push(may_start && matches!(row.fate, Fate::Start(_)));
                self.to_run
                    .weights
                    .push(i32::try_from(row.event.weight()).unwrap_or(i32::MAX));
                "done"
            }
            Fate::Dead(death) => {
                self.dead.keys.push(key);
                self.dead.copies.push(int(row.copies));
                self.dead.reasons.push(death.reason.as_str());
                self.dead.messages.push(&death.message);
                self.dead.causes.push(death.cause());
                self.dead.originals.push(death.original.map(EventKey::uuid));
                "dead"
            }
        };
        self.states.push(state);
    }

    fn bind(&self, binds: &mut Binds) {
        binds.put(self.registry.0);
        put_events(binds, &self.events);
        binds
            .put(&self.states)
            .put(&self.copies)
            .put(&self.to_run.keys)
            .put(&self.to_run.copies)
            .put(&self.to_run.handlers)
            .put(&self.to_run.starts)
            .put(&self.to_run.weights)
            .put(self.token)
            .put(self.worker)
            .put(self.lease_time)
            .put(&self.dead.keys)
            .put(&self.dead.copies)
            .put(&self.dead.reasons)
            .put(&self.dead.messages)
            .put(&self.dead.causes)
            .put(&self.dead.originals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_bug_is_in_its_statement() {
        assert!(COPY_IS_RUN.contains("JOIN e ON e.key = b.key CROSS JOIN"));
        assert!(COPY_IS_RUN.contains("s ON CONFLICT (key) DO NOTHING RETURNING key, lease"));
    }
}
