//! A small world for a worker: ledger and queue in memory, whose clock goes with tokio's paused one.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Archive, Event, EventKey, EventRecord, EventState, Ledger, Queue, RetryPolicy, WorkerId};
use eventflow_testkit::{Faulty, ManualClock, MemoryLedger, MemoryQueue};
use eventflow_worker::{
    Crash, Ended, HandlerOptions, Handlers, Parts, Settings, Simulated, Status, Worker, WorkerError,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) memory: Arc<MemoryLedger>,
    pub(crate) ledger: Arc<Faulty<MemoryLedger>>,
    pub(crate) queue: Arc<Faulty<MemoryQueue>>,
    ticking: JoinHandle<()>,
}

pub(crate) struct Running {
    pub(crate) id: WorkerId,
    pub(crate) status: Status,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<Ended, WorkerError>>,
}

pub(crate) const LEASE: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(10);
/// Far beyond what any test needs; the clock is paused, so that nobody waits for it.
const PATIENCE: Duration = Duration::from_mins(20);

impl Drop for World {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let memory = Arc::new(MemoryLedger::new(Arc::clone(&clock)));
        let queue = Arc::new(MemoryQueue::new(Arc::clone(&clock), NonZeroU16::MIN));
        let ticking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(STEP).await;
                clock.advance(STEP);
            }
        });
        Self {
            ledger: Arc::new(Faulty::new(Arc::clone(&memory))),
            memory,
            queue: Arc::new(Faulty::new(queue)),
            ticking,
        }
    }

    pub(crate) async fn put(&self, events: &[Arc<Event>]) {
        for appended in self.queue.inner().append(events).await {
            appended.expect("the queue in memory takes it");
        }
    }

    pub(crate) fn start(&self, handlers: Handlers) -> Running {
        self.start_with(handlers, |_| {})
    }

    pub(crate) fn start_with(&self, handlers: Handlers, change: impl FnOnce(&mut Settings)) -> Running {
        self.start_on(Arc::clone(&self.ledger) as _, handlers, change)
    }

    /// A worker that reaches the world's ledger through this one.
    pub(crate) fn start_on(
        &self,
        ledger: Arc<dyn Ledger>,
        handlers: Handlers,
        change: impl FnOnce(&mut Settings),
    ) -> Running {
        let mut settings = Settings {
            name: "w".into(),
            lease: LEASE,
            ..Settings::default()
        };
        change(&mut settings);
        let worker = Worker::new(Parts {
            ledger,
            archive: Arc::clone(&self.memory) as Arc<dyn Archive>,
            queue: Some(Arc::clone(&self.queue) as Arc<dyn Queue>),
            pulse: Arc::clone(&self.memory) as _,
            handlers,
            settings,
        });
        let shutdown = CancellationToken::new();
        Running {
            id: worker.id(),
            status: worker.status(),
            shutdown: shutdown.clone(),
            task: tokio::spawn(worker.run(shutdown)),
        }
    }

    pub(crate) async fn get(&self, key: EventKey) -> Option<EventRecord> {
        self.memory.get(key).await.expect("the ledger in memory answers")
    }

    pub(crate) async fn state(&self, key: EventKey) -> Option<EventState> {
        Some(self.get(key).await?.state)
    }

    /// Waits, in paused time, until the event is in that state.
    pub(crate) async fn reaches(&self, key: EventKey, state: EventState) -> EventRecord {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let record = self.get(key).await;
            if let Some(record) = record.as_ref().filter(|record| record.state == state) {
                return record.clone();
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{key} never was {state}; it is {record:?}"
            );
            tokio::time::sleep(STEP).await;
        }
    }

    /// Waits, in paused time, until the condition holds.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition() {
            assert!(tokio::time::Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(STEP).await;
        }
    }

    /// Waits, in paused time, until the queue is empty.
    pub(crate) async fn drained(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.backlog().await > 0 {
            assert!(tokio::time::Instant::now() < deadline, "the queue is never empty");
            tokio::time::sleep(STEP).await;
        }
    }

    pub(crate) async fn backlog(&self) -> u64 {
        let depth = self.queue.inner().depth().await.expect("the queue in memory answers");
        depth.iter().map(|partition| partition.entries).sum()
    }
}

impl Running {
    pub(crate) async fn stop(self) -> Ended {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("no error")
    }
}

/// The simulated handler under `efctl.sim.*`, and nothing else.
pub(crate) fn simulated() -> Handlers {
    let mut handlers = Handlers::new();
    add(&mut handlers, "efctl.sim.*", Simulated::new(Crash::Panic));
    handlers
}

pub(crate) fn add(handlers: &mut Handlers, pattern: &str, handler: impl eventflow_worker::Handler) {
    handlers
        .add(pattern, handler, HandlerOptions::default())
        .expect("a good pattern");
}

/// A policy whose waits are nothing, so that attempts are all that counts.
pub(crate) const fn at_once(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        attempts,
        base: Duration::ZERO,
        cap: Duration::ZERO,
    }
}

pub(crate) fn sim(id: &str, fail: &str) -> Arc<Event> {
    eventflow_testkit::event("efctl.sim.x", id, &format!(r#"{{"fail":"{fail}"}}"#)).shared()
}

pub(crate) fn plain(id: &str) -> Arc<Event> {
    eventflow_testkit::event("plain", id, "{}").shared()
}
