//! What Redis tells of how it keeps data: CONFIG where it may be read, INFO as far as it goes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::time::Instant;

use crate::error::is_forbidden;
use crate::info::Info;

const ASKED: [&str; 6] = [
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory-policy",
    "maxmemory",
    "dir",
];

/// Settings of a server; absent is what it does not tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// All that INFO says.
    pub(crate) info: Info,
    /// Whether CONFIG was answered.
    pub(crate) is_config_told: bool,
    pub(crate) appendonly: Option<bool>,
    pub(crate) appendfsync: Option<String>,
    pub(crate) no_appendfsync_on_rewrite: Option<bool>,
    pub(crate) policy: Option<String>,
    pub(crate) max_memory: Option<u64>,
    /// Where the files lie.
    pub(crate) dir: Option<String>,
}

impl Settings {
    /// Asks a server, in two questions. Returns also how long the first answer took.
    pub(crate) async fn ask(wire: &mut MultiplexedConnection) -> Result<(Self, Duration), RedisError> {
        let asked_at = Instant::now();
        // All of it: a list of sections is understood from 7.0 on, and older ones are to be told apart.
        let info = Info(allowed(&redis::cmd("INFO"), wire).await?.unwrap_or_default());
        let round_trip = asked_at.elapsed();
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg(&ASKED[..]);
        let config: Option<Vec<Value>> = match ask.query_async(wire).await {
            Ok(config) => Some(config),
            Err(error) if is_forbidden(&error) || error.code() == Some("ERR") => None,
            Err(error) => return Err(error),
        };
        Ok((Self::of(info, config.map(pairs).as_deref()), round_trip))
    }

    fn of(info: Info, config: Option<&[(String, String)]>) -> Self {
        let told = |name: &str| {
            let (_, value) = config?.iter().find(|(known, _)| known == name)?;
            Some(value.clone())
        };
        let yes = |name: &str| told(name).map(|value| value == "yes");
        Self {
            is_config_told: config.is_some(),
            appendonly: yes("appendonly").or_else(|| Some(info.get("aof_enabled")? == "1")),
            appendfsync: told("appendfsync"),
            no_appendfsync_on_rewrite: yes("no-appendfsync-on-rewrite"),
            policy: told("maxmemory-policy").or_else(|| info.get("maxmemory_policy").map(str::to_owned)),
            max_memory: told("maxmemory")
                .and_then(|n| n.parse().ok())
                .or_else(|| info.number("maxmemory")),
            dir: told("dir"),
            info,
        }
    }

    /// Product and version.
    pub(crate) fn version(&self) -> String {
        match (self.info.get("valkey_version"), self.info.get("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => "Redis of an unknown version".to_owned(),
        }
    }

    /// The first part of the version that Redis, or what stands for it, claims to speak.
    pub(crate) fn major(&self) -> Option<u32> {
        self.info.get("redis_version")?.split('.').next()?.parse().ok()
    }

    /// Whether a file of settings stands behind the server, so that CONFIG REWRITE has something to write into.
    pub(crate) fn has_file(&self) -> bool {
        self.info.get("config_file").is_some_and(|file| !file.is_empty())
    }
}

/// The answer as text; none where this user may not ask.
async fn allowed(ask: &Cmd, wire: &mut MultiplexedConnection) -> Result<Option<String>, RedisError> {
    match ask.query_async(wire).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_forbidden(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn pairs(list: Vec<Value>) -> Vec<(String, String)> {
    let mut texts = list.into_iter().map(|value| match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) => text,
        _ => String::new(),
    });
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        pairs.push((name, value));
    }
    pairs
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings as a server with this INFO and this CONFIG would tell them.
    pub(crate) fn settings(info: &[(&str, &str)], config: Option<&[(&str, &str)]>) -> Settings {
        let lines: Vec<_> = info.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let owned = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        Settings::of(Info(lines.join("\r\n")), config.map(owned).as_deref())
    }

    #[test]
    fn what_config_does_not_tell_is_read_from_info() {
        let told = settings(
            &[
                ("aof_enabled", "1"),
                ("maxmemory_policy", "noeviction"),
                ("maxmemory", "5"),
            ],
            None,
        );
        assert!(!told.is_config_told);
        assert_eq!(told.appendonly, Some(true));
        assert_eq!(told.appendfsync, None);
        assert_eq!(told.policy.as_deref(), Some("noeviction"));
        assert_eq!(told.max_memory, Some(5));
    }

    #[test]
    fn versions_are_told_apart() {
        let valkey = settings(&[("redis_version", "7.2.4"), ("valkey_version", "8.0.1")], None);
        assert_eq!(valkey.version(), "Valkey 8.0.1");
        assert_eq!(valkey.major(), Some(7));
        assert_eq!(settings(&[("redis_version", "6.2.1")], None).major(), Some(6));
        assert_eq!(settings(&[], None).major(), None);
    }
}
