//! Keeps the target in sight: asks its API twice a second what waits and what is done, and says when all is done.
//!
//! What waits in the queue is exact and about a second old; what waits in the ledger is counted every five seconds, by one
//! process for all. So "all is done" takes a count that was made after the queue was seen empty, and whoever waits for it
//! waits up to a few seconds longer than the work takes.

mod drain;
mod standstill;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use eventflow_core::{Clock as _, RetryPolicy, SystemClock, Timestamp};
use eventflow_wire::{Client, Stats};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::drain::Drain;
use self::standstill::Standstill;
use crate::measure::float;
use crate::target::Running;

/// How often the API is asked.
pub const EVERY: Duration = Duration::from_millis(500);
/// How long it may take to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// What was seen at one moment. What is not known is absent, never 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// When it was asked for.
    pub taken: Instant,
    /// The same from the beginning of the load; 0 before it.
    pub at: Duration,
    /// The same by this machine's clock.
    pub at_wall: Timestamp,
    /// Whether an API answers that an event can be taken durably.
    pub ready: bool,
    /// Entries of the queue that no worker has; 0 without a queue.
    pub lag: Option<u64>,
    /// Entries of the queue that a worker has.
    pub pending: Option<u64>,
    /// Entries of the queue in all.
    pub queue_entries: Option<u64>,
    /// How long before `taken` the queue was read; 0 without a queue.
    pub queue_age: Option<Duration>,
    /// Rows of the ledger that wait, at its last count.
    pub due: Option<u64>,
    /// Rows that are leased, at its last count.
    pub running: Option<u64>,
    /// When they were counted, by the store's clock; absent also where there is no handler, and so nothing to count.
    pub counted_at: Option<Timestamp>,
    /// How long before `taken` the API has read that count.
    pub ledger_age: Option<Duration>,
    /// How many handlers there are.
    pub handlers: usize,
    /// Dead letters.
    pub dead: Option<u64>,
    /// Events that were taken in since the watch began, by all APIs together; absent until each has answered once. What one
    /// took in between the last answer and its end is missing.
    pub accepted: Option<u64>,
    /// All that is unfinished, as last known.
    pub backlog: Option<u64>,
}

impl Reading {
    /// A reading of nothing.
    pub fn blank(taken: Instant) -> Self {
        Self {
            taken,
            at: Duration::ZERO,
            at_wall: Timestamp::default(),
            ready: false,
            lag: None,
            pending: None,
            queue_entries: None,
            queue_age: None,
            due: None,
            running: None,
            counted_at: None,
            ledger_age: None,
            handlers: 0,
            dead: None,
            accepted: None,
            backlog: None,
        }
    }

    /// A metric of the steady state by its name: `backlog`, `lag`, `due`, `running`, `dead`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let number = match name {
            "backlog" => self.backlog,
            "lag" => self.lag,
            "due" => self.due,
            "running" => self.running,
            "dead" => self.dead,
            _ => None,
        };
        number.map(float)
    }

    fn of(stats: &Stats, taken: Instant) -> Self {
        let queue = stats.queue.as_ref();
        let partitions = |of: fn(&eventflow_wire::PartitionView) -> u64| match queue {
            None => Some(0),
            Some(queue) => queue.partitions.as_ref().map(|all| all.iter().map(of).sum()),
        };
        let age = |seconds: Option<f64>| seconds.and_then(|age| Duration::try_from_secs_f64(age).ok());
        Self {
            lag: partitions(|partition| partition.lag),
            pending: partitions(|partition| partition.pending),
            queue_entries: partitions(|partition| partition.entries),
            queue_age: queue.map_or(Some(Duration::ZERO), |queue| age(queue.age_s)),
            due: stats.ledger.due,
            running: stats.ledger.running,
            counted_at: stats.ledger.counted_at,
            ledger_age: age(stats.ledger.age_s),
            handlers: stats.handlers.len(),
            dead: stats.letters.map(|letters| letters.dead),
            backlog: stats.backlog.events,
            ..Self::blank(taken)
        }
    }
}

/// Looks again and again, until it is dropped or ended.
#[derive(Debug)]
pub struct Watcher {
    latest: watch::Receiver<Option<Reading>>,
    begin: Arc<OnceLock<Instant>>,
    stop: Option<DropGuard>,
    looking: Option<JoinHandle<Option<Duration>>>,
}

