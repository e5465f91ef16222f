//! Looks events, workers and the audit up.

use std::time::Duration;

use eventflow_core::{
    Attempt, AttemptResult, AuditEntry, EventFilter, EventKey, EventLine, EventRecord, EventState, Page, Pattern, Runs,
    Work, WorkerEntry, WorkerId,
};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::letters::death;
use crate::postgres::{Postgres, count, micros};
use crate::rows::{self, event_columns, event_columns_if};
use crate::types::{At, JsonRead};

/// $1 key.
const GET: &str = concat!(
    "SELECT ",
    event_columns!(),
    ", e.state AS end_state, e.admitted_at, e.copies_seen, \
     w.handler AS work_handler, w.due_at, w.lease, w.worker, w.attempt AS work_attempt, w.base, w.crashes AS work_crashes, \
     d.reason, d.message, d.cause, d.died_at, d.handler, d.attempt, d.crashes, d.requeues, d.original, \
     a.numbers, a.workers, a.ended, a.results, a.durations, a.errors, \
     ARRAY(SELECT r.key FROM dead_letters r WHERE r.original = $1 ORDER BY r.key) AS id_reused \
     FROM (SELECT * FROM events WHERE key = $1) e \
     LEFT JOIN LATERAL (SELECT * FROM work WHERE key = $1 OFFSET 0) w ON true \
     LEFT JOIN LATERAL (SELECT * FROM dead_letters WHERE key = $1 OFFSET 0) d ON true \
     CROSS JOIN LATERAL (SELECT \
        array_agg(t.number ORDER BY t.ended_at, t.number) AS numbers, \
        array_agg(t.worker ORDER BY t.ended_at, t.number) AS workers, \
        array_agg(t.ended_at ORDER BY t.ended_at, t.number) AS ended, \
        array_agg(t.result ORDER BY t.ended_at, t.number) AS results, \
        array_agg(t.duration_us ORDER BY t.ended_at, t.number) AS durations, \
        array_agg(t.error ORDER BY t.ended_at, t.number) AS errors \
        FROM attempts t WHERE t.key = $1) a"
);

/// How many rows the statements of a list look at: a filter that little fits is spread over several, each short.
const FIRST_SCAN: i64 = 1_000;
const LONGEST_SCAN: i64 = 20_000;

/// $1 behind this key, $2 limit, $3 payload, $4 source, $5 type, $6 state, $7 from, $8 until, $9 rows to look at.
/// Every row names the last key looked at, where there may be more. `s` comes in key order and is read in it, so that
/// `m` stops at the limit. `$runs` and `$history` tell of the rows of `m` alone what their history comes to, or are empty.
macro_rules! list {
    ($scan:literal, $runs:literal, $history:literal) => {
        concat!(
            "WITH s AS MATERIALIZED (",
            $scan,
            "), m AS MATERIALIZED (SELECT ",
            event_columns_if!("$3"),
            ", e.copies_seen, e.admitted_at, \
             CASE WHEN w.key IS NULL THEN e.state WHEN w.lease IS NULL THEN 'due' ELSE 'running' END AS now_state \
             FROM s CROSS JOIN LATERAL (SELECT * FROM events x WHERE x.key = s.key \
               AND ($4::text IS NULL OR x.source = $4) AND ($5::text IS NULL OR x.type = $5) \
               AND ($7::timestamptz IS NULL OR x.received_at >= $7) AND ($8::timestamptz IS NULL OR x.received_at < $8) OFFSET 0) e \
             LEFT JOIN LATERAL (SELECT k.key, k.lease FROM work k WHERE k.key = s.key OFFSET 0) w ON true \
             WHERE $6::text IS NULL OR CASE WHEN w.key IS NULL THEN e.state WHEN w.lease IS NULL THEN 'due' ELSE 'running' END = $6 \
             LIMIT $2) \
             SELECT m.*, ",
            $runs,
            "l.last_key FROM (SELECT (SELECT key FROM s OFFSET greatest($9 - 1, 0) LIMIT 1) AS last_key) l \
             LEFT JOIN m ON true ",
            $history,
            "ORDER BY m.key"
        )
    };
}

/// A list without and with what the history of each event comes to.
macro_rules! lists {
    ($scan:literal) => {
        [
            list!($scan, "", ""),
            list!(
                $scan,
                "a.done_runs, a.attempts, a.last_ended_at, ",
                "LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE t.result = 'done') AS done_runs, \
                   count(*) FILTER (WHERE t.result <> 'crashed') AS attempts, max(t.ended_at) AS last_ended_at \
                   FROM attempts t WHERE t.key = m.key) a ON true "
            ),
        ]
    };
}

