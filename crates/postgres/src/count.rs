//! Counts unfinished rows by handler, by one process for all.

use std::time::Duration;

use eventflow_core::Pattern;
use sqlx::Row;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::{Postgres, micros};
use crate::types::At;

/// $1 how long a count is good, $2 and $3 handlers and the floors below which nothing of theirs can be.
///
/// Who finds the row of the last count in use leaves the counting to whoever holds it. `r` is what runs, found by the small
/// index of leased rows, so that all the rest is counted in the index of due rows alone.
const COUNT: &str = "WITH turn AS MATERIALIZED (SELECT one FROM counting \
    WHERE counted_at IS NULL OR counted_at <= now() - $1 * interval '1 microsecond' FOR UPDATE SKIP LOCKED), \
done AS (UPDATE counting SET counted_at = now() WHERE EXISTS (SELECT FROM turn)), \
h AS MATERIALIZED (SELECT h.pattern, coalesce(f.floor, '-infinity') AS floor FROM handlers h \
    LEFT JOIN unnest($2::text[], $3::timestamptz[]) AS f(pattern, floor) ON f.pattern = h.pattern \
    WHERE EXISTS (SELECT FROM turn)), \
r AS MATERIALIZED (SELECT w.handler, count(*) AS n FROM work w WHERE w.worker IS NOT NULL \
    AND EXISTS (SELECT FROM turn) GROUP BY w.handler), \
c AS MATERIALIZED (SELECT h.pattern, n.unfinished - coalesce(r.n, 0) AS due, coalesce(r.n, 0) AS running, o.due_at AS oldest_due \
    FROM h LEFT JOIN r ON r.handler = h.pattern \
    CROSS JOIN LATERAL (SELECT count(*) AS unfinished FROM (SELECT w.due_at FROM work w \
      WHERE w.handler = h.pattern AND w.due_at >= h.floor OFFSET 0) w) n \
    LEFT JOIN LATERAL (SELECT w.due_at FROM work w WHERE w.handler = h.pattern AND w.due_at >= h.floor AND w.lease IS NULL \
      ORDER BY w.due_at, w.key LIMIT 1) o ON true), \
u AS (UPDATE handlers t SET due = c.due, running = c.running, oldest_due = c.oldest_due, counted_at = now() FROM c \
    WHERE t.pattern = ANY (ARRAY(SELECT pattern FROM c)) AND t.pattern = c.pattern) \
SELECT EXISTS (SELECT FROM turn) AS counted";

impl Postgres {
    pub(crate) async fn count_unfinished(&self, every: Duration) -> Result<bool, Failure> {
        let floors = self.floors().safe();
        let (handlers, floors): (Vec<&str>, Vec<At>) = floors
            .iter()
            .map(|(pattern, floor)| (Pattern::as_str(pattern), *floor))
            .unzip();
        let row = self
            .row(Statement::write("counting unfinished rows", COUNT), |binds| {
                binds.put(micros(every)).put(&handlers).put(&floors);
            })
            .await?;
        Ok(row.try_get("counted")?)
    }
}
