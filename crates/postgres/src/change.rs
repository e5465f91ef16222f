//! Changes dead letters: an order is one statement, with its audit rows and the job that it becomes.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use eventflow_core::{EventKey, Job, LetterAction, LetterOrder, Pattern, Reason, Refusal, SUSPECT_CRASHES};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::{Postgres, int};
use crate::rows;
use crate::types::JsonRead;

/// The rows of an order's keys, locked in order and as they are now; and the condition that the job is new.
macro_rules! locked {
    ($keys:literal, $when:literal) => {
        concat!(
            "p AS MATERIALIZED (SELECT e.key, e.state, 256 + octet_length(e.source) + octet_length(e.id) + octet_length(e.type) \
              + coalesce(octet_length(e.subject), 0) + octet_length(e.correlation_id) + coalesce(octet_length(e.traceparent), 0) \
              + coalesce(octet_length(e.extensions::text), 0) + coalesce(octet_length(e.data::text), octet_length(e.bytes), 0) AS weight \
             FROM events e WHERE e.key = ANY (",
            $keys,
            ") AND EXISTS (SELECT FROM ",
            $when,
            ") ORDER BY e.key FOR UPDATE), "
        )
    };
}

/// $1 job, $2 actor, $3 keys, $4 handlers by key or none, $5 version of the list by which they were chosen,
/// $6 reasons that never run, $7 reasons of those dead at their admission, $8 crashes of a suspect.
const REQUEUE: &str = concat!(
    "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040802)), \
     gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7310040801) FROM turn), \
     list AS MATERIALIZED (SELECT l.one FROM gate CROSS JOIN handler_list l WHERE l.version = $5 FOR SHARE OF l), \
     go AS MATERIALIZED (SELECT one FROM list WHERE NOT EXISTS (SELECT FROM jobs WHERE id = $1)), \
     o AS MATERIALIZED (SELECT o.key, o.handler FROM unnest($3::uuid[], $4::text[]) AS o(key, handler)), ",
    locked!("$3", "go"),
    "q AS MATERIALIZED (SELECT p.key, p.weight, o.handler, d.attempt, d.crashes, d.requeues, \
        CASE WHEN d.reason = ANY ($6::text[]) THEN 'never-runs' WHEN o.handler IS NOT NULL THEN 'run' \
          WHEN d.reason = ANY ($7::text[]) THEN 'store' ELSE 'no-handler' END AS fate \
      FROM p JOIN o ON o.key = p.key \
      CROSS JOIN LATERAL (SELECT * FROM dead_letters k WHERE k.key = p.key FOR UPDATE) d WHERE p.state = 'dead'), \
     r AS (UPDATE events SET state = 'open' WHERE key = ANY (ARRAY(SELECT key FROM q WHERE fate = 'run'))), \
     s AS (UPDATE events SET state = 'done' WHERE key = ANY (ARRAY(SELECT key FROM q WHERE fate = 'store'))), \
     w AS (INSERT INTO work (key, handler, due_at, attempt, base, crashes, requeues, weight, reopened) \
      SELECT key, handler, now(), attempt, attempt, least(crashes, $8), requeues + 1, weight, true FROM q \
      WHERE fate = 'run' ORDER BY key), \
     x AS (DELETE FROM dead_letters WHERE key = ANY (ARRAY(SELECT key FROM q WHERE fate IN ('run', 'store')))), \
     a AS (INSERT INTO audit (at, actor, action, subject, job) \
      SELECT now(), $2, 'requeue', key::text, $1 FROM q WHERE fate IN ('run', 'store') ORDER BY key), \
     n AS MATERIALIZED (SELECT o.key, CASE WHEN p.key IS NULL THEN 'unknown' ELSE coalesce(q.fate, 'not-dead') END AS why \
      FROM o LEFT JOIN p ON p.key = o.key LEFT JOIN q ON q.key = o.key WHERE coalesce(q.fate, '') NOT IN ('run', 'store')), \
     j AS (INSERT INTO jobs (id, action, actor, at, applied, stored, refused) \
      SELECT $1, 'requeue', $2, now(), (SELECT count(*) FROM q WHERE fate IN ('run', 'store')), \
        (SELECT count(*) FROM q WHERE fate = 'store'), \
        coalesce((SELECT json_agg(json_build_array(n.key, n.why) ORDER BY n.key) FROM n), '[]') FROM go) \
     SELECT EXISTS (SELECT FROM list) AS current"
);

