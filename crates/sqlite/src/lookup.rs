//! One event with all that is known of it, and lists in key order.

use eventflow_core::{
    Attempt, AttemptResult, DeathRecord, EventFilter, EventKey, EventLine, EventRecord, EventState, Letter,
    LetterFilter, Page, Runs, Timestamp, Work,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::error::Failure;
use crate::rows::{
    DEATH, EVENT, EVENT_WIDTH, EVENT_WITHOUT_DATA, count_at, death_of, duration_at, event_of, key_at, moment_at,
    moment_if, pattern_of, total_at, worker_at,
};
use crate::sql::statement;

/// What tells an event's true state.
const STATE: &str =
    "CASE WHEN w.key IS NULL THEN e.state WHEN w.lease IS NULL THEN 'due' ELSE 'running' END, e.copies_seen";

/// All about one event. To be called within a transaction.
pub(crate) async fn get(connection: &mut SqliteConnection, key: EventKey) -> Result<Option<EventRecord>, Failure> {
    let select = statement(format!(
        "SELECT {EVENT}, {STATE}, e.admitted_at, w.handler, w.due_at, w.worker, w.attempt, w.base, w.crashes \
         FROM events e LEFT JOIN work w ON w.key = e.key WHERE e.key = ?"
    ))
    .bind(key.uuid());
    let Some(row) = select.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    Ok(Some(EventRecord {
        event: event_of(&row)?,
        state: state_at(&row, EVENT_WIDTH)?,
        copies_seen: total_at(&row, EVENT_WIDTH + 1)?,
        admitted_at: moment_at(&row, EVENT_WIDTH + 2)?,
        work: work_of(&row, EVENT_WIDTH + 3)?,
        attempts: attempts(connection, key).await?,
        death: death(connection, key).await?,
        id_reused: id_reused(connection, key).await?,
    }))
}

fn state_at(row: &SqliteRow, column: usize) -> Result<EventState, Failure> {
    EventState::parse(row.try_get(column)?).ok_or(Failure::Unreadable("state of an event"))
}

fn work_of(row: &SqliteRow, from: usize) -> Result<Option<Work>, Failure> {
    let Some(handler) = row.try_get::<Option<String>, _>(from)? else {
        return Ok(None);
    };
    Ok(Some(Work {
        handler: pattern_of(handler)?,
        due_at: moment_at(row, from + 1)?,
        worker: worker_at(row, from + 2)?,
        attempt: count_at(row, from + 3)?,
        base: count_at(row, from + 4)?,
        crashes: count_at(row, from + 5)?,
    }))
}

async fn attempts(connection: &mut SqliteConnection, key: EventKey) -> Result<Vec<Attempt>, Failure> {
    let rows = sqlx::query(
        "SELECT number, worker, ended_at, result, duration, error FROM attempts WHERE key = ? \
         ORDER BY ended_at, number, nth = 0, nth",
    )
    .bind(key.uuid())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Attempt {
                number: count_at(row, 0)?,
                worker: worker_at(row, 1)?.ok_or(Failure::Unreadable("worker of an attempt"))?,
                ended_at: moment_at(row, 2)?,
                result: AttemptResult::parse(row.try_get(3)?).ok_or(Failure::Unreadable("result of an attempt"))?,
                duration: duration_at(row, 4)?,
                error: row.try_get(5)?,
            })
        })
        .collect()
}

async fn death(connection: &mut SqliteConnection, key: EventKey) -> Result<Option<DeathRecord>, Failure> {
    let select = statement(format!("SELECT {DEATH} FROM dead_letters d WHERE d.key = ?")).bind(key.uuid());
    let row = select.fetch_optional(connection).await?;
    row.map(|row| death_of(&row, 0)).transpose()
}

async fn id_reused(connection: &mut SqliteConnection, key: EventKey) -> Result<Vec<EventKey>, Failure> {
    let rows = sqlx::query("SELECT key FROM dead_letters WHERE original = ? ORDER BY key")
        .bind(key.uuid())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| key_at(row, 0)).collect()
}

/// What a history comes to, row by row of the page alone.
const RUNS: &str = ", (SELECT count(*) FROM attempts a WHERE a.key = e.key AND a.result = 'done'), \
     (SELECT count(*) FROM attempts a WHERE a.key = e.key AND a.result <> 'crashed'), \
     (SELECT max(a.ended_at) FROM attempts a WHERE a.key = e.key)";

