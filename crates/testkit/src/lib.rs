//! What proves the laws of ledger and queue: a model in memory, one test a law, random interleavings, and decorators
//! that fail and stall. A dev-dependency only; nothing of it is in a release.

#![expect(
    clippy::missing_panics_doc,
    reason = "what judges panics where it finds a fault, and says so once, at its module"
)]

pub mod build;
pub mod decorators;
pub mod interleavings;
mod law_tests;
pub mod laws;
pub mod memory;
mod rig;

pub use build::event;
pub use decorators::{Faulty, Side, Slow, Trouble, Verb};
pub use memory::{ManualClock, MemoryLedger, MemoryQueue};
pub use rig::{LedgerRig, MemoryLedgerRig, MemoryQueueRig, QueueRig};
