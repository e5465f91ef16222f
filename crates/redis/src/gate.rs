//! Remembers what the last inspection found: whether anything may be appended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventflow_core::Durability;
use redis::RedisError;
use redis::aio::MultiplexedConnection;

use crate::error::QueueError;
use crate::judge::{Judgement, judge};
use crate::settings::Settings;

/// Lets appends through where Redis keeps events as well as was asked.
pub(crate) struct Gate {
    asked: Durability,
    assumed: bool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    refusal: Option<Arc<str>>,
    file: File,
}

/// What is known of the append-only file of one run of the server. INFO does not say whether a rewrite under way is the
/// first since the file was switched on, until whose end a restart would bring back the old file; so it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct File {
    run: String,
    state: FileState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FileState {
    #[default]
    Unknown,
    /// Seen switched off, and not seen whole since.
    Off,
    /// Holds everything.
    Whole,
}

/// What an inspection found.
pub(crate) struct Report {
    pub(crate) settings: Settings,
    pub(crate) judgement: Judgement,
    pub(crate) round_trip: Duration,
}

impl Gate {
    pub(crate) fn new(asked: Durability, assumed: bool) -> Self {
        Self {
            asked,
            assumed,
            known: Mutex::default(),
        }
    }

    /// Whether the level is taken for granted.
    pub(crate) fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// An error where nothing may be appended.
    pub(crate) fn pass(&self) -> Result<(), QueueError> {
        match &self.lock().refusal {
            None => Ok(()),
            Some(refusal) => Err(QueueError::Refused(Arc::clone(refusal))),
        }
    }

    /// Asks a server, and opens or closes by its answer.
    pub(crate) async fn inspect(&self, wire: &mut MultiplexedConnection) -> Result<Report, RedisError> {
        let (settings, round_trip) = Settings::ask(wire).await?;
        let judgement = self.learn(&settings);
        Ok(Report {
            settings,
            judgement,
            round_trip,
        })
    }

    fn learn(&self, settings: &Settings) -> Judgement {
        let mut known = self.lock();
        known.file = known.file.next(settings);
        let is_settled = known.file.state == FileState::Whole;
        let judgement = judge(settings, self.asked, self.assumed, is_settled);
        let refusal: Option<Arc<str>> = judgement.refusal().map(Arc::from);
        if refusal != known.refusal {
            if let Some(refusal) = &refusal {
                tracing::error!(%refusal, "Redis is not safe enough for events");
            } else {
                tracing::info!("Redis is safe enough for events again");
            }
        }
        known.refusal = refusal;
        judgement
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    fn next(&self, settings: &Settings) -> Self {
        let run = settings.info.get("run_id").unwrap_or_default().to_owned();
        let before = if run == self.run {
            self.state
        } else {
            FileState::Unknown
        };
        let state = match settings.appendonly {
            Some(true) if is_first_rewrite(settings, before) => match before {
                FileState::Off => FileState::Off,
                FileState::Unknown | FileState::Whole => FileState::Unknown,
            },
            Some(true) => FileState::Whole,
            Some(false) => FileState::Off,
            None => before,
        };
        Self { run, state }
    }
}

/// Whether a rewrite is under way, due or failed that may be the first: always after the file was seen off; at the first
/// look, where there is no base yet. Once the file was seen whole, a rewrite is one of many.
fn is_first_rewrite(settings: &Settings, before: FileState) -> bool {
    let is = |name: &str, value: &str| settings.info.get(name) == Some(value);
    let is_under_way = is("aof_rewrite_in_progress", "1") || is("aof_rewrite_scheduled", "1");
    let has_failed = is("aof_last_bgrewrite_status", "err");
    let has_base = settings.info.number("aof_base_size").is_some_and(|size| size > 0);
    match before {
        FileState::Whole => false,
        FileState::Off => is_under_way || has_failed,
        FileState::Unknown => (is_under_way || has_failed) && !has_base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn look(gate: &Gate, run: &str, only: &str, rewriting: &str, base: &str) -> bool {
        let told = settings(
            &[
                ("run_id", run),
                ("aof_rewrite_in_progress", rewriting),
                ("aof_base_size", base),
            ],
            Some(&[
                ("appendonly", only),
                ("appendfsync", "always"),
                ("no-appendfsync-on-rewrite", "no"),
                ("maxmemory-policy", "noeviction"),
            ]),
        );
        gate.learn(&told);
        gate.pass().is_ok()
    }

    #[test]
    fn the_first_rewrite_has_to_end() {
        let gate = Gate::new(Durability::Disk, false);
        assert!(!look(&gate, "a", "no", "0", "0"));
        assert!(!look(&gate, "a", "yes", "1", "0"));
        assert!(look(&gate, "a", "yes", "0", "88"));
        assert!(look(&gate, "a", "yes", "1", "88"));
    }

    #[test]
    fn a_file_switched_off_and_on_begins_anew_though_it_has_a_base() {
        let gate = Gate::new(Durability::Disk, false);
        assert!(look(&gate, "a", "yes", "0", "88"));
        assert!(!look(&gate, "a", "no", "0", "88"));
        assert!(!look(&gate, "a", "yes", "1", "88"));
        assert!(look(&gate, "a", "yes", "0", "99"));
    }

    #[test]
    fn at_the_first_look_a_base_tells() {
        assert!(look(&Gate::new(Durability::Disk, false), "a", "yes", "1", "88"));
        assert!(!look(&Gate::new(Durability::Disk, false), "a", "yes", "1", "0"));
    }

    #[test]
    fn another_run_of_the_server_is_looked_at_anew() {
        let gate = Gate::new(Durability::Disk, false);
        assert!(look(&gate, "a", "yes", "0", "0"));
        assert!(look(&gate, "a", "yes", "1", "0"));
        assert!(!look(&gate, "b", "yes", "1", "0"));
    }
}
