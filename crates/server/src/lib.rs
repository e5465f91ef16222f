//! `EventFlow`: takes events over HTTP, keeps them safe, and runs each through its handler.
//!
//! [`App`] makes a binary of one's own with the same commands as `eventflow`; [`testing`] tests a handler.
//! Inside, this crate is configuration, logs and wiring: the only room that knows two adapters.

mod app;
mod backends;
mod banner;
mod cli;
pub mod config;
mod fields;
mod gates;
mod run;
mod signals;
mod telemetry;
pub mod testing;

pub use app::App;
pub use async_trait::async_trait;
pub use eventflow_core::{Event, EventKey, Payload, RetryPolicy, Timestamp};
pub use eventflow_worker::{Context, Handler, HandlerOptions, Outcome, handler_fn};
