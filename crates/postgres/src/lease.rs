//! Leases what is due: one statement that takes, buries what crashed too often, and says whose turn it is.

use std::collections::BTreeMap;

use eventflow_core::{
    Death, FATAL_CRASHES, LeaseReply, LeaseRequest, Leased, Pattern, Reason, SUSPECT_CRASHES, Timestamp,
};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::call::{Binds, Statement};
use crate::error::Failure;
use crate::floor::Floor;
use crate::postgres::{Postgres, int, micros};
use crate::rows::{self, event_columns};
use crate::types::At;

/// $1 worker, $2 lease time, $3..$7 handlers: name, limit, tight floor, safe floor, until when the tight one is good;
/// $8 crashes of a suspect, $9 crashes of the dead, $10 and $11 message and cause of such a death, $12 token, $13 bytes.
///
/// `me`: whether the asking worker may take what has lapsed. `h`: wanted handlers that are not paused. `f`: lapsed rows
/// that have now crashed too often; `d` and those beside it bury them.
macro_rules! head {
    () => {
        "WITH me AS MATERIALIZED (SELECT EXISTS (SELECT FROM workers WHERE worker = $1 \
            AND renewed_at > now() - $2 * interval '1 microsecond' / 3 \
            AND unbroken_since <= now() - $2 * interval '1 microsecond') AS mature), \
        h AS MATERIALIZED (SELECT u.name, u.n, CASE WHEN now() < u.fresh THEN u.tight ELSE u.safe END AS floor \
          FROM unnest($3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[]) \
            AS u(name, n, tight, safe, fresh) \
          WHERE NOT (SELECT paused FROM handler_list) AND u.name <> ALL (ARRAY(SELECT pattern FROM handlers WHERE paused))), \
        f AS MATERIALIZED (SELECT w.key FROM h CROSS JOIN LATERAL (SELECT k.key FROM work k WHERE k.handler = h.name \
            AND k.crashes > 0 AND k.crashes + 1 >= $9 AND k.lease IS NOT NULL AND k.due_at <= now() AND (SELECT mature FROM me) \
            ORDER BY k.due_at, k.key LIMIT 100 FOR UPDATE SKIP LOCKED) w), \
        d AS (DELETE FROM work WHERE key = ANY (ARRAY(SELECT key FROM f)) \
            RETURNING key, handler, worker, attempt, crashes, requeues), \
        da AS (INSERT INTO attempts (key, ended_at, worker, number, result, duration_us, error) \
            SELECT key, now(), worker, attempt + 1, 'crashed', NULL, 'the worker''s lease lapsed' FROM d), \
        dl AS (INSERT INTO dead_letters (key, reason, message, cause, died_at, handler, attempt, crashes, requeues, original, discarded) \
            SELECT key, 'crashed', $10, $11, now(), handler, attempt, crashes + 1, requeues, NULL, false FROM d), \
        de AS (UPDATE events SET state = 'dead' WHERE key = ANY (ARRAY(SELECT key FROM d))), "
    };
}

/// `l` takes the rows of `k`, `c` writes down the crashes of those whose lease had lapsed.
macro_rules! tail {
    () => {
        "l AS (UPDATE work t SET lease = $12, worker = $1, crashes = t.crashes + (t.lease IS NOT NULL)::int, \
              due_at = now() + $2 * interval '1 microsecond' \
            FROM k WHERE t.key = ANY (ARRAY(SELECT key FROM k)) AND t.key = k.key \
            RETURNING t.key, t.handler, t.attempt, t.base, t.crashes, k.due_at AS was_due), \
        c AS (INSERT INTO attempts (key, ended_at, worker, number, result, duration_us, error) \
            SELECT key, now(), worker, attempt + 1, 'crashed', NULL, 'the worker''s lease lapsed' FROM k WHERE lease IS NOT NULL) "
    };
}

macro_rules! leased {
    () => {
        concat!(
            "l.handler, l.attempt, l.base, l.crashes, l.was_due, e.* FROM (VALUES (1)) one LEFT JOIN \
             (l CROSS JOIN LATERAL (SELECT ",
            event_columns!(),
            " FROM events e WHERE e.key = l.key OFFSET 0) e) ON true"
        )
    };
}

/// `p`: a fair turn for each handler, oldest due first. `k`: in due order until it weighs enough. `s`: the oldest suspect.
const LEASE: &str = concat!(
    head!(),
    "p AS MATERIALIZED (SELECT w.* FROM h CROSS JOIN LATERAL (SELECT k.key, k.due_at, k.lease, k.worker, k.attempt, k.weight \
        FROM work k WHERE k.handler = h.name AND k.due_at <= now() AND k.due_at >= h.floor \
        AND (k.lease IS NULL OR (SELECT mature FROM me)) AND k.crashes + (k.lease IS NOT NULL)::int < $8 \
        ORDER BY k.due_at, k.key LIMIT h.n FOR UPDATE SKIP LOCKED) w), \
     k AS MATERIALIZED (SELECT q.key, q.due_at, q.lease, q.worker, q.attempt FROM (SELECT p.*, \
        sum(p.weight) OVER turn AS total, row_number() OVER turn AS place FROM p \
        WINDOW turn AS (ORDER BY p.due_at, p.key ROWS UNBOUNDED PRECEDING)) q WHERE q.total <= $13 OR q.place = 1), \
     s AS MATERIALIZED (SELECT min(w.due_at) AS due_at FROM h CROSS JOIN LATERAL (SELECT k.due_at FROM work k \
        WHERE k.handler = h.name AND k.crashes > 0 AND k.crashes + (k.lease IS NOT NULL)::int >= $8 AND k.due_at <= now() \
        AND (k.lease IS NULL OR ((SELECT mature FROM me) AND k.crashes + 1 < $9)) \
        ORDER BY k.due_at, k.key LIMIT 1) w), ",
    tail!(),
    "SELECT (SELECT count(*) FROM d) AS died, (SELECT due_at FROM s) AS suspect_due, (SELECT mature FROM me) AS mature, ",
    leased!()
);

