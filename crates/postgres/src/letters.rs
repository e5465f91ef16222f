//! Dead letters as an operator reads them.

use eventflow_core::{DeathRecord, EventKey, Letter, LetterFilter, Page, Reason};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::call::Statement;
use crate::error::Failure;
use crate::lookups::Scan;
use crate::postgres::Postgres;
use crate::rows::{self, event_columns_if};
use crate::types::At;

/// $1 behind this key, $2 limit, $3 payload, $4 discarded, $5 type, $6 source, $7 reason, $8 cause, $9 from, $10 until,
/// $11 rows to look at. Every row names the last key looked at, where there may be more.
const LETTERS: &str = concat!(
    "WITH s AS MATERIALIZED (SELECT * FROM dead_letters WHERE key > $1 ORDER BY key LIMIT $11), \
     m AS MATERIALIZED (SELECT ",
    event_columns_if!("$3"),
    ", s.reason, s.message, s.cause, s.died_at, s.handler, s.attempt, s.crashes, s.requeues, s.original FROM s \
     CROSS JOIN LATERAL (SELECT * FROM events x WHERE x.key = s.key \
       AND ($5::text IS NULL OR x.type = $5) AND ($6::text IS NULL OR x.source = $6) OFFSET 0) e \
     WHERE s.discarded = $4 AND ($7::text IS NULL OR s.reason = $7) AND ($8::text IS NULL OR s.cause = $8) \
       AND ($9::timestamptz IS NULL OR s.died_at >= $9) AND ($10::timestamptz IS NULL OR s.died_at < $10) \
     LIMIT $2) \
     SELECT m.*, l.last_key FROM (SELECT (SELECT key FROM s OFFSET greatest($11 - 1, 0) LIMIT 1) AS last_key) l \
     LEFT JOIN m ON true ORDER BY m.key"
);

const COUNTS: &str = "SELECT count(*) FILTER (WHERE NOT discarded) AS dead, \
    count(*) FILTER (WHERE discarded) AS discarded FROM dead_letters";

impl Postgres {
    pub(crate) async fn list_letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, Failure> {
        let mut letters: Vec<Letter> = Vec::new();
        let mut after = page.after.map_or(Uuid::nil(), EventKey::uuid);
        let mut scan = Scan::new(false, page.limit);
        loop {
            let missing = i64::from(page.limit) - i64::try_from(letters.len()).unwrap_or(i64::MAX);
            if missing <= 0 {
                return Ok(letters);
            }
            let looked_at = scan.next();
            let rows = self
                .rows(Statement::read("listing dead letters", LETTERS), |binds| {
                    binds
                        .put(after)
                        .put(missing)
                        .put(page.with_data)
                        .put(filter.discarded)
                        .put(filter.event_type.as_deref())
                        .put(filter.source.as_deref())
                        .put(filter.reason.map(Reason::as_str))
                        .put(filter.cause.as_deref())
                        .put(filter.from.map(At))
                        .put(filter.until.map(At))
                        .put(looked_at);
                })
                .await?;
            for row in &rows {
                if row.try_get::<Option<&str>, _>("reason")?.is_some() {
                    letters.push(Letter {
                        event: rows::event(row)?,
                        death: death(row)?,
                    });
                }
            }
            let last: Option<Uuid> = rows.first().map(|row| row.try_get("last_key")).transpose()?.flatten();
            match last {
                Some(last) => after = last,
                None => return Ok(letters),
            }
        }
    }

    pub(crate) async fn count_letters(&self) -> Result<(u64, u64), Failure> {
        let row = self
            .row(Statement::read("counting dead letters", COUNTS), |_| ())
            .await?;
        Ok((rows::big_number(&row, "dead")?, rows::big_number(&row, "discarded")?))
    }
}

/// Reads a death.
pub(crate) fn death(row: &PgRow) -> Result<DeathRecord, Failure> {
    let reason: &str = row.try_get("reason")?;
    let handler: Option<&str> = row.try_get("handler")?;
    let original: Option<Uuid> = row.try_get("original")?;
    Ok(DeathRecord {
        reason: Reason::parse(reason).ok_or_else(|| Failure::Unreadable(format!("the reason `{reason}`")))?,
        message: row.try_get("message")?,
        cause: row.try_get("cause")?,
        died_at: rows::at(row, "died_at")?,
        handler: handler.map(rows::parse_pattern).transpose()?,
        attempt: rows::number(row, "attempt")?,
        crashes: rows::number(row, "crashes")?,
        requeues: rows::number(row, "requeues")?,
        original: original.map(EventKey::from_uuid),
    })
}
