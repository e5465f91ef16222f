//! Ledger and queue by plain data structures: the reference that adapters are compared with, and a fake for other crates.

mod admission;
mod clock;
mod leasing;
mod ledger;
mod letters;
mod lookups;
mod outcomes;
mod partitions;
mod queue;
mod reader;
mod registry;
pub(crate) mod rows;

pub use clock::ManualClock;
pub use ledger::MemoryLedger;
pub use queue::MemoryQueue;
