//! Counts what a backend refused, by what it says of itself.

use eventflow_stack::{Postgres, Redis, RedisSession, Reply, Result};

use crate::target::{DATABASE, USER};

/// How many commands Redis has refused with this error since it began, such as `OOM` or `READONLY`. 0 for servers older
/// than 6.2, which do not count them.
pub(super) fn by_redis(redis: &Redis, error: &str) -> Result<u64> {
    let info = info(redis, "errorstats")?;
    Ok(number_after(&info, &format!("errorstat_{error}:count=")))
}

/// How many connections Redis has turned away since it began.
pub(super) fn connections_by_redis(redis: &mut RedisSession) -> Result<u64> {
    let reply = redis.command(&["INFO", "stats"])?;
    Ok(number_after(&text(reply), "rejected_connections:"))
}

/// How many lines about EventFlow's own sessions hold one of these parts, of what PostgreSQL wrote in this life, as far as
/// it is kept.
pub(super) fn by_postgres(postgres: &Postgres, parts: &[&str]) -> u64 {
    let about = format!(" {USER}@{DATABASE} ");
    let lines = postgres.process().lines();
    let found = lines
        .iter()
        .filter(|line| line.text.contains(&about) && parts.iter().any(|part| line.text.contains(part)));
    u64::try_from(found.count()).unwrap_or(u64::MAX)
}

/// A section of INFO.
pub(super) fn info(redis: &Redis, section: &str) -> Result<String> {
    redis.command(&["INFO", section]).map(text)
}

/// The value of a setting.
pub(super) fn setting(redis: &Redis, name: &str) -> Result<Option<String>> {
    Ok(match redis.command(&["CONFIG", "GET", name])? {
        Reply::List(pair) => pair.into_iter().nth(1).map(text),
        _ => None,
    })
}

fn text(reply: Reply) -> String {
    match reply {
        Reply::Text(text) => text,
        _ => String::new(),
    }
}

/// The number behind this, 0 where there is none.
pub(super) fn number_after(text: &str, head: &str) -> u64 {
    let found = text.lines().find_map(|line| line.strip_prefix(head));
    let digits = found.unwrap_or_default().split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_sections() {
        let text = "# Errorstats\r\nerrorstat_ERR:count=3\r\nerrorstat_OOM:count=42\r\n";
        assert_eq!(number_after(text, "errorstat_OOM:count="), 42);
        assert_eq!(number_after(text, "errorstat_READONLY:count="), 0);
        assert_eq!(number_after("rejected_connections:7\r\n", "rejected_connections:"), 7);
    }
}
