//! The configuration: gathered from four sources, checked as a whole before a port is bound.

mod masked;
pub(crate) mod show;
mod sources;
mod table;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use eventflow_core::{Durability, RetryPolicy};
use tracing_subscriber::EnvFilter;
use url::Url;

pub use masked::masked;
pub use sources::{Found, Origin, Sources, Values};
pub use table::{SETTINGS, Setting};

/// Why a process does not start. Exit code 78 (`EX_CONFIG` of sysexits.h).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such setting.
    #[error("there is no setting `{name}`, which stands in {whence}{}", hint(*closest))]
    Unknown {
        /// As written.
        name: String,
        /// Where.
        whence: String,
        /// What was perhaps meant.
        closest: Option<&'static str>,
    },
    /// A value that cannot be.
    #[error("`{name}` (from {origin}): {problem}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// Who said it.
        origin: Origin,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Together(String),
}

fn hint(closest: Option<&str>) -> String {
    closest.map_or_else(
        || "; `eventflow config` lists them all".to_owned(),
        |name| format!("; did you mean `{name}`?"),
    )
}

/// What a process is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// API and worker in one process, with the conveniences of a first minute.
    Dev,
    /// API and worker in one process.
    Solo,
    /// The API.
    Api,
    /// A worker.
    Worker,
}

impl Role {
    /// Whether it listens for events.
    pub const fn has_api(self) -> bool {
        !matches!(self, Self::Worker)
    }

    /// Whether it runs handlers.
    pub const fn has_worker(self) -> bool {
        !matches!(self, Self::Api)
    }
}

/// Which backends there are. Its `Debug` masks passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum Backends {
    /// One SQLite file, one process.
    Embedded {
        /// The file.
        path: PathBuf,
    },
    /// PostgreSQL alone.
    Postgres {
        /// The ledger.
        store: Url,
    },
    /// Redis in front of PostgreSQL.
    Pipeline {
        /// The queue.
        queue: Url,
        /// The ledger.
        store: Url,
    },
}

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which backends.
    pub backends: Backends,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where a worker answers its probes.
    pub worker_listen: Option<SocketAddr>,
    /// Listen beyond loopback without tokens.
    pub insecure: bool,
    /// The tokens' file.
    pub tokens_file: Option<PathBuf>,
    /// The level asked for.
    pub durability: Durability,
    /// Take it for given.
    pub assume_durability: bool,
    /// The lease time.
    pub lease: Duration,
    /// When a claim is taken over.
    pub claim_idle: Duration,
    /// The retry policy of handlers that bring none of their own.
    pub retry: RetryPolicy,
    /// The time-out of handlers that bring none of their own.
    pub handler_timeout: Duration,
    /// Events run at once.
    pub concurrency: u32,
    /// How long a drain may take.
    pub grace: Duration,
    /// Streams of the queue.
    pub partitions: NonZeroU16,
    /// The de-duplication window in time.
    pub dedup_window: Duration,
    /// The same in marks.
    pub dedup_marks: u64,
    /// How long finished events are kept.
    pub retention: Duration,
    /// The cap on unfinished events.
    pub backlog_cap: u64,
    /// The cap on a body, in bytes.
    pub max_body: usize,
    /// The cap on one event's data, in bytes.
    pub max_data: usize,
    /// The cap on a batch, in events.
    pub max_batch: usize,
    /// Whether the simulated handler runs.
    pub simulate: bool,
    /// What to log.
    pub log: Log,
}

/// What to log, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A filter that can be read.
    pub filter: String,
    /// For people or as JSON lines; by the terminal where absent.
    pub pretty: Option<bool>,
}

/// One read asks for at most so many entries, and reads every partition.
const MAX_PARTITIONS: NonZeroU16 = NonZeroU16::new(eventflow_redis::MAX_PARTITIONS).expect("not 0");

