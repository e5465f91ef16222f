//! The ledger's list of handlers and of the workers that carry them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lease::WorkerId;
use crate::pattern::{Pattern, most_specific};
use crate::time::Timestamp;

/// Counts the changes of the handler list. An admission names the version by which it decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistryVersion(pub i64);

/// The list as it stood at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Moves on with each pattern that comes or goes, not with a pause.
    pub version: RegistryVersion,
    /// Whether all running is paused.
    pub paused: bool,
    /// Every handler that some worker brought and nobody retired, by name.
    pub handlers: Vec<HandlerEntry>,
}

impl Registry {
    /// The handler that takes events of this type; none means that they are only stored.
    pub fn handler_of(&self, event_type: &str) -> Option<&Pattern> {
        most_specific(self.handlers.iter().map(|h| &h.pattern), event_type)
    }

    /// The entry of that handler.
    pub fn get(&self, pattern: &Pattern) -> Option<&HandlerEntry> {
        self.handlers.iter().find(|h| h.pattern == *pattern)
    }

    /// Unfinished rows of the ledger, at the last count.
    pub fn unfinished(&self) -> u64 {
        self.handlers.iter().map(|h| h.due + h.running).sum()
    }
}

/// One handler, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerEntry {
    /// Its name.
    pub pattern: Pattern,
    /// Whether its own running is paused; apart from the pause of all.
    pub paused: bool,
    /// How many living workers carry it.
    pub carriers: u32,
    /// Rows that wait, at the last count. An estimate.
    pub due: u64,
    /// Rows that are leased, at the last count. An estimate.
    pub running: u64,
    /// The due time of the row that waits longest, at the last count.
    pub oldest_due: Option<Timestamp>,
    /// When they were counted, by the store's clock.
    pub counted_at: Option<Timestamp>,
}

/// A worker that joins.
#[derive(Clone, Debug)]
pub struct Registration {
    /// This incarnation; never used again.
    pub worker: WorkerId,
    /// What a person calls it: host and process.
    pub name: String,
    /// What it carries.
    pub patterns: Vec<Pattern>,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is on the list, which reads so.
    Joined(Registry),
    /// Nothing was written: between these two nothing decides.
    Tie(Pattern, Pattern),
}

/// A worker as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerEntry {
    /// Its incarnation.
    pub worker: WorkerId,
    /// What a person calls it.
    pub name: String,
    /// What it carries.
    pub patterns: Vec<Pattern>,
    /// When it joined.
    pub joined_at: Timestamp,
    /// Its last renewal.
    pub renewed_at: Timestamp,
    /// Whether that is younger than the lease time.
    pub living: bool,
    /// Rows leased to it now.
    pub running: u64,
    /// Its last heartbeat: the text of one JSON object that the runtime wrote.
    pub beat: Option<String>,
}

/// A pause or its end.
#[derive(Clone, Debug)]
pub struct PauseOrder {
    /// One handler, or all running.
    pub handler: Option<Pattern>,
    /// Pause, or resume.
    pub paused: bool,
    /// Who asked, for the audit.
    pub actor: String,
}

/// The end of a handler.
#[derive(Clone, Debug)]
pub struct RetireOrder {
    /// Which.
    pub handler: Pattern,
    /// A worker is living while its last renewal is younger than this.
    pub lease_time: Duration,
    /// Who asked, for the audit.
    pub actor: String,
}

/// What came of retiring a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retired {
    /// It is off the list; what waits for it is matched anew by [`Ledger::rematch`](crate::Ledger::rematch).
    Gone,
    /// Refused: that many living workers carry it.
    Carried(u32),
    /// No such handler.
    Unknown,
}
