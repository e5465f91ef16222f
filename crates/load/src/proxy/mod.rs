//! The fault proxy: a TCP proxy that stands between two parts and makes the network faults of a scenario.
//!
//! A [`Proxy`] listens at an address of its own and passes every connection on to its upstream. While nothing is armed it
//! only passes bytes, ends and resets on, in both directions, and reads no faster than the other side takes. A [`Toxic`]
//! that is armed acts at once on the connections that live, also where both sides only wait, and on those that come; it is
//! undone by [`Armed::disarm`], or by dropping the handle. Several may be armed at the same time: where more than one holds
//! a byte back, the longest rules; where more than one limits a piece, the smallest.
//!
//! Who is touched is drawn by the seed, never by chance: a connection's number (they are counted from 0 as they come) and
//! the seed say whether it belongs to the `share`.
//!
//! What each of them does, and what counts as touched (a connection counts once for each toxic that is armed):
//! - `latency`: what is read is passed on `delay` later, plus or minus up to `jitter`, in order, and up to 4 MiB are on the
//!   way at once. With both sides a round trip takes twice the delay. Opening a connection is not delayed, its bytes are.
//! - `bandwidth`: so many bytes a second in each direction of each connection.
//! - `slice`: pieces of so many bytes, `delay` apart.
//! - `slow_close`: the end of a connection, in order or by reset, is passed on `delay` later. Touched: ends so held back.
//! - `black_hole`: what is read vanishes, ends too, and nobody is told. New connections are taken and see silence; with the
//!   side to the server in it nothing reaches the upstream, not even a connection. A stream that has lost bytes cannot go
//!   on: when the hole closes, such connections are reset, the others go on. Touched: connections that lost something.
//! - `reset`: connections are reset as it is armed, and new ones as they come. The side says who sees a reset: to the
//!   server, from the server (the client sees it), or both; the other one sees an ordinary end.
//! - `cut_after`: counted from its arming (or the connection's beginning), after exactly so many bytes, of its sides
//!   together, the connection is reset on both ends.
//! - `refuse`: new connections are reset before a byte passes. The system has accepted them by then, so that a client sees a
//!   reset and not "connection refused". Those that live go on. Touched: connections turned away. The side means nothing.
//! - `drop_reply`: bytes to the server pass; the first bytes that come back after them vanish, the client sees a reset and
//!   the server an end. The share is of replies, not of connections. What the server sends unasked passes. The side means
//!   nothing. It knows no protocol: on a connection with several requests under way, a reply is what comes back next.
//!
//! Whose upstream cannot be reached is reset at once.

mod accept;
mod armed;
mod arms;
mod door;
mod draw;
mod exchange;
mod flow;
mod grip;
mod line;
mod link;
mod toxic;
mod way;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::arms::Arms;
use crate::scenario::{Side, Toxic};

pub use self::armed::Armed;

/// Where a proxy listens if nobody says: at a free port of the loopback.
const ANY_PORT: &str = "127.0.0.1:0";

/// A proxy in front of one upstream. Dropped, it stops listening and ends all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    upstream: Arc<str>,
    arms: Arc<Arms>,
    links: TaskTracker,
    accepting: JoinHandle<()>,
    stop: DropGuard,
}

impl Proxy {
    /// Starts one in front of `upstream` (`host:port`), which need not run yet. It listens at `listen`, by default at a free
    /// port of the loopback.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start(upstream: impl Into<String>, listen: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen.as_deref().unwrap_or(ANY_PORT)).await?;
        let address = listener.local_addr()?;
        let upstream: Arc<str> = upstream.into().into();
        let arms = Arc::new(Arms::default());
        let links = TaskTracker::new();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept::accept(
            listener,
            accept::Links {
                upstream: Arc::clone(&upstream),
                arms: Arc::clone(&arms),
                tracker: links.clone(),
                stop: stop.clone(),
            },
        ));
        Ok(Self {
            address,
            upstream,
            arms,
            links,
            accepting,
            stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it passes connections on to.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Connections that it holds at this moment.
    pub fn live(&self) -> usize {
        self.links.len()
    }

    /// Lets `toxic` act on `side` of the `share` (0 to 1) of connections that `seed` draws, until the handle is disarmed or
    /// dropped.
    pub fn arm(&self, toxic: Toxic, side: Side, share: f64, seed: u64) -> Armed {
        Armed::new(&self.arms, toxic, side, share, seed)
    }

    /// Stops listening, ends all connections, and returns when they have ended.
    pub async fn stop(self) {
        drop(self.stop);
        // It can only have ended by itself, or have been cancelled with its runtime: both are an end.
        let _ = self.accepting.await;
        self.links.close();
        self.links.wait().await;
    }
}
