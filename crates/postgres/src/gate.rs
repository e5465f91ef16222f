//! Shut while the server is below the level of durability that was asked for: no write passes.

use std::sync::{Arc, Mutex, PoisonError};

use eventflow_core::{Durability, Finding};

use crate::error::Failure;

/// What a session said of the settings on which durability rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Safety {
    pub(crate) fsync: String,
    pub(crate) synchronous_commit: String,
    pub(crate) full_page_writes: String,
}

/// Lets writes pass, or says why not.
#[derive(Debug)]
pub(crate) struct Gate {
    asked: Durability,
    assumed: bool,
    refusal: Mutex<Option<Arc<str>>>,
}

impl Safety {
    /// The level that is in force.
    pub(crate) fn level(&self) -> Durability {
        if self.fsync != "on" {
            Durability::Memory
        } else if self.synchronous_commit == "off" || self.full_page_writes != "on" {
            Durability::Process
        } else {
            Durability::Disk
        }
    }

    /// What keeps the server below `asked`.
    pub(crate) fn findings(&self, asked: Durability) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |level, setting: &str, problem: String| {
            if asked > level {
                findings.push(Finding {
                    problem,
                    remedy: remedy(setting, level),
                });
            }
        };
        if self.fsync != "on" {
            find(
                Durability::Memory,
                "fsync",
                format!(
                    "PostgreSQL runs with fsync = {}: what it acknowledges need not be on the disk, and a crash may leave the database unreadable",
                    self.fsync
                ),
            );
        }
        if self.synchronous_commit == "off" {
            find(
                Durability::Process,
                "synchronous_commit",
                "PostgreSQL runs with synchronous_commit = off: it acknowledges before the write is on the disk".into(),
            );
        }
        if self.full_page_writes != "on" {
            find(
                Durability::Process,
                "full_page_writes",
                format!(
                    "PostgreSQL runs with full_page_writes = {}: a power cut in the middle of a page may destroy it",
                    self.full_page_writes
                ),
            );
        }
        findings
    }
}

fn remedy(setting: &str, level: Durability) -> Vec<String> {
    let mut lines = vec![
        format!("ALTER SYSTEM SET {setting} = on;"),
        "SELECT pg_reload_conf();".to_owned(),
    ];
    if setting == "synchronous_commit" {
        lines.push("-- and, where a role or a database sets it: ALTER ROLE … RESET synchronous_commit;".to_owned());
    }
    lines.push(format!("or accept what it gives: --durability {level}"));
    lines.push("or, where you know better than the setting says: --assume-durability".to_owned());
    lines
}

impl Gate {
    pub(crate) const fn new(asked: Durability, assumed: bool) -> Self {
        Self {
            asked,
            assumed,
            refusal: Mutex::new(None),
        }
    }

    /// What keeps these settings below the level asked for; nothing where the level is assumed.
    pub(crate) fn findings(&self, safety: &Safety) -> Vec<Finding> {
        if self.assumed {
            return Vec::new();
        }
        safety.findings(self.asked)
    }

    /// Remembers what a session said. Shuts or opens.
    pub(crate) fn judge(&self, safety: &Safety) {
        let findings = self.findings(safety);
        let refusal = (!findings.is_empty()).then(|| refusal(self.asked, &findings));
        let mut kept = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() != refusal.is_some() {
            if let Some(why) = &refusal {
                tracing::error!(reason = %why, "the store is below the durability asked for; nothing is written there");
            } else {
                tracing::info!("the store has the durability asked for again");
            }
        }
        *kept = refusal;
    }

    /// Passes, or says why not.
    pub(crate) fn pass(&self) -> Result<(), Failure> {
        let kept = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .map_or(Ok(()), |why| Err(Failure::Refused(Arc::clone(why))))
    }
}

fn refusal(asked: Durability, findings: &[Finding]) -> Arc<str> {
    let mut text = format!("nothing is written below durability {asked}.");
    for finding in findings {
        text.push(' ');
        text.push_str(&finding.problem);
        text.push_str(". Ways out: ");
        text.push_str(&finding.remedy.join(" "));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safety(fsync: &str, commit: &str, pages: &str) -> Safety {
        Safety {
            fsync: fsync.into(),
            synchronous_commit: commit.into(),
            full_page_writes: pages.into(),
        }
    }

    #[test]
    fn a_level_needs_all_of_its_settings() {
        assert_eq!(safety("on", "on", "on").level(), Durability::Disk);
        assert_eq!(safety("on", "local", "on").level(), Durability::Disk);
        assert_eq!(safety("on", "off", "on").level(), Durability::Process);
        assert_eq!(safety("on", "on", "off").level(), Durability::Process);
        assert_eq!(safety("off", "on", "on").level(), Durability::Memory);
    }

    #[test]
    fn the_gate_shuts_below_the_level_and_opens_when_mended() {
        let gate = Gate::new(Durability::Disk, false);
        assert!(gate.pass().is_ok());
        gate.judge(&safety("on", "off", "on"));
        let why = gate.pass().expect_err("below the level").to_string();
        for part in [
            "synchronous_commit",
            "ALTER SYSTEM",
            "--durability process",
            "--assume-durability",
        ] {
            assert!(why.contains(part), "{why}");
        }
        gate.judge(&safety("on", "on", "on"));
        assert!(gate.pass().is_ok());
    }

    #[test]
    fn what_is_assumed_or_not_asked_for_passes() {
        let assumed = Gate::new(Durability::Disk, true);
        assumed.judge(&safety("off", "off", "off"));
        assert!(assumed.pass().is_ok());
        let process = Gate::new(Durability::Process, false);
        process.judge(&safety("on", "off", "on"));
        assert!(process.pass().is_ok());
        process.judge(&safety("off", "on", "on"));
        assert!(process.pass().is_err());
    }
}
