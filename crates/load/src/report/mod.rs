//! What a run leaves behind: one summary, and the files that are made of it.
//!
//! The [`Summary`] is all that a report shows, so that no two faces of a run differ: `summary.json` is the summary itself,
//! and the page, the tables, the histograms and the list for a build server are made of it. What comes from outside, such
//! as the words of a server, is made safe where it is written.

mod compare;
mod escape;
mod files;
mod headline;
mod hgrm;
mod html;
mod junit;
#[cfg(test)]
mod sample;
mod tables;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventflow_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::measure::Scope;
use crate::scenario::{Scenario, Stretch};
use crate::verdict::{Check, Facts, Stands, Verdict};

pub use compare::{Change, Comparison, Judged, Named, Unit, compare};
pub use files::{SUMMARY, write};

/// A run, its facts and its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of this form: [`Summary::VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario proves, as the head of its file says; empty where it says nothing.
    pub purpose: String,
    /// What decided ids, payloads and send times.
    pub seed: u64,
    /// The run's id, which the `source` of its events ends with.
    pub run: String,
    /// When the load began, by the clock of this machine.
    pub began: Timestamp,
    /// From there to the end of the drain, in seconds.
    pub lasted_s: f64,
    /// Against what it ran: `dev`, `postgres`, `local`, or the address of an API.
    pub target: String,
    /// What was said aloud about the target: why it was chosen, and where it is.
    pub told: Vec<String>,
    /// The level of durability: disk, process or memory; `unknown` where the target did not say.
    pub durability: String,
    /// Where the load came from.
    pub machine: Machine,
    /// The phases, as they were.
    pub phases: Vec<PhaseSpan>,
    /// What was found out.
    pub facts: Facts,
    /// How it is judged.
    pub verdict: Verdict,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: usize,
    /// The operating system, with its release where it tells it.
    pub os: String,
    /// The processor's architecture.
    pub arch: String,
    /// Versions of what took part, by name: `efctl`, `EventFlow`, `PostgreSQL`, `Redis`.
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    /// This one. `versions` are those of the target; efctl's own is added.
    #[must_use]
    pub fn here(mut versions: BTreeMap<String, String>) -> Self {
        versions.insert("efctl".into(), env!("CARGO_PKG_VERSION").into());
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{} {}", std::env::consts::OS, release.trim())
                .trim_end()
                .to_owned(),
            arch: std::env::consts::ARCH.into(),
            versions,
        }
    }
}

/// A phase as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// Its name.
    pub name: String,
    /// When it began, in seconds from the beginning of the load.
    pub begins_s: f64,
    /// When it was over, in seconds from the same.
    pub ends_s: f64,
    /// Whether events were sent in it.
    pub sends: bool,
    /// Whether what was measured in it counts.
    pub measured: bool,
}

impl PhaseSpan {
    /// Those of a scenario whose run lasted that long. A phase that the run did not come to is not among them.
    pub fn of(scenario: &Scenario, lasted: Duration) -> Vec<Self> {
        let begun = scenario.phases.iter().filter(|phase| phase.begins < lasted);
        let spans = begun.map(|phase| {
            let (sends, planned) = match phase.what {
                Stretch::Send { lasts, .. } => (true, lasts),
                Stretch::Drain { at_most } => (false, at_most),
            };
            Self {
                name: phase.name.clone(),
                begins_s: phase.begins.as_secs_f64(),
                ends_s: phase.begins.saturating_add(planned).min(lasted).as_secs_f64(),
                sends,
                measured: phase.measure,
            }
        });
        spans.collect()
    }
}

