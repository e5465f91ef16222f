//! The runtime of `EventFlow`: what is admitted and run next is decided here.
//!
//! A worker reads the queue into its hand (`read`), brings that into the ledger (`admit`) and settles it (`settle`);
//! leases what is due (`lease`), runs it (`run`), records outcomes (`record`), and renews its leases (`renew`).
//! One loop a file. It knows queues and ledgers only by their ports.

mod admission;
mod admit;
mod hand;
mod handler;
mod handlers;
mod held;
mod janitor;
mod lease;
mod list;
mod read;
mod record;
mod renew;
mod run;
mod settings;
mod settle;
mod shared;
mod simulate;
mod slots;
mod status;
mod store;
mod tick;
mod worker;

pub use handler::{Context, Handler, Outcome, handler_fn};
pub use handlers::{HandlerError, HandlerOptions, Handlers};
pub use settings::Settings;
pub use simulate::{Crash, SIMULATED_PATTERN, Simulated};
pub use status::Status;
pub use worker::{Ended, Parts, Worker, WorkerError};
