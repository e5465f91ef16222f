//! Matches anew what waits for a handler that was retired. What matches nothing is dead, never stored unrun.

use std::time::Duration;

use eventflow_core::{Death, FATAL_CRASHES, Reason, Registry, WorkerId};
use sqlx::Row;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::lease::crashed_too_often;
use crate::postgres::{Postgres, count, int, micros};

/// $1 worker, $2 lease time, $3 limit. `g`: the gaps between the handlers on the list, in which nothing stands but
/// what waits for others.
const STRAYS: &str = "WITH me AS MATERIALIZED (SELECT EXISTS (SELECT FROM workers WHERE worker = $1 \
    AND renewed_at > now() - $2 * interval '1 microsecond' / 3 \
    AND unbroken_since <= now() - $2 * interval '1 microsecond') AS mature), \
g AS MATERIALIZED (SELECT coalesce(lag(pattern) OVER (ORDER BY pattern), '') AS above, pattern AS below FROM handlers \
    UNION ALL SELECT coalesce(max(pattern), ''), U&'\\+10FFFF\\+10FFFF' FROM handlers) \
SELECT w.key, w.handler, w.lease, e.type FROM g \
CROSS JOIN LATERAL (SELECT k.key, k.handler, k.lease FROM work k WHERE k.handler > g.above AND k.handler < g.below \
    AND (k.lease IS NULL OR (k.due_at <= now() AND (SELECT mature FROM me))) LIMIT $3) w \
CROSS JOIN LATERAL (SELECT e.type FROM events e WHERE e.key = w.key OFFSET 0) e ORDER BY w.key LIMIT $3";

/// $1 version, $2 worker, $3 lease time, $4..$9 rows: key, old handler, lease, new handler or none, message and cause
/// where there is none; $10 crashes of the dead, $11 and $12 message and cause of such a death.
///
/// `q`: the rows that are still as they were read. `x` ends them or `m` moves them; `c` writes down the crashes.
const REMATCH: &str = "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7310040801)), \
list AS MATERIALIZED (SELECT l.one FROM gate CROSS JOIN handler_list l WHERE l.version = $1 FOR SHARE OF l), \
me AS MATERIALIZED (SELECT EXISTS (SELECT FROM workers WHERE worker = $2 \
    AND renewed_at > now() - $3 * interval '1 microsecond' / 3 \
    AND unbroken_since <= now() - $3 * interval '1 microsecond') AS mature), \
p AS MATERIALIZED (SELECT key, handler, due_at, lease, worker, attempt, crashes, requeues FROM work \
    WHERE key = ANY ($4) AND EXISTS (SELECT FROM list) ORDER BY key FOR UPDATE), \
q AS MATERIALIZED (SELECT p.key, p.handler, p.lease, p.worker, p.attempt, p.requeues, o.new_handler, \
      p.crashes + (p.lease IS NOT NULL)::int AS crashes, \
      p.lease IS NOT NULL AND p.crashes + 1 >= $10 AS fatal, o.message, o.cause \
    FROM p JOIN unnest($4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[]) \
      AS o(key, old_handler, lease, new_handler, message, cause) ON o.key = p.key \
    WHERE p.handler = o.old_handler AND p.lease IS NOT DISTINCT FROM o.lease \
      AND (p.lease IS NULL OR (p.due_at <= now() AND (SELECT mature FROM me)))), \
c AS (INSERT INTO attempts (key, ended_at, worker, number, result, duration_us, error) \
    SELECT key, now(), worker, attempt + 1, 'crashed', NULL, 'the worker''s lease lapsed' FROM q WHERE lease IS NOT NULL), \
m AS (UPDATE work w SET handler = q.new_handler, due_at = now(), lease = NULL, worker = NULL, crashes = q.crashes FROM q \
    WHERE w.key = ANY (ARRAY(SELECT key FROM q)) AND w.key = q.key AND NOT q.fatal AND q.new_handler IS NOT NULL), \
x AS (DELETE FROM work WHERE key = ANY (ARRAY(SELECT key FROM q WHERE fatal OR new_handler IS NULL))), \
e AS (UPDATE events SET state = 'dead' WHERE key = ANY (ARRAY(SELECT key FROM q WHERE fatal OR new_handler IS NULL))), \
l AS (INSERT INTO dead_letters (key, reason, message, cause, died_at, handler, attempt, crashes, requeues, original, discarded) \
    SELECT key, CASE WHEN fatal THEN 'crashed' ELSE 'no-handler' END, CASE WHEN fatal THEN $11 ELSE message END, \
      CASE WHEN fatal THEN $12 ELSE cause END, now(), handler, attempt, crashes, requeues, NULL, false \
    FROM q WHERE fatal OR new_handler IS NULL) \
SELECT count(*) AS moved FROM q";

const DOING: &str = "matching waiting events anew";

impl Postgres {
    pub(crate) async fn rematch_strays(
        &self,
        worker: Option<WorkerId>,
        lease_time: Duration,
        limit: u32,
    ) -> Result<u64, Failure> {
        let worker = worker.map(|worker| worker.0);
        let found = self
            .rows(Statement::read(DOING, STRAYS), |binds| {
                binds.put(worker).put(micros(lease_time)).put(i64::from(limit));
            })
            .await?;
        if found.is_empty() {
            return Ok(0);
        }
        let (list, _) = self.read_registry(lease_time).await?;
        let mut strays = Strays::default();
        for row in &found {
            strays.add(
                &list,
                row.try_get("key")?,
                row.try_get("handler")?,
                row.try_get("lease")?,
                row.try_get("type")?,
            );
        }
        let death = crashed_too_often();
        let row = self
            .row(Statement::write(DOING, REMATCH), |binds| {
                binds
                    .put(list.version.0)
                    .put(worker)
                    .put(micros(lease_time))
                    .put(&strays.keys)
                    .put(&strays.handlers)
                    .put(&strays.leases)
                    .put(&strays.new_handlers)
                    .put(&strays.messages)
                    .put(&strays.causes)
                    .put(int(FATAL_CRASHES))
                    .put(&death.message)
                    .put(death.cause());
            })
            .await?;
        let moved: i64 = row.try_get("moved")?;
        Ok(count(moved))
    }
}

/// Rows whose handler is off the list, with what becomes of them.
#[derive(Default)]
struct Strays {
    keys: Vec<Uuid>,
    handlers: Vec<String>,
    leases: Vec<Option<Uuid>>,
    new_handlers: Vec<Option<String>>,
    messages: Vec<Option<String>>,
    causes: Vec<Option<String>>,
}

impl Strays {
    fn add(&mut self, list: &Registry, key: Uuid, handler: String, lease: Option<Uuid>, event_type: &str) {
        let taker = list.handler_of(event_type);
        let death = taker.is_none().then(|| {
            let message = format!("its handler `{handler}` was retired and nothing takes `{event_type}`");
            Death::new(Reason::NoHandler, message)
        });
        self.keys.push(key);
        self.handlers.push(handler);
        self.leases.push(lease);
        self.new_handlers.push(taker.map(|taker| taker.as_str().to_owned()));
        self.causes.push(death.as_ref().map(Death::cause));
        self.messages.push(death.map(|death| death.message));
    }
}
