//! Bare rigs: what a service of the same shape reaches that parses an event and keeps it, and does nothing else. No
//! validation, no de-duplication, no keys, no metrics, no retries: the limits that EventFlow is held against.

mod append;
mod group;
mod insert;
mod post;
mod sqlite;
mod store;

use std::net::SocketAddr;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use append::append;
pub(crate) use insert::TABLE;
pub(crate) use sqlite::{insert_limit, rows};
pub(crate) use store::{drain, is_drained, make_group};

/// Parts of rigs that run in processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Rig {
    /// A bare axum POST with one awaited XADD.
    Post {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        redis: String,
    },
    /// Reads from Redis, inserts by UNNEST, acknowledges.
    Store {
        #[arg(long)]
        redis: String,
        #[arg(long)]
        postgres: String,
    },
    /// A bare axum POST whose events are inserted by UNNEST in groups.
    Group {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        postgres: String,
    },
}

/// Runs a part until it is killed.
pub(crate) fn run(rig: &Rig) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match rig {
            Rig::Post { listen, redis } => post::serve(*listen, redis).await,
            Rig::Store { redis, postgres } => store::run(redis, postgres).await,
            Rig::Group { listen, postgres } => group::serve(*listen, postgres).await,
        }
    })
}

/// Runs a rig on a thread of this process, which waits for it.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
