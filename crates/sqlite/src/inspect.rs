//! What the file's settings are worth: read back from the connection that writes, never assumed.

use async_trait::async_trait;
use eventflow_core::{Durability, Finding};
use sqlx::sqlite::{SqliteConnection, SqliteSynchronous};
use sqlx::{Executor as _, Row as _};

use crate::command::Operation;
use crate::error::Failure;
use crate::session::Session;

/// Asks the writer's connection.
pub(crate) struct AskSettings;

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) version: String,
    pub(crate) journal: String,
    pub(crate) synchronous: i64,
    pub(crate) pages: i64,
    pub(crate) page_bytes: i64,
}

#[async_trait]
impl Operation for AskSettings {
    type Answer = Settings;

    async fn run(&self, session: &mut Session<'_>) -> Result<Settings, Failure> {
        read(session.connection).await
    }
}

/// Reads the settings in force.
pub(crate) async fn read(connection: &mut SqliteConnection) -> Result<Settings, Failure> {
    Ok(Settings {
        version: connection.fetch_one("SELECT sqlite_version()").await?.try_get(0)?,
        journal: connection.fetch_one("PRAGMA journal_mode").await?.try_get(0)?,
        synchronous: connection.fetch_one("PRAGMA synchronous").await?.try_get(0)?,
        pages: connection.fetch_one("PRAGMA page_count").await?.try_get(0)?,
        page_bytes: connection.fetch_one("PRAGMA page_size").await?.try_get(0)?,
    })
}

impl Settings {
    /// The level they give. In WAL, NORMAL syncs only at a checkpoint, so that a power cut takes back the latest commits.
    pub(crate) fn level(&self) -> Durability {
        let keeps_a_log = self.journal.eq_ignore_ascii_case("wal");
        match self.synchronous {
            2.. if keeps_a_log => Durability::Disk,
            1.. if keeps_a_log => Durability::Process,
            _ => Durability::Memory,
        }
    }

    /// What keeps them below `asked`.
    pub(crate) fn findings(&self, asked: Durability) -> Vec<Finding> {
        if self.level() >= asked {
            return Vec::new();
        }
        let problem = format!(
            "the ledger's file is written with journal_mode={} and synchronous={}, which is `{}`, below `{asked}`",
            self.journal,
            self.synchronous,
            self.level()
        );
        let remedy = vec![
            "Keep the file on a local disk: a network file system may refuse the write-ahead log.".to_owned(),
            format!("Or ask for less: --durability {}", self.level()),
        ];
        vec![Finding { problem, remedy }]
    }
}

/// How each level is asked for.
pub(crate) fn synchronous_for(asked: Durability) -> SqliteSynchronous {
    match asked {
        Durability::Disk => SqliteSynchronous::Full,
        Durability::Process => SqliteSynchronous::Normal,
        Durability::Memory => SqliteSynchronous::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(journal: &str, synchronous: i64) -> Settings {
        Settings {
            version: "3".to_owned(),
            journal: journal.to_owned(),
            synchronous,
            pages: 0,
            page_bytes: 4096,
        }
    }

    #[test]
    fn the_level_is_what_the_settings_give() {
        for (journal, synchronous, level) in [
            ("wal", 2, Durability::Disk),
            ("wal", 3, Durability::Disk),
            ("wal", 1, Durability::Process),
            ("wal", 0, Durability::Memory),
            ("memory", 2, Durability::Memory),
            ("off", 2, Durability::Memory),
        ] {
            assert_eq!(settings(journal, synchronous).level(), level, "{journal} {synchronous}");
        }
    }

    #[test]
    fn a_level_below_what_was_asked_for_is_found() {
        assert!(settings("wal", 2).findings(Durability::Disk).is_empty());
        assert!(settings("wal", 2).findings(Durability::Memory).is_empty());
        let findings = settings("wal", 1).findings(Durability::Disk);
        assert!(findings[0].problem.contains("`process`, below `disk`"), "{findings:?}");
        assert!(findings[0].remedy[1].ends_with("--durability process"), "{findings:?}");
    }
}
