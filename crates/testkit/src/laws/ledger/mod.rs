//! The laws of the ledger, by what they are about.

pub mod admission;
pub mod concurrency;
pub mod crashes;
pub mod finality;
pub mod leases;
pub mod letters;
pub mod lookups;
pub mod outcomes;
pub mod registry;
pub mod renewals;
pub mod retention;
pub mod reuse;
