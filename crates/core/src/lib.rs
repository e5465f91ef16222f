//! Words and laws of `EventFlow`: events and their identity, leases, outcomes, retry, and the ports to queue and ledger.
//!
//! Nothing here does I/O. Whatever is true of an event without a network, a disk or a terminal stands in this crate.

mod admission;
mod archive;
mod beat;
mod breaker;
mod durability;
mod error;
mod event;
mod key;
mod lease;
mod ledger;
mod outcome;
mod pattern;
mod planted;
mod pulse;
mod queue;
mod registry;
mod retry;
#[cfg(test)]
mod testing;
mod text;
mod time;

pub use admission::{Admission, AdmitReply, AdmitRow, Admitted, Fate, LeaseGrant, Reduced, reduce};
pub use archive::{
    Archive, AuditEntry, DeathRecord, EventFilter, EventLine, EventRecord, Job, Letter, LetterAction, LetterFilter,
    LetterOrder, Page, Refusal, Runs, Work,
};
pub use beat::{Beat, HandlerBeat};
pub use breaker::{Breaker, Passage};
pub use durability::{Backend, Capabilities, Durability, Finding, Inspection};
pub use error::{Fault, PortError};
pub use event::{Event, EventState, Fingerprint, Payload};
pub use key::EventKey;
pub use lease::{
    FATAL_CRASHES, LeaseReply, LeaseRequest, LeaseToken, Leased, Renewal, Renewed, SUSPECT_CRASHES, WorkerId,
};
pub use ledger::Ledger;
pub use outcome::{Attempt, AttemptResult, Death, Finished, Reason, Recorded, Verdict};
pub use pattern::{InvalidPattern, Pattern, first_tie, most_specific};
pub use planted::{Bug, PLANTED, planted, planted_bug};
pub use pulse::Pulse;
pub use queue::{
    Appended, Claimed, Entry, EntryBody, EntryId, PartitionDepth, Queue, QueueReader, Queued, Settlement, Tended,
};
pub use registry::{
    HandlerEntry, PauseOrder, Registered, Registration, Registry, RegistryVersion, RetireOrder, Retired, WorkerEntry,
};
pub use retry::{LONGEST_WAIT, RetryPolicy};
pub use text::{grouped, sanitize};
pub use time::{Clock, InvalidTimestamp, SystemClock, Timestamp};
