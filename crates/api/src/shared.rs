//! What all routes share, and of what it is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use eventflow_core::{Archive, Clock, Ledger, Pulse, Queue};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::Counters;
use crate::door;
use crate::inspect::{Inspector, Role, Watched};
use crate::intake::{Intake, Places};
use crate::rate::Rate;
use crate::settings::Settings;
use crate::tasks::keep;
use crate::watch::Watch;
use eventflow_wire::Taker;

/// A worker that runs in the same process.
pub trait LocalWorker: Send + Sync + 'static {
    /// The names of its loops that have made no progress for too long.
    fn stalled(&self) -> Vec<String>;

    /// Whether it is on the ledger's list and takes work.
    fn is_ready(&self) -> bool;
}

/// What an API is made of.
pub struct Parts {
    /// Where events live.
    pub ledger: Arc<dyn Ledger>,
    /// What has happened to them.
    pub archive: Arc<dyn Archive>,
    /// The buffer before the ledger, if there is one.
    pub queue: Option<Arc<dyn Queue>>,
    /// Wakes workers.
    pub pulse: Arc<dyn Pulse>,
    /// The backends behind these ports, to be inspected.
    pub backends: Vec<Watched>,
    /// The worker of this process, if it has one.
    pub local_worker: Option<Arc<dyn LocalWorker>>,
    /// Tells when events are received.
    pub clock: Arc<dyn Clock>,
    /// What can be set.
    pub settings: Settings,
}

/// The API, ready to serve.
pub struct Api {
    parts: Parts,
}

/// What all routes share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) local_worker: Option<Arc<dyn LocalWorker>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) intake: Intake,
    pub(crate) watch: Arc<Watch>,
    pub(crate) inspector: Inspector,
    pub(crate) counters: Counters,
    pub(crate) rate: Rate,
    pub(crate) bytes_in_flight: Arc<Semaphore>,
    pub(crate) started: Instant,
    pub(crate) stopping: CancellationToken,
    is_first_sight: AtomicBool,
}

impl Api {
    /// An API over these parts. Nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Starts the tasks behind the routes on `tracker`. They run until `stop`; routes say that they are unready from
    /// `stopping` on.
    pub(crate) fn start(
        self,
        tracker: &TaskTracker,
        stopping: &CancellationToken,
        stop: &CancellationToken,
    ) -> Arc<Shared> {
        let Parts {
            ledger,
            archive,
            queue,
            pulse,
            backends,
            local_worker,
            clock,
            settings,
        } = self.parts;
        let watch = Arc::new(Watch::new(queue.clone(), Arc::clone(&ledger), &settings));
        let places = Places {
            queue: queue.clone(),
            ledger: Arc::clone(&ledger),
            archive: Arc::clone(&archive),
            pulse,
        };
        let shared = Arc::new(Shared {
            intake: Intake::start(places, Arc::clone(&watch), &settings, tracker, stop),
            inspector: Inspector::new(backends, settings.ask_deadline),
            counters: Counters::default(),
            rate: Rate::default(),
            bytes_in_flight: door::gauge(settings.max_bytes_in_flight),
            started: Instant::now(),
            stopping: stopping.clone(),
            is_first_sight: AtomicBool::new(true),
            watch,
            settings,
            ledger,
            archive,
            queue,
            local_worker,
            clock,
        });
        shared.keep_watching(tracker, stop);
        shared
    }
}

impl Shared {
    fn keep_watching(self: &Arc<Self>, tracker: &TaskTracker, stop: &CancellationToken) {
        let shared = Arc::clone(self);
        keep(tracker, stop, "watch", move |stop| {
            let shared = Arc::clone(&shared);
            async move { shared.watch.run(shared.settings.watch_every, stop).await }
        });
        let shared = Arc::clone(self);
        keep(tracker, stop, "inspect", move |stop| {
            let shared = Arc::clone(&shared);
            async move { shared.inspector.run(shared.settings.inspect_every, stop).await }
        });
        let shared = Arc::clone(self);
        keep(tracker, stop, "rate", move |stop| {
            let shared = Arc::clone(&shared);
            async move { shared.rate.run(&shared.counters, stop).await }
        });
    }

    /// Who takes the next event durably, or why nobody does.
    pub(crate) fn taker(&self) -> Result<Taker, &'static str> {
        if self.stopping.is_cancelled() {
            return Err("This process is stopping.");
        }
        let sight = self.watch.sight();
        if sight
            .waiting()
            .is_some_and(|waiting| waiting >= self.settings.backlog_cap)
        {
            return Err("The backlog is full.");
        }
        let conditions = self.inspector.conditions();
        let holds = |role| {
            let mut of_role = conditions.iter().filter(|condition| condition.role == role);
            of_role.all(|condition| condition.reachable() == Some(true) && condition.holds(self.settings.durability))
        };
        let takes_queue = self.queue.is_some()
            && !self.intake.bypasses_queue()
            && sight.depth.reachable == Some(true)
            && holds(Role::Queue);
        let takes_ledger =
            !self.intake.ledger_failed() && sight.registry.reachable == Some(true) && holds(Role::Ledger);
        let taker = match (takes_queue, takes_ledger) {
            (true, _) => Taker::Queue,
            (false, true) => Taker::Ledger,
            (false, false) => {
                return Err("Neither queue nor ledger can take events at the level of durability asked for.");
            }
        };
        if self.is_first_sight.swap(false, Relaxed) {
            tracing::info!(?taker, "ready to take events");
        }
        Ok(taker)
    }
}