/// Why a summary could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is none.
    #[error("{} is no summary of a run: {source}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It is one of another time.
    #[error("{} is of version {found}, and this efctl reads version {}", path.display(), Summary::VERSION)]
    Version {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

impl Summary {
    /// Of the form that is written. It changes where a program that reads it would have to.
    pub const VERSION: u32 = 1;

    /// Reads one from its file, or from the folder that it stands in.
    pub fn read(path: &Path) -> Result<Self, Unreadable> {
        let path = if path.is_dir() {
            path.join(SUMMARY)
        } else {
            path.to_owned()
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(Unreadable::File { path, source }),
        };
        let parsed = serde_json::from_str::<Versioned>(&text).and_then(|head| match head.version {
            version if version == u64::from(Self::VERSION) => serde_json::from_str(&text).map(Ok),
            version => Ok(Err(version)),
        });
        match parsed {
            Ok(Ok(summary)) => Ok(summary),
            Ok(Err(found)) => Err(Unreadable::Version { path, found }),
            Err(source) => Err(Unreadable::Form { path, source }),
        }
    }

    /// What was judged, the worst first: broken, missed, unknown, met; each as the verdict has them.
    pub fn worst_first(&self) -> Vec<&Check> {
        let mut checks: Vec<&Check> = self.verdict.checks.iter().collect();
        checks.sort_by_key(|check| match check.stands {
            Stands::Broken => 0,
            Stands::Missed => 1,
            Stands::Unknown => 2,
            Stands::Met => 3,
        });
        checks
    }

    /// What was measured, as people look for it: the run, the phases and the faults in their order, then the kinds.
    pub fn scopes(&self) -> Vec<(&str, &Scope)> {
        let place = |name: &str| match name.split_once(':') {
            None => (0, 0),
            Some(("phase", name)) => (1, position(self.phases.iter().map(|phase| &phase.name), name)),
            Some(("fault", id)) => (2, position(self.facts.faults.iter().map(|fault| &fault.id), id)),
            Some(_) => (3, 0),
        };
        let scopes = self.facts.measures.scopes.iter();
        let mut scopes: Vec<(&str, &Scope)> = scopes.map(|(name, scope)| (name.as_str(), scope)).collect();
        scopes.sort_by_key(|(name, _)| place(name));
        scopes
    }
}

fn position<'a>(mut names: impl Iterator<Item = &'a String>, name: &str) -> usize {
    names.position(|other| other == name).unwrap_or(usize::MAX)
}

/// What every version of a summary has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_from_its_folder_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let summary = sample::summary();
        let json = serde_json::to_string(&summary).expect("JSON");
        fs::write(folder.path().join(SUMMARY), json).expect("it is written");
        assert_eq!(Summary::read(folder.path()).expect("a summary"), summary);
        assert_eq!(Summary::read(&folder.path().join(SUMMARY)).expect("a summary"), summary);
    }

    #[test]
    fn what_is_no_summary_of_this_version_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let why = |text: &str| {
            fs::write(&path, text).expect("it is written");
            Summary::read(&path).expect_err("it is none").to_string()
        };
        assert!(why("{").contains("no summary of a run"));
        assert!(why("{\"version\":1}").contains("no summary of a run"));
        assert!(why("{\"version\":7}").contains("is of version 7"));
        assert!(
            Summary::read(&folder.path().join("nowhere"))
                .expect_err("there is none")
                .to_string()
                .contains("cannot read")
        );
    }

    #[test]
    fn scopes_stand_as_people_look_for_them() {
        let summary = sample::summary();
        let names: Vec<&str> = summary.scopes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "run",
                "phase:warmup",
                "phase:steady",
                "fault:F2",
                "fault:F1",
                "kind:order.created",
                "kind:poison"
            ]
        );
    }

    #[test]
    fn the_worst_is_first() {
        let summary = sample::summary();
        let order: Vec<Stands> = summary.worst_first().iter().map(|check| check.stands).collect();
        let rank = |stands: &Stands| {
            [Stands::Broken, Stands::Missed, Stands::Unknown, Stands::Met]
                .iter()
                .position(|s| s == stands)
        };
        assert!(order.is_sorted_by_key(rank), "{order:?}");
        assert_eq!(order.first(), Some(&Stands::Broken));
    }
}
