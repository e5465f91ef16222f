//! The ledger on a real PostgreSQL: the laws, and what only this store can show.

mod concurrency;
mod connections;
mod durability;
mod faults;
mod floors;
mod laws;
mod notices;
mod raw;
mod rig;
mod schema;
mod stopped;
