//! Records outcomes: one statement a batch, each outcome only under the lease it ran under.

use std::collections::HashSet;
use std::sync::LazyLock;

use eventflow_core::{Bug, EventKey, Finished, Recorded, Verdict, planted};
use sqlx::Row;
use uuid::Uuid;

use crate::call::{Binds, Statement};
use crate::error::Failure;
use crate::postgres::{Postgres, micros};

/// $1 keys to lock first, in order, where the batch ends some rows and gives others another turn;
/// $2..$8 rows that end: key, lease, whether dead, alone, worker, duration, error;
/// $9..$16 rows that get another turn: key, lease, whether an attempt is counted, crashes forgiven, wait, worker, duration, error;
/// $17..$22 deaths: key, lease, reason, message, cause, original.
const RECORD: &str = "WITH p AS MATERIALIZED (SELECT key FROM work WHERE key = ANY ($1) ORDER BY key FOR UPDATE), \
o AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bool[], $5::bool[], $6::uuid[], $7::bigint[], $8::text[]) \
    AS o(key, lease, dead, alone, worker, duration_us, error)), \
d AS (DELETE FROM work w USING o WHERE w.key = ANY ($2) AND w.key = o.key AND w.lease = o.lease \
    AND (SELECT count(*) FROM p) >= 0 \
    RETURNING w.key, o.lease, w.handler, w.attempt + 1 AS number, CASE WHEN o.alone THEN 0 ELSE w.crashes END AS crashes, \
      w.requeues, w.reopened, o.dead, o.worker, o.duration_us, o.error), \
a AS MATERIALIZED (SELECT * FROM unnest($9::uuid[], $10::uuid[], $11::bool[], $12::bool[], $13::bigint[], $14::uuid[], \
    $15::bigint[], $16::text[]) AS a(key, lease, counts, forgiven, wait_us, worker, duration_us, error)), \
u AS (UPDATE work w SET lease = NULL, worker = NULL, due_at = now() + a.wait_us * interval '1 microsecond', \
      attempt = w.attempt + a.counts::int, crashes = CASE WHEN a.forgiven THEN 0 ELSE w.crashes END \
    FROM a WHERE w.key = ANY ($9) AND w.key = a.key AND w.lease = a.lease AND (SELECT count(*) FROM p) >= 0 \
    RETURNING w.key, a.lease, w.attempt AS number, a.counts, a.worker, a.duration_us, a.error), \
h AS (INSERT INTO attempts (key, ended_at, worker, number, result, duration_us, error) \
    SELECT key, now(), worker, number, CASE WHEN dead THEN 'failed' ELSE 'done' END, duration_us, \
      CASE WHEN dead THEN error END FROM d \
    UNION ALL SELECT key, now(), worker, number, 'failed', duration_us, error FROM u WHERE counts), \
r AS (UPDATE events SET state = 'done' WHERE key = ANY (ARRAY(SELECT key FROM d WHERE reopened AND NOT dead))), \
x AS (UPDATE events SET state = 'dead' WHERE key = ANY (ARRAY(SELECT key FROM d WHERE dead))), \
l AS (INSERT INTO dead_letters (key, reason, message, cause, died_at, handler, attempt, crashes, requeues, original, discarded) \
    SELECT d.key, v.reason, v.message, v.cause, now(), d.handler, d.number, d.crashes, d.requeues, v.original, false \
    FROM unnest($17::uuid[], $18::uuid[], $19::text[], $20::text[], $21::text[], $22::uuid[]) \
      AS v(key, lease, reason, message, cause, original) \
    JOIN d ON d.key = v.key AND d.lease = v.lease AND d.dead) \
SELECT key, lease FROM d UNION ALL SELECT key, lease FROM u";

/// A planted bug: an outcome stands in the history whatever its row bears.
static OUTCOME_WITHOUT_LEASE: LazyLock<String> = LazyLock::new(|| {
    let any = "FROM (SELECT key, worker, dead, duration_us, error, \
        coalesce((SELECT d.number FROM d WHERE d.key = o.key AND d.lease = o.lease), 1) AS number FROM o) s UNION ALL";
    RECORD.replace(
        "FROM d UNION ALL SELECT key, now()",
        &format!("{any} SELECT key, now()"),
    )
});

impl Postgres {
    pub(crate) async fn record_outcomes(&self, finished: &[Finished]) -> Result<Vec<Recorded>, Failure> {
        if finished.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::of(finished);
        let sql = if planted(Bug::OutcomeWithoutLease) {
            OUTCOME_WITHOUT_LEASE.as_str()
        } else {
            RECORD
        };
        let rows = self
            .rows(Statement::write("recording outcomes", sql), |binds| {
                batch.bind(binds);
            })
            .await?;
        let mut counted: HashSet<(Uuid, Uuid)> = rows
            .iter()
            .map(|row| Ok((row.try_get("key")?, row.try_get("lease")?)))
            .collect::<Result<_, sqlx::Error>>()?;
        // A pair that comes twice counts once, the first time.
        Ok(finished
            .iter()
            .map(|one| {
                if counted.remove(&(one.key.uuid(), one.lease.0)) {
                    Recorded::Counted
                } else {
                    Recorded::Stale
                }
            })
            .collect())
    }
}

