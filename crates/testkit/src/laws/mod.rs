//! One named test a law. `ledger_laws!` and `queue_laws!` make the tests of an adapter of them.
//!
//! Every function here panics where the law does not hold, and where the adapter fails.

mod desk;
pub mod ledger;
pub mod queue;
mod stage;

pub use desk::{Desk, IDLE};
pub use stage::{LEASE, Stage};
