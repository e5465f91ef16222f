//! Starts and surely ends child processes: `redis-server`, PostgreSQL, and the binaries of `EventFlow`.
//!
//! Tests, benchmarks and load scenarios run on servers of their own. Each lives in a temporary [`Folder`] under
//! `target/stack`, listens on a loopback [`Port`] of its own, and can be hurt at will: killed, frozen, restarted.
//! Every child hangs on a lifeline, a pipe that only its parent holds: when the parent goes, in whatever way, a small
//! guard process ends the child with all its descendants and removes its folder.
//!
//! There is no client library in here, and no async runtime: every call blocks, and none waits without a deadline.
//! From async code call it in `tokio::task::spawn_blocking`, or directly where a test may hold up its thread.

mod deadline;
mod error;
mod eventflow;
mod family;
mod find;
mod folder;
mod guard;
mod limit;
mod output;
mod pgwire;
mod port;
mod postgres;
mod probe;
mod process;
mod redis;
mod resp;
mod roster;
mod runas;
mod server;
mod spec;
mod template;

pub use error::{Error, Missing, Result};
pub use eventflow::{Eventflow, EventflowCommand, EventflowSettings, find_eventflow};
pub use find::{PostgresTools, RedisTool, find_postgres, find_redis};
pub use folder::{Folder, stack_dir};
pub use limit::raise_descriptor_limit;
pub use output::{Line, Stream};
pub use pgwire::APPLICATION;
pub use port::{Port, free_port};
pub use postgres::{Postgres, PostgresSession, PostgresSettings};
pub use process::Process;
pub use redis::{Redis, RedisSession, RedisSettings};
pub use resp::Reply;
pub use roster::{Leftover, Roster, leftovers};
pub use rustix::process::Signal;
pub use server::Server;
pub use spec::Spec;
