//! Fills a ledger by SQL with what would take too long to send: events that wait, and events of long ago.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};

use crate::rigs;
use crate::world::World;

/// Rows of one statement.
const ROWS: u64 = 200_000;
/// The milliseconds since 1970 from which on the keys of filled events count up: some day of 2021.
const LONG_AGO: u64 = 1_620_000_000_000;

/// The columns of an event that is stored, as many as the order has and as long.
const EVENT: &str = "INSERT INTO events (key, source, id, id_given, type, time, received_at, admitted_at, correlation_id, \
    fingerprint, data, state, copies_seen) \
    SELECT k.key, 'checkout', k.key::text, false, '{type}', now(), now(), now(), 'c-0123456789', \
    decode(md5(k.key::text), 'hex'), '{\"order_id\":\"o-10000001\",\"customer\":{\"id\":\"c-4711\",\"country\":\"DE\"},\
\"items\":[{\"sku\":\"A-100\",\"quantity\":1,\"price\":99.95},{\"sku\":\"B-200\",\"quantity\":2,\"price\":15.00}],\
\"total\":129.95,\"currency\":\"EUR\"}', 'done', 0 FROM k";
/// One row of `work` for each: due since an hour, one a microsecond.
const WORK: &str = "INSERT INTO work (key, handler, due_at, attempt, base, crashes, requeues, weight, reopened) \
    SELECT k.key, '{handler}', now() - interval '1 hour' + k.n * interval '1 microsecond', 0, 0, 0, 0, 600, false FROM k";
/// Keys that sort by time, as those of ids that do.
const KEYS: &str = "WITH k AS MATERIALIZED (SELECT n, (lpad(to_hex({base} + n), 12, '0') || '8' || substr(md5(n::text), 1, 3) \
    || '8' || substr(md5(n::text), 4, 15))::uuid AS key FROM generate_series({first}::bigint, {last}::bigint) n)";

impl World {
    /// Makes a database and works on it from now on.
    pub(crate) fn use_database(&mut self, name: &str) -> Result<()> {
        self.postgres.create_database(name)?;
        name.clone_into(&mut self.database);
        Ok(())
    }

    /// Makes so many events wait for a handler.
    pub(crate) fn fill_due(&self, handler: &str, rows: u64) -> Result<()> {
        let event_type = handler.replace('*', "fill");
        let event = EVENT.replace("{type}", &event_type);
        let work = WORK.replace("{handler}", handler);
        self.fill(rows, |keys| format!("{keys}, e AS ({event}) {work}"))
    }

    /// Stores so many events of long ago.
    pub(crate) fn fill_history(&self, rows: u64) -> Result<()> {
        let event = EVENT.replace("{type}", "order.created");
        self.fill(rows, |keys| format!("{keys} {event}"))
    }

    /// Fills in steps, then has all of it vacuumed and analysed, so that none of that falls into a measurement.
    fn fill(&self, rows: u64, statement: impl Fn(&str) -> String) -> Result<()> {
        for first in (0..rows).step_by(usize::try_from(ROWS)?) {
            let last = (first + ROWS).min(rows) - 1;
            let keys = KEYS
                .replace("{base}", &LONG_AGO.to_string())
                .replace("{first}", &first.to_string())
                .replace("{last}", &last.to_string());
            self.sql(&statement(&keys))?;
        }
        let url = self.store_url();
        rigs::block_on(async {
            let mut session = PgConnection::connect(&url).await?;
            sqlx::query("VACUUM (ANALYZE) events, work")
                .execute(&mut session)
                .await?;
            Ok(session.close().await?)
        })?;
        self.settle_down()
    }
}
