//! The HTTP side of `EventFlow`: takes events in, shows what became of them, and lets people act on them.
//!
//! It knows the ports and the wire contract, no backend. [`Api::new`] takes the ports, [`Api::serve`] a listener.

mod auth;
mod correlation;
mod counters;
mod door;
mod edge;
mod inspect;
mod intake;
mod problem;
mod rate;
mod routes;
mod scan;
mod serve;
mod settings;
mod shared;
mod tasks;
mod watch;
mod worker_probes;

pub use auth::{Tokens, TokensError};
pub use inspect::{Role, Watched};
pub use serve::ServeError;
pub use settings::Settings;
pub use shared::{Api, LocalWorker, Parts};
pub use worker_probes::serve_worker_probes;
