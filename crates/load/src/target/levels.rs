//! With which settings the servers of a private stack are started, so that they keep what the level of durability says and
//! not much more.

use eventflow_stack::{PostgresSettings, RedisSettings};

/// Connections that each process of EventFlow opens to PostgreSQL at most, migration and spare ones among them.
const EACH: usize = 8;
/// PostgreSQL's own default.
const FEWEST: usize = 100;

/// Redis at this level.
pub(super) fn redis(durability: &str) -> RedisSettings {
    let settings = RedisSettings::default();
    match durability {
        "process" => settings.set("appendfsync", "everysec"),
        "memory" => settings.set("appendonly", "no"),
        _ => settings,
    }
}

/// PostgreSQL at this level, for so many processes.
///
/// At `process` its commits stay synchronous: what is asynchronous waits in its shared memory, and a SIGKILL of the server
/// loses it.
pub(super) fn postgres(durability: &str, processes: usize) -> PostgresSettings {
    let connections = (EACH * processes + EACH).max(FEWEST);
    let settings = PostgresSettings::default()
        .set("max_connections", &connections.to_string())
        // Who was refused something is counted by it: user@database.
        .set("log_line_prefix", "%m [%p] %u@%d ");
    match durability {
        "memory" => settings
            .set("fsync", "off")
            .set("synchronous_commit", "off")
            .set("full_page_writes", "off"),
        _ => settings,
    }
}

/// What was stated to the servers, for people.
pub(super) fn stated(durability: &str, has_redis: bool, has_postgres: bool) -> String {
    let redis = match durability {
        "process" => "Redis appendonly yes, appendfsync everysec",
        "memory" => "Redis appendonly no",
        _ => "Redis appendonly yes, appendfsync always",
    };
    let postgres = match durability {
        "memory" => "PostgreSQL fsync off",
        _ => "PostgreSQL fsync on, synchronous_commit on",
    };
    let sqlite = match durability {
        "process" => "SQLite synchronous NORMAL",
        "memory" => "SQLite synchronous OFF",
        _ => "SQLite synchronous FULL",
    };
    let parts: Vec<&str> = [(has_redis, redis), (has_postgres, postgres), (!has_postgres, sqlite)]
        .into_iter()
        .filter_map(|(has, said)| has.then_some(said))
        .collect();
    format!("durability: {durability} ({})", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_its_settings() {
        assert!(redis("disk").config.is_empty());
        assert_eq!(redis("process").config["appendfsync"], "everysec");
        assert_eq!(redis("memory").config["appendonly"], "no");
        assert_eq!(postgres("disk", 5).config["max_connections"], "100");
        assert_eq!(postgres("disk", 20).config["max_connections"], "168");
        assert!(!postgres("process", 5).config.contains_key("synchronous_commit"));
        assert_eq!(postgres("memory", 5).config["fsync"], "off");
    }

    #[test]
    fn what_is_there_is_stated() {
        assert_eq!(
            stated("process", true, true),
            "durability: process (Redis appendonly yes, appendfsync everysec; PostgreSQL fsync on, synchronous_commit on)"
        );
        assert_eq!(
            stated("disk", false, false),
            "durability: disk (SQLite synchronous FULL)"
        );
    }
}
