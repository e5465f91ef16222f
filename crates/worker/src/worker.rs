//! One worker process: joins the list, starts its loops, and ends them in the right order.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Archive, Ledger, Pattern, Pulse, Queue, Registered, WorkerId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hand::Hand;
use crate::handlers::Handlers;
use crate::held::Held;
use crate::list::List;
use crate::settings::{BATCH_EVENTS, HAND_EVENTS, READ_MAX, Settings};
use crate::shared::Shared;
use crate::slots::{Gate, Limits, Slots};
use crate::status::Status;
use crate::store::Store;
use crate::{admit, janitor, lease, read, record, renew, settle};

/// What a worker is made of.
pub struct Parts {
    /// Where events live.
    pub ledger: Arc<dyn Ledger>,
    /// The same, for purging.
    pub archive: Arc<dyn Archive>,
    /// Where they come from, if not only from the ledger.
    pub queue: Option<Arc<dyn Queue>>,
    /// Notices that rows are due.
    pub pulse: Arc<dyn Pulse>,
    /// What it carries.
    pub handlers: Handlers,
    /// How.
    pub settings: Settings,
}

/// Why a worker ended otherwise than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its handlers and the ledger's do not go together.
    #[error(
        "`{0}` and `{1}` are equally specific and some type matches both: make one of them more specific, or retire it with `efctl handlers retire`"
    )]
    Tie(Pattern, Pattern),
    /// A loop ended that never should: a defect. The process has to be started anew.
    #[error("the worker's {0} has ended by itself")]
    LoopEnded(&'static str),
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Events that were still held at its end: a handler that blocks its thread, or a ledger that was away. Their leases lapse.
    pub left: usize,
}

/// How long the last outcomes may take to be recorded, beyond the grace time.
const RECORD_TIME: Duration = Duration::from_secs(5);
/// How often the drain looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// A worker that is ready to run.
pub struct Worker {
    shared: Arc<Shared>,
    archive: Arc<dyn Archive>,
    outcomes: mpsc::Receiver<record::Ended>,
}

impl Worker {
    /// Puts it together; nothing is asked of anybody yet.
    pub fn new(parts: Parts) -> Self {
        let lanes = parts.handlers.into_entries();
        let limits = lanes.iter().map(|lane| {
            let limits = Limits {
                concurrency: lane.options.concurrency.unwrap_or(parts.settings.concurrency),
                rate: lane.options.rate,
            };
            (lane.pattern.clone(), limits)
        });
        let slots = Slots::new(parts.settings.concurrency, limits);
        let (outcomes, ended) = mpsc::channel(BATCH_EVENTS);
        let shared = Shared {
            id: WorkerId::new(),
            store: Store::new(parts.ledger),
            queue: parts.queue,
            pulse: parts.pulse,
            slots,
            lanes,
            held: Held::default(),
            hand: Hand::default(),
            list: List::new(parts.settings.lease),
            status: Status::new(),
            runs: TaskTracker::new(),
            outcomes,
            draining: CancellationToken::new(),
            overdue: CancellationToken::new(),
            recorded: CancellationToken::new(),
            settings: parts.settings,
        };
        Self {
            shared: Arc::new(shared),
            archive: parts.archive,
            outcomes: ended,
        }
    }

    /// Its incarnation.
    pub fn id(&self) -> WorkerId {
        self.shared.id
    }

    /// A view of it that outlives it.
    pub fn status(&self) -> Status {
        self.shared.status.clone()
    }

    /// Works until `shutdown`, then drains.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Ended, WorkerError> {
        let shared = self.shared;
        if !join(&shared, &shutdown).await? {
            return Ok(Ended { left: 0 });
        }
        let mut loops = Loops::start(&shared, self.archive, self.outcomes);
        shared.status.set_ready(true);
        tracing::info!(worker = %shared.id, name = shared.settings.name, handlers = shared.lanes.len(), "ready");
        let ended = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            name = loops.first_to_end() => Err(WorkerError::LoopEnded(name)),
        };
        shared.status.set_ready(false);
        let left = drain(&shared, &mut loops).await;
        ended.map(|()| Ended { left })
    }
}

