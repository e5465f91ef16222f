//! A small pool: a connection that missed its deadline is closed at once, and a permit is never lost with it.
//!
//! Connections are not tested before use. One that broke while it was idle fails its first statement; then all idle
//! ones are dropped, and the statement, safe to repeat, goes out on a new one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::error::Failure;
use crate::gate::Gate;
use crate::session;

const FREE_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longer than a statement may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(7);
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);
/// What lay idle for longer may have been forgotten by something between here and there.
const IDLE_AT_MOST: Duration = Duration::from_mins(5);

/// Sessions to one database.
#[derive(Debug)]
pub(crate) struct Pool {
    options: PgConnectOptions,
    setup: Vec<String>,
    gate: Arc<Gate>,
    size: u32,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
    generation: AtomicU64,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A connection in use. Dropped without [`Held::give_back`], its socket is closed.
pub(crate) struct Held<'p> {
    pool: &'p Pool,
    /// The session.
    pub(crate) connection: PgConnection,
    /// Whether it served before.
    pub(crate) reused: bool,
    generation: u64,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(crate) fn new(options: PgConnectOptions, setup: Vec<String>, size: u32, gate: Arc<Gate>) -> Self {
        Self {
            options,
            setup,
            gate,
            size,
            permits: Semaphore::new(size as usize),
            idle: Mutex::new(Vec::new()),
            generation: AtomicU64::new(0),
        }
    }

    /// How to open a session beside the pool.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// An idle session, or a new one.
    pub(crate) async fn acquire(&self) -> Result<Held<'_>, Failure> {
        let permit = timeout(FREE_WITHIN, self.permits.acquire())
            .await
            .map_err(|_| Failure::Busy(FREE_WITHIN))?
            .map_err(|_| Failure::Closed)?;
        let generation = self.generation.load(Ordering::Acquire);
        let idle = self.pop();
        let reused = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => timeout(CONNECT_WITHIN, session::open(&self.options, &self.setup, &self.gate))
                .await
                .map_err(|_| Failure::ConnectTimedOut(CONNECT_WITHIN))??,
        };
        Ok(Held {
            pool: self,
            connection,
            reused,
            generation,
            _permit: permit,
        })
    }

    /// Drops what is idle, and what comes back from before.
    pub(crate) fn discard_idle(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.lock().clear();
    }

    /// Waits for what is in use, within a bound, and says goodbye.
    pub(crate) async fn close(&self) {
        let all = timeout(DRAIN_WITHIN, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.lock());
        for Idle { connection, .. } in idle {
            if timeout(GOODBYE_WITHIN, connection.close()).await.is_err() {
                tracing::debug!("the server did not take leave of a connection in time");
            }
        }
    }

    fn pop(&self) -> Option<PgConnection> {
        let mut idle = self.lock();
        let newest = idle.pop()?;
        if newest.since.elapsed() > IDLE_AT_MOST {
            idle.clear();
            return None;
        }
        Some(newest.connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    /// Puts the session back for the next.
    pub(crate) fn give_back(self) {
        let mut idle = self.pool.lock();
        if !self.pool.permits.is_closed() && self.generation == self.pool.generation.load(Ordering::Acquire) {
            idle.push(Idle {
                connection: self.connection,
                since: Instant::now(),
            });
        }
    }
}