/// $1 job, $2 actor, $3 keys, $4 action, $5 and $6 states from which and to which, $7 whether discarded.
const MARK: &str = concat!(
    "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040802)), \
     go AS MATERIALIZED (SELECT FROM turn WHERE NOT EXISTS (SELECT FROM jobs WHERE id = $1)), ",
    locked!("$3", "go"),
    "q AS MATERIALIZED (SELECT key FROM p WHERE state = $5), \
     r AS (UPDATE events SET state = $6 WHERE key = ANY (ARRAY(SELECT key FROM q))), \
     d AS (UPDATE dead_letters SET discarded = $7 WHERE key = ANY (ARRAY(SELECT key FROM q))), \
     a AS (INSERT INTO audit (at, actor, action, subject, job) SELECT now(), $2, $4, key::text, $1 FROM q ORDER BY key), \
     n AS MATERIALIZED (SELECT o.key, CASE WHEN p.key IS NULL THEN 'unknown' ELSE 'not-dead' END AS why \
      FROM unnest($3::uuid[]) AS o(key) LEFT JOIN p ON p.key = o.key WHERE p.state IS DISTINCT FROM $5), \
     j AS (INSERT INTO jobs (id, action, actor, at, applied, stored, refused) \
      SELECT $1, $4, $2, now(), (SELECT count(*) FROM q), 0, \
        coalesce((SELECT json_agg(json_build_array(n.key, n.why) ORDER BY n.key) FROM n), '[]') FROM go) \
     SELECT true AS current"
);

const TYPES: &str = "SELECT key, type FROM events WHERE key = ANY ($1)";
const JOB: &str = "SELECT id, action, actor, at, applied, stored, refused FROM jobs WHERE id = $1";

const DOING: &str = "changing dead letters";
/// How often an order begins anew because the handler list changed under it.
const ROUNDS: usize = 20;
const UNIQUE_VIOLATION: &str = "23505";

impl Postgres {
    pub(crate) async fn carry_out(&self, order: &LetterOrder) -> Result<Job, Failure> {
        let keys: BTreeSet<Uuid> = order.keys.iter().map(|key| key.uuid()).collect();
        let keys: Vec<Uuid> = keys.into_iter().collect();
        for _ in 0..ROUNDS {
            let current = match order.action {
                LetterAction::Requeue => self.requeue(order, &keys).await,
                LetterAction::Discard => self.mark(order, &keys, ("dead", "discarded")).await,
                LetterAction::Restore => self.mark(order, &keys, ("discarded", "dead")).await,
            };
            match current {
                // The same job, sent twice at once: the other one did it.
                Err(failure) if failure.code().as_deref() != Some(UNIQUE_VIOLATION) => return Err(failure),
                Ok(false) => {}
                Ok(true) | Err(_) => {
                    let job = self.find_job(order.job).await?;
                    return job.ok_or(Failure::Unsettled);
                }
            }
        }
        Err(Failure::Unsettled)
    }

    pub(crate) async fn find_job(&self, id: Uuid) -> Result<Option<Job>, Failure> {
        let rows = self
            .rows(Statement::read("looking a job up", JOB), |binds| {
                binds.put(id);
            })
            .await?;
        rows.first().map(job).transpose()
    }

    /// False where the handler list has moved on, and nothing was written.
    async fn requeue(&self, order: &LetterOrder, keys: &[Uuid]) -> Result<bool, Failure> {
        let (list, _) = self.read_registry(Duration::ZERO).await?;
        let found = self
            .rows(Statement::read(DOING, TYPES), |binds| {
                binds.put(keys);
            })
            .await?;
        let mut types: HashMap<Uuid, String> = HashMap::with_capacity(found.len());
        for row in &found {
            types.insert(row.try_get("key")?, row.try_get("type")?);
        }
        let taker = |key: &Uuid| types.get(key).and_then(|of| list.handler_of(of)).map(Pattern::as_str);
        let handlers: Vec<Option<&str>> = keys.iter().map(taker).collect();
        let reasons = |has: fn(Reason) -> bool| -> Vec<&'static str> {
            let all = Reason::ALL.into_iter();
            all.filter(|reason| has(*reason)).map(Reason::as_str).collect()
        };
        let row = self
            .row(Statement::write(DOING, REQUEUE), |binds| {
                binds
                    .put(order.job)
                    .put(&order.actor)
                    .put(keys)
                    .put(&handlers)
                    .put(list.version.0)
                    .put(reasons(|reason| !reason.can_requeue()))
                    .put(reasons(Reason::at_admission))
                    .put(int(SUSPECT_CRASHES));
            })
            .await?;
        Ok(row.try_get("current")?)
    }

    async fn mark(&self, order: &LetterOrder, keys: &[Uuid], (from, to): (&str, &str)) -> Result<bool, Failure> {
        let row = self
            .row(Statement::write(DOING, MARK), |binds| {
                binds
                    .put(order.job)
                    .put(&order.actor)
                    .put(keys)
                    .put(order.action.as_str())
                    .put(from)
                    .put(to)
                    .put(to == "discarded");
            })
            .await?;
        Ok(row.try_get("current")?)
    }
}

fn job(row: &PgRow) -> Result<Job, Failure> {
    let action: &str = row.try_get("action")?;
    let JsonRead(refused) = row.try_get("refused")?;
    let refused: Vec<(EventKey, Refusal)> = serde_json::from_slice(&refused)
        .map_err(|error| Failure::Unreadable(format!("the list of refusals ({error})")))?;
    Ok(Job {
        id: row.try_get("id")?,
        action: LetterAction::parse(action).ok_or_else(|| Failure::Unreadable(format!("the action `{action}`")))?,
        actor: row.try_get("actor")?,
        at: rows::at(row, "at")?,
        applied: rows::big_number(row, "applied")?,
        stored: rows::big_number(row, "stored")?,
        refused,
    })
}