/// `k`: the suspect that is due longest.
const LEASE_SUSPECT: &str = concat!(
    head!(),
    "p AS MATERIALIZED (SELECT w.* FROM h CROSS JOIN LATERAL (SELECT k.key, k.due_at, k.lease, k.worker, k.attempt \
        FROM work k WHERE k.handler = h.name AND k.crashes > 0 AND k.crashes + (k.lease IS NOT NULL)::int >= $8 \
        AND k.due_at <= now() AND (k.lease IS NULL OR ((SELECT mature FROM me) AND k.crashes + 1 < $9)) \
        ORDER BY k.due_at, k.key LIMIT 1 FOR UPDATE SKIP LOCKED) w), \
     k AS MATERIALIZED (SELECT p.* FROM p WHERE $13::bigint IS NOT NULL ORDER BY p.due_at, p.key LIMIT 1), ",
    tail!(),
    "SELECT ",
    leased!()
);

impl Postgres {
    pub(crate) async fn lease_due(&self, request: &LeaseRequest) -> Result<LeaseReply, Failure> {
        let wants = Wants::of(request);
        if wants.handlers.is_empty() {
            return Ok(LeaseReply::default());
        }
        self.refresh_floors(&wants.handlers).await?;
        let floors = self.floors().of(&wants.handlers);
        let rows = self
            .rows(Statement::write("leasing", LEASE), |binds| {
                wants.bind(binds, request, &floors);
            })
            .await?;
        let first = rows.first().ok_or(Failure::Sql(sqlx::Error::RowNotFound))?;
        let died = rows::big_number(first, "died")?;
        let suspect_due = rows::at_if(first, "suspect_due")?;
        let mature: bool = first.try_get("mature")?;
        let leased = in_turn(&rows, request)?;
        if mature {
            self.floors().leased(&oldest_of(&leased));
        }
        let first_due = leased.first().map(|(due, _)| *due);
        Ok(LeaseReply {
            suspect_first: suspect_due.is_some_and(|suspect| first_due.is_none_or(|due| suspect < due)),
            leased: leased.into_iter().map(|(_, leased)| leased).collect(),
            died,
        })
    }

    pub(crate) async fn lease_one_suspect(&self, request: &LeaseRequest) -> Result<Option<Leased>, Failure> {
        let wants = Wants::of(request);
        if wants.handlers.is_empty() {
            return Ok(None);
        }
        let floors = self.floors().of(&wants.handlers);
        let rows = self
            .rows(Statement::write("leasing a suspect", LEASE_SUSPECT), |binds| {
                wants.bind(binds, request, &floors);
            })
            .await?;
        Ok(in_turn(&rows, request)?.pop().map(|(_, leased)| leased))
    }
}

/// Handlers with room, one entry each.
struct Wants {
    handlers: Vec<Pattern>,
    limits: Vec<i32>,
}

impl Wants {
    fn of(request: &LeaseRequest) -> Self {
        let mut sums: BTreeMap<&Pattern, u32> = BTreeMap::new();
        for (handler, limit) in &request.wants {
            let sum = sums.entry(handler).or_default();
            *sum = sum.saturating_add(*limit);
        }
        let (handlers, limits) = sums
            .into_iter()
            .filter(|(_, limit)| *limit > 0)
            .map(|(handler, limit)| (handler.clone(), int(limit)))
            .unzip();
        Self { handlers, limits }
    }

    fn bind(&self, binds: &mut Binds, request: &LeaseRequest, floors: &[Floor]) {
        let names: Vec<&str> = self.handlers.iter().map(Pattern::as_str).collect();
        let column = |of: fn(&Floor) -> At| floors.iter().map(of).collect::<Vec<At>>();
        let death = crashed_too_often();
        binds
            .put(request.worker.0)
            .put(micros(request.lease_time))
            .put(names)
            .put(&self.limits)
            .put(column(|floor| floor.tight))
            .put(column(|floor| floor.safe))
            .put(column(|floor| floor.fresh_until))
            .put(int(SUSPECT_CRASHES))
            .put(int(FATAL_CRASHES))
            .put(&death.message)
            .put(death.cause())
            .put(request.token.0)
            .put(i64::try_from(request.max_bytes).unwrap_or(i64::MAX));
    }
}

/// The death of what ended its worker too often.
pub(crate) fn crashed_too_often() -> Death {
    Death::new(
        Reason::Crashed,
        format!("its worker's lease lapsed {FATAL_CRASHES} times"),
    )
}

/// The rows of an answer that bear an event, in the order in which they were due.
fn in_turn(rows: &[PgRow], request: &LeaseRequest) -> Result<Vec<(Timestamp, Leased)>, Failure> {
    let mut leased = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(was_due) = rows::at_if(row, "was_due")? else {
            continue;
        };
        leased.push((
            was_due,
            Leased {
                event: rows::event(row)?,
                handler: rows::pattern(row, "handler")?,
                token: request.token,
                attempt: rows::number(row, "attempt")?,
                base: rows::number(row, "base")?,
                crashes: rows::number(row, "crashes")?,
            },
        ));
    }
    leased.sort_by_key(|(due, leased)| (*due, leased.event.key));
    Ok(leased)
}

fn oldest_of(leased: &[(Timestamp, Leased)]) -> BTreeMap<Pattern, Timestamp> {
    let mut oldest = BTreeMap::new();
    for (due, leased) in leased {
        oldest.entry(leased.handler.clone()).or_insert(*due);
    }
    oldest
}
