//! The servers that one repetition runs on, and what can be asked of them. Fresh ones for each, gone when dropped.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use eventflow_stack::{Postgres, PostgresSettings, Redis, RedisSettings, Reply};
use tokio::time::Instant;

/// The stream of the queue's only partition.
pub(crate) const STREAM: &str = "ef:{events:0}:stream";
/// How often a state is asked for that has to come; PostgreSQL makes a process for each question.
pub(crate) const POLL: Duration = Duration::from_millis(10);
const POLL_POSTGRES: Duration = Duration::from_millis(50);

/// Settings of Redis on which durability rests.
const REDIS_SETTINGS: [&str; 4] = [
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory-policy",
];
/// The same of PostgreSQL.
const POSTGRES_SETTINGS: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];

/// Servers of one repetition.
pub(crate) struct World {
    pub(crate) redis: Option<Redis>,
    pub(crate) postgres: Postgres,
    pub(crate) database: String,
}

impl World {
    /// Redis in front of PostgreSQL.
    pub(crate) fn pipeline() -> Result<Self> {
        let world = Self::postgres()?;
        Ok(Self {
            redis: Some(redis()?),
            ..world
        })
    }

    /// PostgreSQL alone.
    pub(crate) fn postgres() -> Result<Self> {
        let settings = PostgresSettings::default()
            // Says of each row when it was committed.
            .set("track_commit_timestamp", "on")
            // A checkpoint is made before each measurement, and none falls into it.
            .set("max_wal_size", "8GB")
            .set("checkpoint_timeout", "30min");
        let postgres = Postgres::start(&settings)?;
        let database = "bench".to_owned();
        postgres.create_database(&database)?;
        Ok(Self {
            redis: None,
            postgres,
            database,
        })
    }

    pub(crate) fn store_url(&self) -> String {
        self.postgres.url(&self.database)
    }

    /// The Redis of this world.
    pub(crate) fn queue(&self) -> Result<&Redis> {
        self.redis.as_ref().context("there is no Redis here")
    }

    /// The settings in force, read back from the servers.
    pub(crate) fn in_force(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        if let Some(redis) = &self.redis {
            lines.push(redis_in_force(redis)?);
        }
        lines.push(self.postgres_in_force()?);
        Ok(lines)
    }

    fn postgres_in_force(&self) -> Result<String> {
        let show = |name: &str| self.text(&format!("SHOW {name}"));
        let settings = POSTGRES_SETTINGS.map(|name| Ok(format!("{name} {}", show(name)?)));
        let settings = settings.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(format!(
            "PostgreSQL {}: {}",
            show("server_version")?,
            settings.join(", ")
        ))
    }

    /// Makes PostgreSQL write out what it holds, so that no measurement pays for what went before it.
    pub(crate) fn settle_down(&self) -> Result<()> {
        self.sql("CHECKPOINT")
    }

    /// The single text that a statement gives.
    pub(crate) fn text(&self, statement: &str) -> Result<String> {
        let rows = self.postgres.sql(&self.database, statement)?;
        let text = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
        text.with_context(|| format!("`{statement}` gave nothing"))
    }

    /// Runs statements in the database.
    pub(crate) fn sql(&self, statements: &str) -> Result<()> {
        self.postgres.sql(&self.database, statements)?;
        Ok(())
    }

    /// The single number that a statement gives.
    pub(crate) fn number(&self, statement: &str) -> Result<f64> {
        Ok(self.text(statement)?.parse()?)
    }

    /// Rows of a table.
    pub(crate) fn rows(&self, table: &str) -> Result<u64> {
        Ok(self.text(&format!("SELECT count(*) FROM {table}"))?.parse()?)
    }

    /// Fails unless a table holds exactly so many rows: a figure of events that were lost or doubled is none.
    pub(crate) fn expect_rows(&self, table: &str, expected: u64) -> Result<()> {
        let found = self.rows(table)?;
        if found != expected {
            bail!("{expected} events were acknowledged, and {found} rows stand in {table}");
        }
        Ok(())
    }

    /// Waits until the queue is empty. EventFlow deletes an entry once it is committed in the ledger.
    pub(crate) fn await_empty_queue(&self, within: Duration) -> Result<()> {
        let redis = self.queue()?;
        await_until("the queue to empty", within, POLL, || Ok(entries(redis)? == 0))
    }

    /// Waits until no event waits or runs in the ledger.
    pub(crate) fn await_no_work(&self, within: Duration) -> Result<()> {
        await_until("all events to be handled", within, POLL_POSTGRES, || {
            Ok(self.text("SELECT NOT EXISTS (SELECT FROM work)")? == "t")
        })
    }

    /// Waits until nothing runs, and nothing waits that a living worker carries.
    pub(crate) fn await_no_leases(&self, within: Duration) -> Result<()> {
        const CARRIED: &str = "SELECT NOT EXISTS (SELECT FROM work WHERE worker IS NOT NULL) \
            AND NOT EXISTS (SELECT FROM work WHERE handler = 'efctl.sim.*')";
        await_until("all events to be handled", within, POLL_POSTGRES, || {
            Ok(self.text(CARRIED)? == "t")
        })
    }

    /// Events whose work has ended since the server began. PostgreSQL tells up to a second late.
    pub(crate) fn worked_off(&self) -> Result<f64> {
        self.number("SELECT pg_stat_get_tuples_deleted('work'::regclass)")
    }

    /// Bytes of WAL written since the server began.
    pub(crate) fn wal(&self) -> Result<f64> {
        self.number("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
    }
}

/// A Redis that keeps what it acknowledges through a power cut. Its file is not rewritten under a measurement.
pub(crate) fn redis() -> Result<Redis> {
    Ok(Redis::start(
        &RedisSettings::default().set("auto-aof-rewrite-percentage", "0"),
    )?)
}

/// Entries of the queue.
pub(crate) fn entries(redis: &Redis) -> Result<u64> {
    match redis.command(&["XLEN", STREAM])? {
        Reply::Number(number) => Ok(u64::try_from(number)?),
        other => bail!("XLEN said {other:?}"),
    }
}

/// A line of INFO as a number.
pub(crate) fn info(redis: &Redis, section: &str, name: &str) -> Result<f64> {
    let Reply::Text(text) = redis.command(&["INFO", section])? else {
        bail!("INFO gave no text");
    };
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("INFO has no {name}"))?.trim().parse()?)
}

fn redis_in_force(redis: &Redis) -> Result<String> {
    let mut settings = Vec::new();
    for name in REDIS_SETTINGS {
        match redis.command(&["CONFIG", "GET", name])? {
            Reply::List(pair) => match pair.get(1) {
                Some(Reply::Text(value)) => settings.push(format!("{name} {value}")),
                other => bail!("CONFIG GET {name} said {other:?}"),
            },
            other => bail!("CONFIG GET {name} said {other:?}"),
        }
    }
    let Reply::Text(server) = redis.command(&["INFO", "server"])? else {
        bail!("INFO gave no text");
    };
    let version = server.lines().find_map(|line| line.strip_prefix("redis_version:"));
    Ok(format!(
        "Redis {}: {}",
        version.unwrap_or("?").trim(),
        settings.join(", ")
    ))
}

/// Asks again and again, and fails where it does not come true in time.
pub(crate) fn await_until(
    what: &str,
    within: Duration,
    every: Duration,
    mut ask: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + within;
    while !ask()? {
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}", within.as_secs());
        }
        std::thread::sleep(every);
    }
    Ok(())
}