/// Outcomes as the arrays of the statement, sorted by key.
#[derive(Default)]
struct Batch<'a> {
    locks: Vec<Uuid>,
    ends: Ends<'a>,
    turns: Turns<'a>,
    deaths: Deaths<'a>,
}

#[derive(Default)]
struct Ends<'a> {
    keys: Vec<Uuid>,
    leases: Vec<Uuid>,
    dead: Vec<bool>,
    alone: Vec<bool>,
    workers: Vec<Uuid>,
    durations: Vec<i64>,
    errors: Vec<Option<&'a str>>,
}

#[derive(Default)]
struct Turns<'a> {
    keys: Vec<Uuid>,
    leases: Vec<Uuid>,
    counts: Vec<bool>,
    forgiven: Vec<bool>,
    waits: Vec<i64>,
    workers: Vec<Uuid>,
    durations: Vec<i64>,
    errors: Vec<Option<&'a str>>,
}

#[derive(Default)]
struct Deaths<'a> {
    keys: Vec<Uuid>,
    leases: Vec<Uuid>,
    reasons: Vec<&'static str>,
    messages: Vec<&'a str>,
    causes: Vec<String>,
    originals: Vec<Option<Uuid>>,
}

impl<'a> Batch<'a> {
    fn of(finished: &'a [Finished]) -> Self {
        let mut seen = HashSet::new();
        let mut sorted: Vec<&Finished> = finished
            .iter()
            .filter(|one| seen.insert((one.key, one.lease)))
            .collect();
        sorted.sort_by_key(|one| one.key);
        let mut batch = Self::default();
        for one in sorted {
            batch.add(one);
        }
        if !batch.ends.keys.is_empty() && !batch.turns.keys.is_empty() {
            batch.locks = batch.ends.keys.iter().chain(&batch.turns.keys).copied().collect();
            batch.locks.sort_unstable();
        }
        batch
    }

    fn add(&mut self, one: &'a Finished) {
        match &one.verdict {
            Verdict::Done => self.ends.add(one, false),
            Verdict::Dead(death) => {
                self.ends.add(one, true);
                self.deaths.keys.push(one.key.uuid());
                self.deaths.leases.push(one.lease.0);
                self.deaths.reasons.push(death.reason.as_str());
                self.deaths.messages.push(&death.message);
                self.deaths.causes.push(death.cause());
                self.deaths.originals.push(death.original.map(EventKey::uuid));
            }
            Verdict::Retry(wait) | Verdict::Unavailable(wait) => self.turns.add(one, micros(*wait)),
            Verdict::HandBack => self.turns.add(one, 0),
        }
    }

    fn bind(&self, binds: &mut Binds) {
        binds.put(&self.locks);
        binds
            .put(&self.ends.keys)
            .put(&self.ends.leases)
            .put(&self.ends.dead)
            .put(&self.ends.alone)
            .put(&self.ends.workers)
            .put(&self.ends.durations)
            .put(&self.ends.errors);
        binds
            .put(&self.turns.keys)
            .put(&self.turns.leases)
            .put(&self.turns.counts)
            .put(&self.turns.forgiven)
            .put(&self.turns.waits)
            .put(&self.turns.workers)
            .put(&self.turns.durations)
            .put(&self.turns.errors);
        binds
            .put(&self.deaths.keys)
            .put(&self.deaths.leases)
            .put(&self.deaths.reasons)
            .put(&self.deaths.messages)
            .put(&self.deaths.causes)
            .put(&self.deaths.originals);
    }
}

impl<'a> Ends<'a> {
    fn add(&mut self, one: &'a Finished, dead: bool) {
        self.keys.push(one.key.uuid());
        self.leases.push(one.lease.0);
        self.dead.push(dead);
        self.alone.push(one.alone);
        self.workers.push(one.worker.0);
        self.durations.push(micros(one.duration));
        self.errors.push(one.error.as_deref());
    }
}

impl<'a> Turns<'a> {
    fn add(&mut self, one: &'a Finished, wait: i64) {
        self.keys.push(one.key.uuid());
        self.leases.push(one.lease.0);
        self.counts.push(one.verdict.counts());
        self.forgiven.push(one.alone && one.verdict != Verdict::HandBack);
        self.waits.push(wait);
        self.workers.push(one.worker.0);
        self.durations.push(micros(one.duration));
        self.errors.push(one.error.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_bug_is_in_its_statement() {
        assert!(OUTCOME_WITHOUT_LEASE.contains("FROM o) s UNION ALL SELECT key, now()"));
    }
}
