//! Renews: extends what a worker runs, hands back what bears its name otherwise.

use std::collections::BTreeSet;

use eventflow_core::{Renewal, Renewed, WorkerId};
use sqlx::Row;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::{Postgres, count, micros};
use crate::types::JsonText;

/// $1 worker, $2 lease time, $3 and $4 keys and tokens of what it runs, sorted; $5 tokens still awaited; $6 the beat.
///
/// `mine`: rows under its name, from `kept_from` on. Rows that ended leave their dead behind in the index, and a held
/// snapshot keeps them; below that moment there is nothing else: what a renewal leaves alone it remembers there, what it
/// extends ends later, and so does what is leased after it, by a statement that began ten seconds before it at most.
const RENEW: &str = "WITH mine AS MATERIALIZED (SELECT w.key, w.lease, w.due_at, w.lease = ANY ($5::uuid[]) AS awaited, \
      ((w.key, w.lease) IN (SELECT r.key, r.lease FROM unnest($3::uuid[], $4::uuid[]) AS r(key, lease))) IS TRUE AS runs \
    FROM work w WHERE w.worker = $1 \
      AND w.due_at >= coalesce((SELECT kept_from FROM workers WHERE worker = $1), '-infinity')), \
me AS (UPDATE workers SET \
    unbroken_since = CASE WHEN now() - renewed_at > $2 * interval '1 microsecond' / 3 THEN now() ELSE unbroken_since END, \
    renewed_at = now(), beat = coalesce($6, beat), \
    kept_from = least((SELECT min(due_at) FROM mine WHERE awaited AND NOT runs), now() - interval '10 seconds') \
    WHERE worker = $1 RETURNING worker), \
x AS (UPDATE work SET due_at = now() + $2 * interval '1 microsecond' WHERE key = ANY ($3) AND worker = $1 \
    AND ((key, lease) IN (SELECT r.key, r.lease FROM unnest($3::uuid[], $4::uuid[]) AS r(key, lease))) IS TRUE \
    RETURNING key, lease), \
b AS (UPDATE work w SET lease = NULL, worker = NULL, due_at = now() FROM mine m \
    WHERE w.key = ANY (ARRAY(SELECT key FROM mine WHERE NOT awaited AND NOT runs)) AND w.key = m.key AND w.lease = m.lease \
    AND NOT m.awaited AND NOT m.runs AND w.worker = $1 RETURNING w.key) \
SELECT EXISTS (SELECT FROM me) AS known, (SELECT count(*) FROM b) AS handed_back, \
    ARRAY(SELECT key FROM x) AS keys, ARRAY(SELECT lease FROM x) AS leases";

/// $1 worker.
const LEAVE: &str = "WITH me AS (DELETE FROM workers WHERE worker = $1 RETURNING kept_from) \
    UPDATE work SET lease = NULL, worker = NULL, due_at = now() \
    WHERE worker = $1 AND due_at >= coalesce((SELECT kept_from FROM me), '-infinity')";

impl Postgres {
    pub(crate) async fn renew_leases(&self, renewal: &Renewal) -> Result<Renewed, Failure> {
        let running: BTreeSet<(Uuid, Uuid)> = renewal
            .running
            .iter()
            .map(|(key, token)| (key.uuid(), token.0))
            .collect();
        let (keys, leases): (Vec<Uuid>, Vec<Uuid>) = running.iter().copied().unzip();
        let awaited: Vec<Uuid> = renewal.awaited.iter().map(|token| token.0).collect();
        let row = self
            .row(Statement::write("renewing leases", RENEW), |binds| {
                binds
                    .put(renewal.worker.0)
                    .put(micros(renewal.lease_time))
                    .put(&keys)
                    .put(&leases)
                    .put(&awaited)
                    .put(renewal.beat.as_ref().map(|beat| JsonText(beat.as_bytes())));
            })
            .await?;
        let known: bool = row.try_get("known")?;
        let handed_back: i64 = row.try_get("handed_back")?;
        let kept_keys: Vec<Uuid> = row.try_get("keys")?;
        let kept_leases: Vec<Uuid> = row.try_get("leases")?;
        let kept: BTreeSet<(Uuid, Uuid)> = kept_keys.into_iter().zip(kept_leases).collect();
        Ok(Renewed {
            lost: running
                .difference(&kept)
                .map(|(key, _)| eventflow_core::EventKey::from_uuid(*key))
                .collect(),
            handed_back: count(handed_back),
            unknown: !known,
        })
    }

    pub(crate) async fn leave_list(&self, worker: WorkerId) -> Result<(), Failure> {
        self.rows(Statement::write("leaving", LEAVE), |binds| {
            binds.put(worker.0);
        })
        .await?;
        Ok(())
    }
}
