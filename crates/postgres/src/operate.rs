//! What operators do to handlers: pause, resume, retire. Each change has its audit row in the same statement.

use eventflow_core::{PauseOrder, RetireOrder, Retired};
use sqlx::Row;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::{Postgres, count, micros};

/// $1 handler, $2 paused, $3 actor.
const PAUSE_ONE: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040802)), \
h AS (UPDATE handlers t SET paused = $2 FROM turn WHERE t.pattern = $1 AND t.paused <> $2 RETURNING t.pattern), \
a AS (INSERT INTO audit (at, actor, action, subject) \
    SELECT now(), $3, CASE WHEN $2 THEN 'pause' ELSE 'resume' END, pattern FROM h) \
SELECT EXISTS (SELECT FROM handlers WHERE pattern = $1) AS known";

/// $1 paused, $2 actor. Waits for admissions, which read the row, as a registration does.
const PAUSE_ALL: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040802)), \
gate AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040801) FROM turn), \
l AS (UPDATE handler_list t SET paused = $1 FROM gate WHERE t.paused <> $1 RETURNING t.one), \
a AS (INSERT INTO audit (at, actor, action, subject) \
    SELECT now(), $2, CASE WHEN $1 THEN 'pause' ELSE 'resume' END, '*' FROM l) \
SELECT true AS known";

/// $1 handler, $2 lease time, $3 actor, $4 version, $5 joins.
///
/// `c` locks the rows of all who carry it, so that a renewal that came first is seen, and one that comes later finds its
/// row gone and has to register again. Who joined after the list was read has counted up `joins`.
const RETIRE: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040802)), \
gate AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040801) FROM turn), \
c AS MATERIALIZED (SELECT w.worker, w.renewed_at > now() - $2 * interval '1 microsecond' AS living \
    FROM gate CROSS JOIN workers w WHERE $1 = ANY (w.patterns) FOR UPDATE OF w), \
l AS (UPDATE handler_list t SET version = t.version + 1 WHERE t.version = $4 AND t.joins = $5 \
    AND NOT EXISTS (SELECT FROM c WHERE living) AND EXISTS (SELECT FROM handlers WHERE pattern = $1) RETURNING t.one), \
h AS (DELETE FROM handlers WHERE pattern = $1 AND EXISTS (SELECT FROM l)), \
x AS (DELETE FROM workers WHERE worker = ANY (ARRAY(SELECT worker FROM c)) AND EXISTS (SELECT FROM l)), \
a AS (INSERT INTO audit (at, actor, action, subject) SELECT now(), $3, 'retire', $1 FROM l) \
SELECT EXISTS (SELECT FROM l) AS gone, (SELECT count(*) FROM c WHERE living) AS living";

const ROUNDS: usize = 20;

impl Postgres {
    pub(crate) async fn pause_handlers(&self, order: &PauseOrder) -> Result<bool, Failure> {
        const DOING: &str = "pausing or resuming";
        let row = match &order.handler {
            Some(handler) => {
                self.row(Statement::write(DOING, PAUSE_ONE), |binds| {
                    binds.put(handler.as_str()).put(order.paused).put(&order.actor);
                })
                .await?
            }
            None => {
                self.row(Statement::write(DOING, PAUSE_ALL), |binds| {
                    binds.put(order.paused).put(&order.actor);
                })
                .await?
            }
        };
        Ok(row.try_get("known")?)
    }

    pub(crate) async fn retire_handler(&self, order: &RetireOrder) -> Result<Retired, Failure> {
        for _ in 0..ROUNDS {
            let (list, joins) = self.read_registry(order.lease_time).await?;
            if list.get(&order.handler).is_none() {
                return Ok(Retired::Unknown);
            }
            let row = self
                .row(Statement::write("retiring a handler", RETIRE), |binds| {
                    binds
                        .put(order.handler.as_str())
                        .put(micros(order.lease_time))
                        .put(&order.actor)
                        .put(list.version.0)
                        .put(joins);
                })
                .await?;
            if row.try_get("gone")? {
                return Ok(Retired::Gone);
            }
            let living: i64 = row.try_get("living")?;
            if living > 0 {
                return Ok(Retired::Carried(count(living)));
            }
        }
        Err(Failure::Unsettled)
    }
}