/// Registers until the ledger answers. False where the shutdown came first.
async fn join(shared: &Shared, shutdown: &CancellationToken) -> Result<bool, WorkerError> {
    let mut pause = Duration::from_millis(100);
    loop {
        let registered = tokio::select! {
            registered = shared.store.probe().register(renew::registration(shared)) => registered,
            () = shutdown.cancelled() => return Ok(false),
        };
        match registered {
            Ok(Registered::Joined(registry)) => {
                shared.list.set(registry);
                return Ok(true);
            }
            Ok(Registered::Tie(a, b)) => return Err(WorkerError::Tie(a, b)),
            Err(error) => tracing::warn!(%error, "waiting for the ledger"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(2)),
            () = shutdown.cancelled() => return Ok(false),
        }
    }
}

/// The loops of a worker: those that bring work in, and those that see it out.
struct Loops {
    intake: JoinSet<&'static str>,
    rest: JoinSet<&'static str>,
}

impl Loops {
    fn start(shared: &Arc<Shared>, archive: Arc<dyn Archive>, outcomes: mpsc::Receiver<record::Ended>) -> Self {
        let mut intake = JoinSet::new();
        let mut rest = JoinSet::new();
        if let Some(queue) = &shared.queue {
            // The hand bounds what stands here, one read beyond it included, so that a send never waits.
            let (to_admit, from_reader) = mpsc::channel(HAND_EVENTS + READ_MAX);
            let (to_settle, from_admitter) = mpsc::channel(4);
            spawn(
                &mut intake,
                "reader",
                read::run(Arc::clone(shared), queue.reader(shared.id), to_admit),
            );
            spawn(
                &mut intake,
                "admitter",
                admit::run(Arc::clone(shared), from_reader, to_settle),
            );
            spawn(
                &mut intake,
                "settler",
                settle::run(Arc::clone(shared), Arc::clone(queue), from_admitter),
            );
        }
        spawn(&mut intake, "leaser", lease::run(Arc::clone(shared)));
        spawn(&mut intake, "janitor", janitor::run(Arc::clone(shared), archive));
        spawn(&mut rest, "recorder", record::run(Arc::clone(shared), outcomes));
        spawn(&mut rest, "renewer", renew::run(Arc::clone(shared)));
        Self { intake, rest }
    }

    async fn first_to_end(&mut self) -> &'static str {
        let ended = tokio::select! {
            Some(ended) = self.intake.join_next() => ended,
            Some(ended) = self.rest.join_next() => ended,
        };
        ended.unwrap_or_else(|error| {
            tracing::error!(%error, "a loop of the worker has failed");
            "loop"
        })
    }
}

fn spawn(set: &mut JoinSet<&'static str>, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
    set.spawn(async move {
        run.await;
        name
    });
}

/// Stops taking, finishes what runs within the grace time, hands the rest back, records all of it, leaves.
async fn drain(shared: &Arc<Shared>, loops: &mut Loops) -> usize {
    tracing::info!(running = shared.held.len(), in_hand = shared.hand.events(), "draining");
    shared.draining.cancel();
    shared.slots.set_gate(Gate::Closed);
    let grace = tokio::time::sleep(shared.settings.grace);
    tokio::pin!(grace);
    tokio::select! {
        () = async { while loops.intake.join_next().await.is_some() {} } => {}
        () = &mut grace => tracing::warn!(in_hand = shared.hand.events(), "not all in hand could be admitted; the queue still has it"),
    }
    loops.intake.abort_all();
    shared.runs.close();
    tokio::select! {
        () = shared.runs.wait() => {}
        () = &mut grace => tracing::warn!(running = shared.held.len(), "the grace time is over; handing back"),
    }
    shared.overdue.cancel();
    let recorded = async {
        while shared.held.len() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    let all = tokio::time::timeout(RECORD_TIME, recorded).await.is_ok();
    shared.recorded.cancel();
    let ended = async { while loops.rest.join_next().await.is_some() {} };
    if tokio::time::timeout(RECORD_TIME, ended).await.is_err() {
        loops.rest.abort_all();
    }
    if all {
        leave(shared).await;
    }
    let left = shared.held.len();
    tracing::info!(left, "drained");
    left
}

/// Takes the worker off the list. Not done where something is still held: that has to lapse, as what it is, a crash.
async fn leave(shared: &Shared) {
    match tokio::time::timeout(RECORD_TIME, shared.store.probe().leave(shared.id)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "could not leave the list of workers"),
        Err(_) => tracing::warn!("could not leave the list of workers in time"),
    }
}