impl Config {
    /// Checks all values for this role.
    pub fn check(values: &Values, role: Role) -> Result<Self, ConfigError> {
        let read = Reader(values);
        let config = Self {
            backends: backends(&read, role)?,
            listen: read.parse("listen", "write an address and a port, as 127.0.0.1:8000")?,
            worker_listen: read.optional("worker_listen", "write an address and a port, as 127.0.0.1:8001")?,
            insecure: read.switch("insecure")?.unwrap_or(false),
            tokens_file: read.optional("tokens_file", "write a path")?,
            durability: durability(&read)?,
            assume_durability: read.switch("assume_durability")?.unwrap_or(false),
            lease: read.duration("lease", Duration::from_secs(1), Duration::from_hours(1))?,
            claim_idle: read.duration("claim_idle", Duration::from_secs(1), Duration::from_hours(1))?,
            retry: RetryPolicy {
                attempts: read.number("attempts", 1, 1_000)?,
                base: read.duration("backoff_base", Duration::ZERO, Duration::from_hours(24))?,
                cap: read.duration("backoff_cap", Duration::ZERO, Duration::from_hours(24))?,
            },
            handler_timeout: read.duration("handler_timeout", Duration::from_millis(1), Duration::from_hours(24))?,
            concurrency: read.number("concurrency", 1, 100_000)?,
            grace: read.duration("grace", Duration::ZERO, Duration::from_hours(1))?,
            partitions: read.number("partitions", NonZeroU16::MIN, MAX_PARTITIONS)?,
            dedup_window: read.duration("dedup_window", Duration::from_secs(1), Duration::from_hours(24 * 30))?,
            dedup_marks: read.number("dedup_marks", 0, u64::MAX)?,
            retention: read.duration("retention", Duration::from_secs(1), Duration::from_hours(24 * 36_500))?,
            backlog_cap: read.number("backlog_cap", 1, u64::MAX)?,
            max_body: read.size("max_body")?,
            max_data: read.size("max_data")?,
            max_batch: read.number("max_batch", 1, 1_000)?,
            simulate: read.switch("simulate")?.unwrap_or(role == Role::Dev),
            log: log(&read)?,
        };
        config.check_together(role)?;
        Ok(config)
    }

    fn check_together(&self, role: Role) -> Result<(), ConfigError> {
        if self.max_data > self.max_body {
            return Err(ConfigError::Together(
                "`max_data` is larger than `max_body`: no event could use it; raise `max_body`".into(),
            ));
        }
        let exposed = role.has_api() && !self.listen.ip().is_loopback();
        if exposed && self.tokens_file.is_none() && !self.insecure {
            return Err(ConfigError::Together(format!(
                "`listen` is {}, which others can reach, and no tokens are set: name a `tokens_file`, listen on 127.0.0.1, or say `--insecure`",
                self.listen
            )));
        }
        Ok(())
    }
}

fn backends(read: &Reader<'_>, role: Role) -> Result<Backends, ConfigError> {
    const STORE: &str = "write postgres://user@host/database or sqlite://path/to/file";
    let queue: Option<Url> = read.optional("queue_url", "write redis://host:6379 or rediss://host:6379")?;
    let store: Option<Url> = read.optional("store_url", STORE)?;
    if let Some(queue) = &queue
        && !matches!(queue.scheme(), "redis" | "rediss")
    {
        return Err(read.refuse("queue_url", "only redis:// and rediss:// are queues"));
    }
    let backends = match (queue, store) {
        (None, None) => Backends::Embedded {
            path: PathBuf::from(read.text("data_dir")).join("eventflow.db"),
        },
        (queue, Some(store)) if matches!(store.scheme(), "postgres" | "postgresql") => match queue {
            None => Backends::Postgres { store },
            Some(queue) => Backends::Pipeline { queue, store },
        },
        (None, Some(store)) if store.scheme() == "sqlite" => Backends::Embedded {
            path: sqlite_path(&read.text("store_url")),
        },
        (Some(_), Some(store)) if store.scheme() == "sqlite" => {
            return Err(ConfigError::Together(
                "`queue_url` needs PostgreSQL behind it: set `store_url` to postgres://…, or leave `queue_url` out"
                    .into(),
            ));
        }
        (Some(_), None) => {
            return Err(ConfigError::Together(
                "`queue_url` is set and `store_url` is not: set `store_url` to postgres://…, or leave `queue_url` out"
                    .into(),
            ));
        }
        (_, Some(_)) => return Err(read.refuse("store_url", STORE)),
    };
    if matches!(backends, Backends::Embedded { .. }) && matches!(role, Role::Api | Role::Worker) {
        return Err(ConfigError::Together(
            "a SQLite file serves one process: set `store_url` to postgres://… for separate `api` and `worker`, or start `eventflow solo`".into(),
        ));
    }
    Ok(backends)
}

