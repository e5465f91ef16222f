//! The load generator: prepared requests over connections that stay, on one thread, cheap enough to share two processors.
//!
//! Closed: each connection sends when its answer is there, as many as the other side bears. Open: every event has a moment
//! at which it is to leave, and all waiting is counted from there, also what a slow answer before it caused.

mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use eventflow_core::{Clock as _, SystemClock};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::event::Request;
use crate::row::{float, per_second};
use wire::Wire;

/// Connections of a closed load, as many as wrk was given for the figures of old.
pub(crate) const CONNECTIONS: u64 = 50;
/// Connections of an open load: enough that a slow answer holds up few others.
const OPEN_CONNECTIONS: u64 = 100;
/// How long a connection rests while its valve is shut.
const REST: Duration = Duration::from_millis(5);
/// The longest wait that is told apart, in microseconds: ten minutes.
const LONGEST: u64 = 600_000_000;
/// Digits that the histogram keeps.
const DIGITS: u8 = 3;
/// How long before its first event an open load makes its connections.
const LEAD: Duration = Duration::from_millis(200);

/// What came of a load.
pub(crate) struct Sent {
    /// Events that were acknowledged.
    pub(crate) acked: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// From each request, or from the moment it should have left, to its answer, in microseconds.
    pub(crate) waits: Histogram<u64>,
}

impl Sent {
    /// Acknowledged events a second.
    pub(crate) fn rate(&self) -> f64 {
        per_second(self.acked, self.elapsed)
    }

    /// A quantile of the waits in milliseconds.
    pub(crate) fn wait_ms(&self, quantile: f64) -> f64 {
        float(self.waits.value_at_quantile(quantile)) / 1_000.0
    }
}

/// Holds a closed load back, and ends it.
#[derive(Debug, Default)]
pub(crate) struct Valve {
    /// Nothing is sent for now.
    pub(crate) shut: AtomicBool,
    /// Nothing is sent any more.
    pub(crate) ended: AtomicBool,
    /// Events acknowledged so far.
    pub(crate) acked: AtomicU64,
}

/// Sends `events` as fast as they are answered for. An error where it takes longer than `within`.
pub(crate) fn closed(request: &Request, to: SocketAddr, events: u64, within: Duration) -> Result<Sent> {
    closed_behind(request, to, events, within, &Arc::default())
}

/// The same behind a valve.
pub(crate) fn closed_behind(
    request: &Request,
    to: SocketAddr,
    events: u64,
    within: Duration,
    valve: &Arc<Valve>,
) -> Result<Sent> {
    let left = Arc::new(AtomicU64::new(events));
    let starts = (0..CONNECTIONS).map(|_| {
        let (request, left, valve) = (request.clone(), Arc::clone(&left), Arc::clone(valve));
        async move { flat_out(Wire::connect(to).await?, request, &left, &valve).await }
    });
    drive(starts, within)
}

/// Sends `rate` single events a second for so long, each at its moment, which is written into it as its time.
pub(crate) fn open(request: &Request, to: SocketAddr, rate: u32, during: Duration) -> Result<Sent> {
    const LATE: Duration = Duration::from_secs(30);
    let total = u64::from(rate) * u64::try_from(during.as_millis())? / 1_000;
    // Connections are made first.
    let begin = Begin {
        at: Instant::now() + LEAD,
        micros: SystemClock.now().plus(LEAD).as_micros(),
    };
    let starts = (0..OPEN_CONNECTIONS).map(|first| {
        let request = request.clone();
        async move {
            let places = (first..total).step_by(usize::try_from(OPEN_CONNECTIONS)?);
            on_time(Wire::connect(to).await?, request, begin, rate, places).await
        }
    });
    let mut sent = drive(starts, during + LATE)?;
    sent.elapsed = sent.elapsed.saturating_sub(LEAD);
    Ok(sent)
}

fn waits() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST, DIGITS)?)
}

/// A moment on both clocks.
#[derive(Clone, Copy)]
struct Begin {
    at: Instant,
    micros: i64,
}

/// What one connection saw.
struct Seen {
    acked: u64,
    refused: u64,
    waits: Histogram<u64>,
}

impl Seen {
    fn new() -> Result<Self> {
        Ok(Self {
            acked: 0,
            refused: 0,
            waits: waits()?,
        })
    }

    fn take(&mut self, accepted: bool, events: u64, since: Instant) {
        if accepted {
            self.acked += events;
        } else {
            self.refused += 1;
        }
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waits.saturating_record(micros);
    }
}

async fn flat_out(mut wire: Wire, mut request: Request, left: &AtomicU64, valve: &Valve) -> Result<Seen> {
    let mut seen = Seen::new()?;
    let events = request.events;
    loop {
        while valve.shut.load(Ordering::Relaxed) && !valve.ended.load(Ordering::Relaxed) {
            sleep(REST).await;
        }
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(events));
        if taken.is_err() || valve.ended.load(Ordering::Relaxed) {
            return Ok(seen);
        }
        request.set_ids();
        let since = Instant::now();
        let accepted = wire.exchange(request.bytes()).await?;
        seen.take(accepted, events, since);
        if accepted {
            valve.acked.fetch_add(events, Ordering::Relaxed);
        }
    }
}

async fn on_time(
    mut wire: Wire,
    mut request: Request,
    begin: Begin,
    rate: u32,
    places: impl Iterator<Item = u64>,
) -> Result<Seen> {
    let mut seen = Seen::new()?;
    for place in places {
        let offset = Duration::from_nanos(place * 1_000_000_000 / u64::from(rate));
        sleep_until(begin.at + offset).await;
        let micros = begin.micros + i64::try_from(offset.as_micros())?;
        request.set_time(eventflow_core::Timestamp::from_micros(micros));
        let accepted = wire.exchange(request.bytes()).await?;
        seen.take(accepted, 1, begin.at + offset);
    }
    Ok(seen)
}

/// Runs the connections on a thread of their own, and adds up what they saw.
fn drive<F>(starts: impl Iterator<Item = F> + Send, within: Duration) -> Result<Sent>
where
    F: Future<Output = Result<Seen>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut sent = Sent {
            acked: 0,
            refused: 0,
            elapsed: Duration::ZERO,
            waits: waits()?,
        };
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for start in starts {
            connections.spawn(start);
        }
        let all = async {
            while let Some(seen) = connections.join_next().await {
                let seen = seen.context("a connection of the generator failed")??;
                sent.acked += seen.acked;
                sent.refused += seen.refused;
                sent.waits.add(&seen.waits)?;
            }
            anyhow::Ok(())
        };
        timeout(within, all).await.context("the load was not sent in time")??;
        sent.elapsed = began.elapsed();
        Ok(sent)
    })
}