const LIST_ALL: [&str; 2] = lists!("SELECT key FROM events WHERE key > $1 ORDER BY key LIMIT $9");
const LIST_UNFINISHED: [&str; 2] = lists!("SELECT key FROM work WHERE key > $1 ORDER BY key LIMIT $9");
const LIST_LETTERS: [&str; 2] = lists!("SELECT key FROM dead_letters WHERE key > $1 ORDER BY key LIMIT $9");

/// $1 behind this number, $2 limit.
const AUDIT: &str = "SELECT seq, at, actor, action, subject, job FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";

/// $1 lease time.
const WORKERS: &str = "SELECT w.worker, w.name, w.patterns, w.joined_at, w.renewed_at, w.beat, \
    w.renewed_at > now() - $1 * interval '1 microsecond' AS living, \
    (SELECT count(*) FROM work k WHERE k.worker = w.worker AND k.due_at >= w.kept_from) AS running FROM workers w ORDER BY w.worker";

/// How far the next statement of a list looks: as far as the page where everything fits, else further each time.
pub(crate) struct Scan(i64);

impl Scan {
    pub(crate) fn new(all_fit: bool, limit: u32) -> Self {
        let limit = i64::from(limit);
        Self(if all_fit {
            limit
        } else {
            limit.clamp(FIRST_SCAN, LONGEST_SCAN)
        })
    }

    pub(crate) fn next(&mut self) -> i64 {
        let scan = self.0;
        self.0 = (scan * 4).min(LONGEST_SCAN).max(scan);
        scan
    }
}

impl Postgres {
    pub(crate) async fn find(&self, key: EventKey) -> Result<Option<EventRecord>, Failure> {
        let rows = self
            .rows(Statement::read("looking an event up", GET), |binds| {
                binds.put(key.uuid());
            })
            .await?;
        rows.first().map(record).transpose()
    }

    pub(crate) async fn list_events(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, Failure> {
        let [plain, with_runs] = match filter.state {
            Some(EventState::Queued) => return Ok(Vec::new()),
            Some(EventState::Due | EventState::Running) => LIST_UNFINISHED,
            Some(EventState::Dead | EventState::Discarded) => LIST_LETTERS,
            Some(EventState::Done) | None => LIST_ALL,
        };
        let sql = if page.with_runs { with_runs } else { plain };
        let mut lines: Vec<EventLine> = Vec::new();
        let mut after = page.after.map_or(Uuid::nil(), EventKey::uuid);
        let mut scan = Scan::new(*filter == EventFilter::default(), page.limit);
        loop {
            let missing = i64::from(page.limit) - i64::try_from(lines.len()).unwrap_or(i64::MAX);
            if missing <= 0 {
                return Ok(lines);
            }
            let looked_at = scan.next();
            let rows = self
                .rows(Statement::read("listing events", sql), |binds| {
                    binds
                        .put(after)
                        .put(missing)
                        .put(page.with_data)
                        .put(filter.source.as_deref())
                        .put(filter.event_type.as_deref())
                        .put(filter.state.map(EventState::as_str))
                        .put(filter.from.map(At))
                        .put(filter.until.map(At))
                        .put(looked_at);
                })
                .await?;
            for row in &rows {
                lines.extend(line(row, page.with_runs)?);
            }
            let last: Option<Uuid> = rows.first().map(|row| row.try_get("last_key")).transpose()?.flatten();
            match last {
                Some(last) => after = last,
                None => return Ok(lines),
            }
        }
    }

    pub(crate) async fn read_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, Failure> {
        let rows = self
            .rows(Statement::read("reading the audit", AUDIT), |binds| {
                binds.put(after).put(i64::from(limit));
            })
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuditEntry {
                    seq: row.try_get("seq")?,
                    at: rows::at(row, "at")?,
                    actor: row.try_get("actor")?,
                    action: row.try_get("action")?,
                    subject: row.try_get("subject")?,
                    job: row.try_get("job")?,
                })
            })
            .collect()
    }

    pub(crate) async fn list_workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, Failure> {
        let rows = self
            .rows(Statement::read("listing workers", WORKERS), |binds| {
                binds.put(micros(lease_time));
            })
            .await?;
        rows.iter().map(worker).collect()
    }
}