/// A page of events.
pub(crate) async fn list(
    connection: &mut SqliteConnection,
    filter: &EventFilter,
    page: Page,
) -> Result<Vec<EventLine>, Failure> {
    // What is rare is walked along its own table, so that a page of it does not read all of history.
    let (from, key, state) = match filter.state {
        Some(EventState::Queued) => return Ok(Vec::new()),
        None => (EVENTS, "e.key", "true"),
        Some(EventState::Done) => (EVENTS, "e.key", "w.key IS NULL AND e.state = 'done'"),
        Some(EventState::Due) => (WORK, "w.key", "w.lease IS NULL"),
        Some(EventState::Running) => (RUNNING, "w.key", "w.lease IS NOT NULL"),
        Some(EventState::Dead) => (DEAD_LETTERS, "d.key", "d.discarded = 0"),
        Some(EventState::Discarded) => (DEAD_LETTERS, "d.key", "d.discarded = 1"),
    };
    let select = statement(format!(
        "SELECT {}, {STATE}, e.admitted_at{} FROM {from} WHERE {key} > ?1 AND {state} AND (?3 IS NULL OR e.source = ?3) AND (?4 IS NULL OR e.type = ?4) \
         AND (?5 IS NULL OR e.received_at >= ?5) AND (?6 IS NULL OR e.received_at < ?6) ORDER BY {key} LIMIT ?2",
        columns(page),
        if page.with_runs { RUNS } else { "" }
    ))
    .bind(after(page))
    .bind(i64::from(page.limit))
    .bind(filter.source.clone())
    .bind(filter.event_type.clone())
    .bind(filter.from.map(Timestamp::as_micros))
    .bind(filter.until.map(Timestamp::as_micros));
    let rows = select.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(EventLine {
                event: event_of(row)?,
                state: state_at(row, EVENT_WIDTH)?,
                copies_seen: total_at(row, EVENT_WIDTH + 1)?,
                admitted_at: moment_at(row, EVENT_WIDTH + 2)?,
                runs: page.with_runs.then(|| runs_at(row, EVENT_WIDTH + 3)).transpose()?,
            })
        })
        .collect()
}

fn runs_at(row: &SqliteRow, from: usize) -> Result<Runs, Failure> {
    Ok(Runs {
        done: count_at(row, from)?,
        attempts: count_at(row, from + 1)?,
        last_ended_at: moment_if(row, from + 2)?,
    })
}

const EVENTS: &str = "events e LEFT JOIN work w ON w.key = e.key";
const WORK: &str = "work w CROSS JOIN events e ON e.key = w.key";
const RUNNING: &str = "work w INDEXED BY work_leased CROSS JOIN events e ON e.key = w.key";
const DEAD_LETTERS: &str = "dead_letters d INDEXED BY dead_letters_listed CROSS JOIN events e ON e.key = d.key \
     LEFT JOIN work w ON w.key = e.key";

fn columns(page: Page) -> &'static str {
    if page.with_data { EVENT } else { EVENT_WITHOUT_DATA }
}

/// The key to begin behind; nothing sorts before all keys.
fn after(page: Page) -> Vec<u8> {
    page.after.map_or_else(Vec::new, |key| key.uuid().as_bytes().to_vec())
}

/// A page of dead letters.
pub(crate) async fn letters(
    connection: &mut SqliteConnection,
    filter: &LetterFilter,
    page: Page,
) -> Result<Vec<Letter>, Failure> {
    let select = statement(format!(
        "SELECT {}, {DEATH} FROM dead_letters d INDEXED BY dead_letters_listed CROSS JOIN events e ON e.key = d.key \
         WHERE d.key > ?1 AND d.discarded = ?3 AND (?4 IS NULL OR e.source = ?4) AND (?5 IS NULL OR e.type = ?5) \
         AND (?6 IS NULL OR d.reason = ?6) AND (?7 IS NULL OR d.cause = ?7) AND (?8 IS NULL OR d.died_at >= ?8) \
         AND (?9 IS NULL OR d.died_at < ?9) ORDER BY d.key LIMIT ?2",
        columns(page)
    ))
    .bind(after(page))
    .bind(i64::from(page.limit))
    .bind(filter.discarded)
    .bind(filter.source.clone())
    .bind(filter.event_type.clone())
    .bind(filter.reason.map(eventflow_core::Reason::as_str))
    .bind(filter.cause.clone())
    .bind(filter.from.map(Timestamp::as_micros))
    .bind(filter.until.map(Timestamp::as_micros));
    let rows = select.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Letter {
                event: event_of(row)?,
                death: death_of(row, EVENT_WIDTH)?,
            })
        })
        .collect()
}

/// How many letters there are: dead, and discarded.
pub(crate) async fn letter_counts(connection: &mut SqliteConnection) -> Result<(u64, u64), Failure> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM dead_letters WHERE discarded = 0), \
         (SELECT count(*) FROM dead_letters WHERE discarded = 1)",
    )
    .fetch_one(connection)
    .await?;
    Ok((total_at(&row, 0)?, total_at(&row, 1)?))
}
