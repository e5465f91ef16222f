//! Removes what is past its retention, in small steps along the keys.
//!
//! No index serves it, since one would cost every admission. A statement looks at some thousand rows in key order, and
//! where it found nothing the next call goes on behind them. Keys that are led by time come first: once they are younger than the retention,
//! the rest of them is younger too, and the step jumps to the random keys, whose first bit is set.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::{Postgres, count, micros};
use crate::rows;

/// $1 behind this key, $2 retention, $3 limit, $4 rows to look at, $5 whether workers are looked at, too.
///
/// `s` comes in key order and is read in it, so that `c` stops at the limit: it has the lowest keys.
const PURGE: &str = "WITH s AS MATERIALIZED (SELECT key, state, received_at FROM events WHERE key > $1 ORDER BY key LIMIT $4), \
c AS MATERIALIZED (SELECT s.key FROM s \
    WHERE s.state IN ('done', 'discarded') AND s.received_at < now() - $2 * interval '1 microsecond' \
      AND (SELECT 1 FROM work w WHERE w.key = s.key) IS NULL \
      AND (SELECT 1 FROM attempts a WHERE a.key = s.key AND a.ended_at > now() - interval '1 day' LIMIT 1) IS NULL LIMIT $3), \
x AS MATERIALIZED (SELECT e.key FROM c CROSS JOIN LATERAL (SELECT k.key FROM events k WHERE k.key = c.key \
    AND k.state IN ('done', 'discarded') FOR UPDATE SKIP LOCKED) e), \
a AS (DELETE FROM attempts WHERE key = ANY (ARRAY(SELECT key FROM x))), \
l AS (DELETE FROM dead_letters WHERE key = ANY (ARRAY(SELECT key FROM x))), \
w AS (DELETE FROM workers WHERE $5 AND renewed_at < now() - $2 * interval '1 microsecond'), \
e AS (DELETE FROM events WHERE key = ANY (ARRAY(SELECT key FROM x)) RETURNING key) \
SELECT (SELECT count(*) FROM e) AS gone, \
    (SELECT count(*) FROM c) AS found, (SELECT max(c.key::text) FROM c)::uuid AS last_found, \
    (SELECT count(*) FROM s) AS seen, (SELECT max(s.key::text) FROM s)::uuid AS last_seen, \
    now() - $2 * interval '1 microsecond' AS youngest";

/// Rows that one statement looks at.
const SCAN: i64 = 5_000;
/// Statements of one call.
const STEPS: usize = 10;
/// Below all keys whose first bit is set.
const RANDOM_KEYS: Uuid = Uuid::from_u128(0x7fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff);

/// Behind which key the next call begins: below it a full statement found nothing to remove.
#[derive(Debug, Default)]
pub(crate) struct Cursor(Mutex<Uuid>);

impl Cursor {
    fn get(&self) -> Uuid {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, key: Uuid) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl Postgres {
    pub(crate) async fn purge_old(&self, retention: Duration, limit: u32) -> Result<u64, Failure> {
        let start = self.purge_cursor().get();
        let mut after = start;
        let mut gone = 0;
        let mut barren = true;
        for first in std::iter::once(true).chain(std::iter::repeat_n(false, STEPS - 1)) {
            let missing = i64::from(limit) - gone;
            if missing <= 0 {
                break;
            }
            let step = self.purge_step(after, retention, missing, first).await?;
            gone += step.gone;
            barren &= step.found == 0;
            let at_the_end = step.next.is_nil();
            if barren || at_the_end {
                self.purge_cursor().set(step.next);
            }
            if at_the_end && start.is_nil() {
                break;
            }
            after = step.next;
        }
        Ok(count(gone))
    }

    async fn purge_step(&self, after: Uuid, retention: Duration, limit: i64, first: bool) -> Result<Step, Failure> {
        let row = self
            .row(
                Statement::write("removing what is past its retention", PURGE),
                |binds| {
                    binds.put(after).put(micros(retention)).put(limit).put(SCAN).put(first);
                },
            )
            .await?;
        let found: i64 = row.try_get("found")?;
        let seen: i64 = row.try_get("seen")?;
        let next = if found == limit {
            row.try_get("last_found")?
        } else if seen < SCAN {
            Uuid::nil()
        } else {
            let last: Uuid = row.try_get("last_seen")?;
            let young = found == 0 && is_younger(last, rows::at(&row, "youngest")?);
            if young { RANDOM_KEYS } else { last }
        };
        Ok(Step {
            gone: row.try_get("gone")?,
            found,
            next,
        })
    }
}

/// What a statement did.
struct Step {
    gone: i64,
    /// What it might remove, what another holds among it.
    found: i64,
    /// Behind which key to go on; nil at the end.
    next: Uuid,
}

/// Whether a key is led by a time behind this moment.
fn is_younger(key: Uuid, moment: Timestamp) -> bool {
    let bytes = key.as_bytes();
    let mut millis = [0u8; 8];
    millis[2..].copy_from_slice(&bytes[..6]);
    bytes[0] & 0x80 == 0 && i64::from_be_bytes(millis) > moment.as_micros() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_led_by_time_tell_their_age() {
        let led: Uuid = "01890a5d-ac96-8f08-888d-d19a20827245".parse().expect("a key");
        let millis = 0x0189_0a5d_ac96;
        assert!(is_younger(led, Timestamp::from_micros((millis - 1) * 1_000)));
        assert!(!is_younger(led, Timestamp::from_micros(millis * 1_000)));
        let random: Uuid = "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777".parse().expect("a key");
        assert!(!is_younger(random, Timestamp::default()));
        assert!(random > RANDOM_KEYS);
    }
}
