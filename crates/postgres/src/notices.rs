//! Notices between processes: LISTEN on a connection of its own, NOTIFY as a statement of its own, ten a second at most.
//!
//! Both loops begin when they are first needed and end with the handle. A notice that is lost does no harm.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Failure;
use crate::pool::Pool;

const CHANNEL: &str = "eventflow_due";
const NOTIFY: &str = "SELECT pg_notify('eventflow_due', '')";
/// Between two notices of a process: NOTIFY holds a lock of the whole server until its commit ends.
const APART: Duration = Duration::from_millis(100);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A listener that heard nothing for so long asks whether anybody is there.
const SILENCE: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Both ends of the notices of one process.
#[derive(Debug)]
pub(crate) struct Notices {
    pool: Arc<Pool>,
    sending: Arc<Sending>,
    sender: Once,
    heard: watch::Sender<u64>,
    passed_on: AtomicU64,
    listener: Once,
    stopped: CancellationToken,
    _stop_on_drop: DropGuard,
}

#[derive(Debug, Default)]
struct Sending {
    wanted: AtomicBool,
    wake: Notify,
}

impl Notices {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        let stopped = CancellationToken::new();
        Self {
            pool,
            sending: Arc::default(),
            sender: Once::new(),
            heard: watch::Sender::new(0),
            passed_on: AtomicU64::new(0),
            listener: Once::new(),
            _stop_on_drop: stopped.clone().drop_guard(),
            stopped,
        }
    }

    /// Sends a notice soon. One that is wanted while another is held back goes out with it.
    pub(crate) fn notify(&self) {
        self.sender.call_once(|| {
            tokio::spawn(send(
                Arc::clone(&self.pool),
                Arc::clone(&self.sending),
                self.stopped.clone(),
            ));
        });
        self.sending.wanted.store(true, Ordering::Release);
        self.sending.wake.notify_one();
    }

    /// Waits for a notice that no call has been told of.
    pub(crate) async fn noticed(&self) {
        let mut heard = self.heard.subscribe();
        self.listener.call_once(|| {
            tokio::spawn(listen(Arc::clone(&self.pool), self.heard.clone(), self.stopped.clone()));
        });
        let passed_on = self.passed_on.load(Ordering::Acquire);
        // The sender lives as long as `self`, so this waits for a notice and nothing else.
        let news = heard.wait_for(|count| *count > passed_on).await.map(|count| *count);
        if let Ok(count) = news {
            self.passed_on.fetch_max(count, Ordering::AcqRel);
        }
    }

    /// Ends both loops.
    pub(crate) fn stop(&self) {
        self.stopped.cancel();
    }
}

/// Sends what is wanted, at most ten times a second.
async fn send(pool: Arc<Pool>, sending: Arc<Sending>, stopped: CancellationToken) {
    let work = async {
        loop {
            sending.wake.notified().await;
            while sending.wanted.swap(false, Ordering::AcqRel) {
                if let Err(error) = send_one(&pool).await {
                    tracing::debug!(%error, "a notice could not be sent; the others will poll");
                }
                sleep(APART).await;
            }
        }
    };
    stopped.run_until_cancelled(work).await;
}

async fn send_one(pool: &Pool) -> Result<(), Failure> {
    let mut held = pool.acquire().await?;
    timeout(ANSWER_WITHIN, sqlx::query(NOTIFY).execute(&mut held.connection))
        .await
        .map_err(|_| Failure::TimedOut(ANSWER_WITHIN))??;
    held.give_back();
    Ok(())
}

/// Hears notices, over one connection after the other.
async fn listen(pool: Arc<Pool>, heard: watch::Sender<u64>, stopped: CancellationToken) {
    let work = async {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = *heard.borrow();
            let error = match hear(&pool, &heard).await {
                Err(error) => error,
                Ok(never) => match never {},
            };
            if *heard.borrow() > before {
                pause = FIRST_PAUSE;
            }
            tracing::debug!(%error, pause_ms = pause.as_millis(), "the listener lost the store; it connects again");
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    stopped.run_until_cancelled(work).await;
}

/// Listens until something breaks.
async fn hear(pool: &Pool, heard: &watch::Sender<u64>) -> Result<std::convert::Infallible, Failure> {
    let own = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_WITHIN)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(pool.options().clone());
    let mut listener = timeout(CONNECT_WITHIN, PgListener::connect_with(&own))
        .await
        .map_err(|_| Failure::ConnectTimedOut(CONNECT_WITHIN))??;
    timeout(ANSWER_WITHIN, listener.listen(CHANNEL))
        .await
        .map_err(|_| Failure::TimedOut(ANSWER_WITHIN))??;
    // What came while nobody listened.
    heard.send_modify(|count| *count += 1);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(_))) => heard.send_modify(|count| *count += 1),
            Ok(Ok(None)) => return Err(Failure::Closed),
            Ok(Err(error)) => return Err(Failure::Sql(error)),
            Err(_) => {
                timeout(ANSWER_WITHIN, listener.execute("SELECT 1"))
                    .await
                    .map_err(|_| Failure::TimedOut(ANSWER_WITHIN))??;
            }
        }
    }
}
