//! The handler list: who joins, and what it reads.

use std::collections::BTreeSet;
use std::time::Duration;

use eventflow_core::{HandlerEntry, Pattern, Registered, Registration, Registry, RegistryVersion, first_tie};
use sqlx::Row;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::Postgres;
use crate::postgres::micros;
use crate::rows;

/// $1 lease time. One row a handler; one with no handler where there is none.
const REGISTRY: &str = "SELECT l.version, l.joins, l.paused AS all_paused, h.pattern, h.paused, h.due, h.running, \
    h.oldest_due, h.counted_at, (SELECT count(*) FROM workers w WHERE h.pattern = ANY (w.patterns) \
      AND w.renewed_at > now() - $1 * interval '1 microsecond') AS carriers \
    FROM handler_list l LEFT JOIN handlers h ON true";

/// $1 version, $2 missing patterns, $3 worker, $4 name, $5 its patterns. Nothing where the version has moved on.
///
/// The lock lets it through between admissions, which hold it shared; the row that it updates is what they read.
const REGISTER: &str = "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock(7310040801)), \
l AS (UPDATE handler_list t SET version = t.version + (cardinality($2::text[]) > 0)::int, joins = t.joins + 1 \
    FROM gate WHERE t.version = $1 RETURNING t.version), \
h AS (INSERT INTO handlers (pattern, paused, due, running) SELECT p.pattern, false, 0, 0 \
    FROM unnest($2::text[]) AS p(pattern) WHERE EXISTS (SELECT FROM l) ON CONFLICT (pattern) DO NOTHING), \
w AS (INSERT INTO workers AS t (worker, name, patterns, joined_at, renewed_at, unbroken_since, kept_from) \
    SELECT $3, $4, $5, now(), now(), now(), '-infinity' FROM l \
    ON CONFLICT (worker) DO UPDATE SET name = excluded.name, patterns = excluded.patterns, \
      joined_at = excluded.joined_at, renewed_at = excluded.renewed_at, unbroken_since = excluded.unbroken_since, \
      kept_from = excluded.kept_from) \
SELECT version FROM l";

/// How often a registration begins anew because the list changed under it.
const ROUNDS: usize = 20;
/// By which the carriers in the answer to a registration are counted.
const LEASE_TIME: Duration = Duration::from_secs(15);

impl Postgres {
    pub(crate) async fn register_worker(&self, registration: &Registration) -> Result<Registered, Failure> {
        let carried: BTreeSet<&Pattern> = registration.patterns.iter().collect();
        for _ in 0..ROUNDS {
            let (list, _) = self.read_registry(LEASE_TIME).await?;
            let known: BTreeSet<&Pattern> = list.handlers.iter().map(|handler| &handler.pattern).collect();
            let united: Vec<&Pattern> = known.union(&carried).copied().collect();
            if let Some((a, b)) = first_tie(&united) {
                return Ok(Registered::Tie(a.clone(), b.clone()));
            }
            let missing: Vec<&str> = carried.difference(&known).map(|pattern| pattern.as_str()).collect();
            let patterns: Vec<&str> = carried.iter().map(|pattern| pattern.as_str()).collect();
            let joined = self
                .rows(Statement::write("joining the list of workers", REGISTER), |binds| {
                    binds
                        .put(list.version.0)
                        .put(&missing)
                        .put(registration.worker.0)
                        .put(&registration.name)
                        .put(&patterns);
                })
                .await?;
            if !joined.is_empty() {
                let (list, _) = self.read_registry(LEASE_TIME).await?;
                return Ok(Registered::Joined(list));
            }
        }
        Err(Failure::Unsettled)
    }

    /// The list, and how often somebody joined it.
    pub(crate) async fn read_registry(&self, lease_time: Duration) -> Result<(Registry, i64), Failure> {
        let rows = self
            .rows(Statement::read("reading the handler list", REGISTRY), |binds| {
                binds.put(micros(lease_time));
            })
            .await?;
        let first = rows.first().ok_or(Failure::Sql(sqlx::Error::RowNotFound))?;
        let mut registry = Registry {
            version: RegistryVersion(first.try_get("version")?),
            paused: first.try_get("all_paused")?,
            handlers: Vec::with_capacity(rows.len()),
        };
        let joins = first.try_get("joins")?;
        for row in &rows {
            let name: Option<&str> = row.try_get("pattern")?;
            let Some(name) = name else { continue };
            let carriers = rows::big_number(row, "carriers")?;
            registry.handlers.push(HandlerEntry {
                pattern: rows::parse_pattern(name)?,
                paused: row.try_get("paused")?,
                carriers: u32::try_from(carriers).unwrap_or(u32::MAX),
                due: rows::big_number(row, "due")?,
                running: rows::big_number(row, "running")?,
                oldest_due: rows::at_if(row, "oldest_due")?,
                counted_at: rows::at_if(row, "counted_at")?,
            });
        }
        registry.handlers.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        Ok((registry, joins))
    }
}
