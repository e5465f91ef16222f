//! Opens a session: time-outs that keep a stopped client from holding up others, and plans that do not depend on statistics.

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::error::Failure;
use crate::gate::{Gate, Safety};

/// What every session sets.
///
/// A join of two sets in memory is a hash join, whatever the statistics say of them; a table is entered through an index
/// only, by `= ANY(ARRAY(…))` or by a LATERAL that cannot be pulled up. A plan that was made while `work` was nearly
/// empty stays right when a million rows wait.
const SETTINGS: [(&str, &str); 12] = [
    ("lock_timeout", "2s"),
    ("statement_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "2s"),
    ("tcp_user_timeout", "3s"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_sort", "off"),
    ("enable_mergejoin", "off"),
    ("enable_nestloop", "off"),
    ("default_transaction_isolation", "read committed"),
];

const SET: &str = "SELECT set_config(s.name, s.value, false) FROM unnest($1::text[], $2::text[]) AS s(name, value)";

const SAFETY: &str = "SELECT current_setting('fsync') AS fsync, \
    current_setting('synchronous_commit') AS synchronous_commit, \
    current_setting('full_page_writes') AS full_page_writes";

/// Opens a session and judges the server by it, before anything is written there.
pub(crate) async fn open(options: &PgConnectOptions, setup: &[String], gate: &Gate) -> Result<PgConnection, Failure> {
    let mut connection = PgConnection::connect_with(options).await?;
    let (names, values): (Vec<&str>, Vec<&str>) = SETTINGS.into_iter().unzip();
    sqlx::query(SET)
        .bind(names)
        .bind(values)
        .fetch_all(&mut connection)
        .await?;
    for statement in setup {
        sqlx::raw_sql(AssertSqlSafe(statement.clone()))
            .execute(&mut connection)
            .await?;
    }
    let row = sqlx::query(SAFETY).fetch_one(&mut connection).await?;
    gate.judge(&safety(&row)?);
    Ok(connection)
}

/// Reads the settings on which durability rests.
pub(crate) fn safety(row: &PgRow) -> Result<Safety, sqlx::Error> {
    Ok(Safety {
        fsync: row.try_get("fsync")?,
        synchronous_commit: row.try_get("synchronous_commit")?,
        full_page_writes: row.try_get("full_page_writes")?,
    })
}
