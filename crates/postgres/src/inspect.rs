//! Asks the server how it is: the settings on which durability rests, and what slows it down.

use std::time::Duration;

use eventflow_core::{Finding, Inspection};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::{Instant, timeout};

use crate::error::Failure;
use crate::postgres::{Postgres, count};
use crate::session;

const INSPECT: &str = "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, \
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('full_page_writes') AS full_page_writes, \
    current_setting('transaction_read_only') AS read_only, pg_is_in_recovery() AS in_recovery, \
    (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)::bigint FROM pg_stat_activity a \
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
      AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)) AS oldest_transaction, \
    (SELECT s.n_dead_tup FROM pg_stat_all_tables s WHERE s.relid = to_regclass('work')) AS dead_rows, \
    (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database()) AS sessions, \
    current_setting('max_connections') AS max_connections";

impl Postgres {
    pub(crate) async fn inspect_server(&self, deadline: Duration) -> Result<Inspection, Failure> {
        timeout(deadline, self.ask())
            .await
            .map_err(|_| Failure::TimedOut(deadline))?
    }

    async fn ask(&self) -> Result<Inspection, Failure> {
        if self.gate().pass().is_err() {
            // What was set for a role or a database shows in new sessions only.
            self.pool().discard_idle();
        }
        loop {
            let mut held = self.pool().acquire().await?;
            let asked = Instant::now();
            match sqlx::query(INSPECT).fetch_one(&mut held.connection).await {
                Ok(row) => {
                    let round_trip = asked.elapsed();
                    held.give_back();
                    return self.inspection(&row, round_trip);
                }
                // It broke while it was idle.
                Err(_) if held.reused => self.pool().discard_idle(),
                Err(error) => return Err(Failure::Sql(error)),
            }
        }
    }

    fn inspection(&self, row: &PgRow, round_trip: Duration) -> Result<Inspection, Failure> {
        let safety = session::safety(row)?;
        self.gate().judge(&safety);
        let mut findings = self.gate().findings(&safety);
        findings.extend(unwritable(row)?);
        let version: String = row.try_get("version")?;
        Ok(Inspection {
            version: format!("PostgreSQL {version}"),
            level: Some(safety.level()),
            findings,
            round_trip_us: count(round_trip.as_micros()),
            facts: facts(row)?,
        })
    }
}

fn unwritable(row: &PgRow) -> Result<Option<Finding>, Failure> {
    let in_recovery: bool = row.try_get("in_recovery")?;
    let read_only: &str = row.try_get("read_only")?;
    if in_recovery {
        return Ok(Some(Finding {
            problem: "this PostgreSQL is a standby and takes no writes".into(),
            remedy: vec!["name the primary in the store's URL, or promote this one: SELECT pg_promote();".into()],
        }));
    }
    Ok((read_only == "on").then(|| Finding {
        problem: "this PostgreSQL is read-only".into(),
        remedy: vec![
            "ALTER SYSTEM SET default_transaction_read_only = off;".into(),
            "SELECT pg_reload_conf();".into(),
            "-- and, where a role or a database sets it: ALTER ROLE … RESET default_transaction_read_only;".into(),
        ],
    }))
}

fn facts(row: &PgRow) -> Result<Vec<(String, String)>, Failure> {
    let mut facts = Vec::new();
    for name in [
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "read_only",
        "max_connections",
    ] {
        facts.push((name.to_owned(), row.try_get(name)?));
    }
    let in_recovery: bool = row.try_get("in_recovery")?;
    let oldest: i64 = row.try_get("oldest_transaction")?;
    let dead: Option<i64> = row.try_get("dead_rows")?;
    let sessions: i64 = row.try_get("sessions")?;
    facts.push(("in_recovery".to_owned(), in_recovery.to_string()));
    facts.push(("oldest_transaction_seconds".to_owned(), oldest.to_string()));
    facts.push((
        "work_dead_rows".to_owned(),
        dead.map_or_else(|| "?".to_owned(), |dead| dead.to_string()),
    ));
    facts.push(("sessions".to_owned(), sessions.to_string()));
    Ok(facts)
}