impl Watcher {
    /// Begins to look at the target, past its proxies. `quiet` are the stretches of the load in which it may stand still:
    /// the windows of the faults.
    pub fn start(running: &Running, quiet: Vec<Range<Duration>>) -> Self {
        let once = RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        };
        let clients = running
            .clients()
            .map(|client| client.with_deadline(WITHIN).with_retry(once));
        let (tell, latest) = watch::channel(None);
        let begin = Arc::new(OnceLock::new());
        let stop = CancellationToken::new();
        let look = Look {
            counters: Vec::new(),
            clients: clients.collect(),
            begin: Arc::clone(&begin),
            standstill: Standstill::new(quiet),
            tell,
        };
        Self {
            latest,
            begin,
            looking: Some(tokio::spawn(look.run(stop.clone()))),
            stop: Some(stop.drop_guard()),
        }
    }

    /// The load begins at this moment: from there on `at` is counted, and whether events are finished is watched.
    pub fn begin(&self, at: Instant) {
        // Whoever says it twice is late.
        let _ = self.begin.set(at);
    }

    /// What was last seen; none before the first look.
    pub fn latest(&self) -> Option<Reading> {
        self.latest.borrow().clone()
    }

    /// Every reading from now on.
    pub fn subscribe(&self) -> watch::Receiver<Option<Reading>> {
        self.latest.clone()
    }

    /// Waits until nothing is left to do: the queue empty, and later a fresh count of the ledger without a row that is due
    /// or leased, and the queue empty again. Nothing may be sent any more. False where that did not come within
    /// `at_most`, or `stop` came first.
    pub async fn drained(&self, at_most: Duration, stop: &CancellationToken) -> bool {
        let mut readings = self.subscribe();
        let mut drain = Drain::new(Instant::now());
        let watching = async {
            while readings.changed().await.is_ok() {
                let done = readings
                    .borrow_and_update()
                    .as_ref()
                    .is_some_and(|reading| drain.look(reading));
                if done {
                    return true;
                }
            }
            false
        };
        tokio::select! {
            () = stop.cancelled() => false,
            done = tokio::time::timeout(at_most, watching) => done.unwrap_or(false),
        }
    }

    /// Stops looking. The longest stretch, in seconds, in which there was a backlog and nothing was finished, outside of
    /// the quiet ones; none where that could not be observed, or was asked before. It is as exact as the counts of the
    /// ledger, five seconds.
    pub async fn end(&mut self) -> Option<f64> {
        drop(self.stop.take());
        let longest = self.looking.take()?.await.ok().flatten();
        longest.map(|longest| longest.as_secs_f64())
    }
}

/// The task that looks.
struct Look {
    clients: Vec<Client>,
    counters: Vec<Counter>,
    begin: Arc<OnceLock<Instant>>,
    standstill: Standstill,
    tell: watch::Sender<Option<Reading>>,
}

/// A counter of a process that may begin anew.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// What it showed first; that was before us.
    first: Option<u64>,
    /// What its former lives came to.
    before: u64,
    last: u64,
}

impl Counter {
    fn read(&mut self, shown: u64) {
        self.first.get_or_insert(shown);
        if shown < self.last {
            self.before += self.last;
        }
        self.last = shown;
    }

    fn total(self) -> Option<u64> {
        Some((self.before + self.last).saturating_sub(self.first?))
    }
}

impl Look {
    async fn run(mut self, stop: CancellationToken) -> Option<Duration> {
        self.counters = vec![Counter::default(); self.clients.len()];
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.standstill.longest(),
                _ = ticks.tick() => {}
            }
            let reading = tokio::select! {
                () = stop.cancelled() => return self.standstill.longest(),
                reading = self.look() => reading,
            };
            if self.begin.get().is_some() {
                self.standstill.look(&reading);
            }
            self.tell.send_replace(Some(reading));
        }
    }

    async fn look(&mut self) -> Reading {
        let taken = Instant::now();
        let answers = join_all(self.clients.iter().map(ask)).await;
        for (counter, (stats, _)) in self.counters.iter_mut().zip(&answers) {
            if let Some(stats) = stats {
                counter.read(stats.intake.accepted);
            }
        }
        let seen = answers.iter().find_map(|(stats, _)| stats.as_ref());
        let reading = seen.map_or_else(|| Reading::blank(taken), |stats| Reading::of(stats, taken));
        Reading {
            at: self
                .begin
                .get()
                .map_or(Duration::ZERO, |begin| taken.saturating_duration_since(*begin)),
            at_wall: SystemClock.now(),
            ready: answers.iter().any(|(_, ready)| *ready),
            accepted: self.counters.iter().map(|counter| counter.total()).sum(),
            ..reading
        }
    }
}

/// What an API knows, and whether it takes events. That it does not answer is an answer.
async fn ask(client: &Client) -> (Option<Stats>, bool) {
    let (stats, ready) = tokio::join!(client.stats(), client.ready());
    if let Err(error) = &stats {
        tracing::debug!(%error, "the API says nothing of itself");
    }
    (stats.ok(), ready.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_over_the_lives_of_its_process() {
        let mut counter = Counter::default();
        assert_eq!(counter.total(), None);
        for shown in [10, 15, 3, 3, 8, 0] {
            counter.read(shown);
        }
        assert_eq!(counter.total(), Some(15 + 8 - 10));
    }

    #[tokio::test]
    async fn metrics_go_by_their_names() {
        let reading = Reading {
            backlog: Some(7),
            ..Reading::blank(Instant::now())
        };
        assert_eq!(reading.metric("backlog"), Some(7.0));
        assert_eq!(reading.metric("lag"), None);
        assert_eq!(reading.metric("weather"), None);
    }
}
