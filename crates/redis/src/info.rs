//! Reads the answer of INFO.

/// The text of INFO; empty where this user may not read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Info(pub(crate) String);

impl Info {
    /// The value of a line `name:value`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }

    /// The same, as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Keys with an expiry in a database; 0 where it holds none, or there is no such line.
    pub(crate) fn expires(&self, database: i64) -> u64 {
        self.get(&format!("db{database}"))
            .and_then(|line| line.split(',').find_map(|part| part.strip_prefix("expires=")))
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let info = Info("# Memory\r\nused_memory_rss:9\r\nused_memory:42\r\ndb1:keys=3,expires=2,avg_ttl=0\r\n".into());
        assert_eq!(info.number("used_memory"), Some(42));
        assert_eq!(info.get("used"), None);
        assert_eq!(info.expires(1), 2);
        assert_eq!(info.expires(0), 0);
    }
}