fn worker(row: &PgRow) -> Result<WorkerEntry, Failure> {
    let patterns: Vec<String> = row.try_get("patterns")?;
    let beat: Option<JsonRead> = row.try_get("beat")?;
    Ok(WorkerEntry {
        worker: WorkerId(row.try_get("worker")?),
        name: row.try_get("name")?,
        patterns: patterns
            .iter()
            .map(|name| rows::parse_pattern(name))
            .collect::<Result<Vec<Pattern>, Failure>>()?,
        joined_at: rows::at(row, "joined_at")?,
        renewed_at: rows::at(row, "renewed_at")?,
        living: row.try_get("living")?,
        running: rows::big_number(row, "running")?,
        beat: beat.map(rows::json_text).transpose()?,
    })
}

/// A line of a list; none for the row that only says where a statement stopped.
fn line(row: &PgRow, with_runs: bool) -> Result<Option<EventLine>, Failure> {
    let state: Option<&str> = row.try_get("now_state")?;
    let Some(state) = state else { return Ok(None) };
    Ok(Some(EventLine {
        event: rows::event(row)?,
        state: parse_state(state)?,
        copies_seen: rows::number(row, "copies_seen")?.into(),
        admitted_at: rows::at(row, "admitted_at")?,
        runs: with_runs.then(|| runs(row)).transpose()?,
    }))
}

fn runs(row: &PgRow) -> Result<Runs, Failure> {
    Ok(Runs {
        done: count(row.try_get::<i64, _>("done_runs")?),
        attempts: count(row.try_get::<i64, _>("attempts")?),
        last_ended_at: rows::at_if(row, "last_ended_at")?,
    })
}

fn parse_state(name: &str) -> Result<EventState, Failure> {
    EventState::parse(name).ok_or_else(|| Failure::Unreadable(format!("the state `{name}`")))
}

fn record(row: &PgRow) -> Result<EventRecord, Failure> {
    let work = work(row)?;
    let leased = row.try_get::<Option<Uuid>, _>("lease")?.is_some();
    let state = match &work {
        None => parse_state(row.try_get("end_state")?)?,
        Some(_) if leased => EventState::Running,
        Some(_) => EventState::Due,
    };
    let is_letter = row.try_get::<Option<&str>, _>("reason")?.is_some();
    let id_reused: Vec<Uuid> = row.try_get("id_reused")?;
    Ok(EventRecord {
        event: rows::event(row)?,
        state,
        admitted_at: rows::at(row, "admitted_at")?,
        copies_seen: rows::number(row, "copies_seen")?.into(),
        work,
        attempts: attempts(row)?,
        death: is_letter.then(|| death(row)).transpose()?,
        id_reused: id_reused.into_iter().map(EventKey::from_uuid).collect(),
    })
}

fn work(row: &PgRow) -> Result<Option<Work>, Failure> {
    let handler: Option<&str> = row.try_get("work_handler")?;
    let Some(handler) = handler else { return Ok(None) };
    Ok(Some(Work {
        handler: rows::parse_pattern(handler)?,
        due_at: rows::at(row, "due_at")?,
        worker: rows::worker_if(row, "worker")?,
        attempt: rows::number(row, "work_attempt")?,
        base: rows::number(row, "base")?,
        crashes: rows::number(row, "work_crashes")?,
    }))
}

fn attempts(row: &PgRow) -> Result<Vec<Attempt>, Failure> {
    let numbers: Option<Vec<i32>> = row.try_get("numbers")?;
    let Some(numbers) = numbers else { return Ok(Vec::new()) };
    let workers: Vec<Uuid> = row.try_get("workers")?;
    let ended: Vec<At> = row.try_get("ended")?;
    let results: Vec<String> = row.try_get("results")?;
    let durations: Vec<Option<i64>> = row.try_get("durations")?;
    let errors: Vec<Option<String>> = row.try_get("errors")?;
    numbers
        .into_iter()
        .zip(workers)
        .zip(ended)
        .zip(results)
        .zip(durations)
        .zip(errors)
        .map(|(((((number, worker), At(ended_at)), result), duration), error)| {
            Ok(Attempt {
                number: count(number),
                worker: WorkerId(worker),
                ended_at,
                result: AttemptResult::parse(&result)
                    .ok_or_else(|| Failure::Unreadable(format!("the result `{result}`")))?,
                duration: duration.map(|us| Duration::from_micros(count(us))),
                error,
            })
        })
        .collect()
}
