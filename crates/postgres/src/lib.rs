//! The ledger on PostgreSQL: set-based statements, one for each write, judged by the server's own clock.
//!
//! A row of `events` is written once, bearing the state it will end in; a row of `work` says that it is not finished.
//! Every write is one statement sorted by key, so that a client that stops in the middle holds up nobody for long.

mod admit;
mod archive;
mod call;
mod change;
mod count;
mod error;
mod floor;
mod gate;
mod inspect;
mod lease;
mod ledger;
mod letters;
mod lookups;
mod notices;
mod operate;
mod options;
mod pool;
mod postgres;
mod purge;
mod record;
mod registry;
mod rematch;
mod renew;
mod rows;
mod schema;
mod session;
mod settings;
mod types;
mod unblock;

pub use options::{ConnectError, PostgresOptions};
pub use postgres::Postgres;
pub use schema::{MigrateError, Schema, migrate};