/// What stands behind `sqlite://`, which is a path and not a host.
fn sqlite_path(url: &str) -> PathBuf {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    PathBuf::from(rest.strip_prefix("//").unwrap_or(rest))
}

fn durability(read: &Reader<'_>) -> Result<Durability, ConfigError> {
    match read.text("durability").as_str() {
        "disk" => Ok(Durability::Disk),
        "process" => Ok(Durability::Process),
        "memory" if read.switch("allow_volatile")?.unwrap_or(false) => Ok(Durability::Memory),
        "memory" => Err(read.refuse(
            "durability",
            "memory keeps nothing through a crash; say `--allow-volatile` if you mean it",
        )),
        _ => Err(read.refuse("durability", "write disk, process or memory")),
    }
}

fn log(read: &Reader<'_>) -> Result<Log, ConfigError> {
    let pretty = match read.text("log_format").as_str() {
        "pretty" => Some(true),
        "json" => Some(false),
        "auto" => None,
        _ => return Err(read.refuse("log_format", "write pretty, json or auto")),
    };
    let filter: EnvFilter = read.parse("log", "write error, warn, info, debug, trace, or a tracing filter")?;
    Ok(Log {
        filter: filter.to_string(),
        pretty,
    })
}

/// Reads typed values, and blames the right one.
struct Reader<'a>(&'a Values);

impl Reader<'_> {
    fn text(&self, name: &'static str) -> String {
        self.0.get(name).text.clone()
    }

    fn refuse(&self, name: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            name,
            origin: self.0.get(name).origin.clone(),
            problem: problem.into(),
        }
    }

    fn parse<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<T, ConfigError> {
        self.text(name).parse().map_err(|_| self.refuse(name, expected))
    }

    fn optional<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<T>, ConfigError> {
        if self.text(name).is_empty() {
            return Ok(None);
        }
        self.parse(name, expected).map(Some)
    }

    fn switch(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.text(name).as_str() {
            "" => Ok(None),
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(self.refuse(name, "write true or false")),
        }
    }

    fn number<T>(&self, name: &'static str, least: T, most: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let expected = format!("write a number from {least} to {most}");
        let number: T = self.parse(name, &expected)?;
        if number < least || number > most {
            return Err(self.refuse(name, expected));
        }
        Ok(number)
    }

    fn duration(&self, name: &'static str, least: Duration, most: Duration) -> Result<Duration, ConfigError> {
        let time = humantime::parse_duration(&self.text(name))
            .map_err(|_| self.refuse(name, "write a time with its unit, as 500ms, 15s, 10min or 30d"))?;
        if time < least || time > most {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            return Err(self.refuse(name, format!("write a time from {least} to {most}")));
        }
        Ok(time)
    }

    fn size(&self, name: &'static str) -> Result<usize, ConfigError> {
        const MOST: u64 = 64 * 1024 * 1024;
        let size: bytesize::ByteSize = self.parse(name, "write a size, as 256KiB or 1MiB")?;
        if size.0 == 0 || size.0 > MOST {
            return Err(self.refuse(name, "write a size from 1B to 64MiB"));
        }
        usize::try_from(size.0).map_err(|_| self.refuse(name, "write a smaller size"))
    }
}

#[cfg(test)]
mod tests;
