//! Keeps in sight how much waits, and who handles what: read once a second, the last known stands while a place is away.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use eventflow_core::{Ledger, PartitionDepth, PortError, Queue, Registry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// The last reading of something, and whether the last try succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Reading<T> {
    /// What was read, and when.
    pub(crate) last: Option<(T, Instant)>,
    /// Whether the last try succeeded; none before the first.
    pub(crate) reachable: Option<bool>,
}

/// What this process knows of backlog and handlers.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) depth: Reading<Vec<PartitionDepth>>,
    pub(crate) registry: Reading<Arc<Registry>>,
}

/// Reads, and tells what was read.
pub(crate) struct Watch {
    queue: Option<Arc<dyn Queue>>,
    ledger: Arc<dyn Ledger>,
    sight: RwLock<Sight>,
    lease: Duration,
    ask_deadline: Duration,
    cap: u64,
}

impl Watch {
    pub(crate) fn new(queue: Option<Arc<dyn Queue>>, ledger: Arc<dyn Ledger>, settings: &Settings) -> Self {
        Self {
            queue,
            ledger,
            sight: RwLock::new(Sight {
                depth: Reading::none(),
                registry: Reading::none(),
            }),
            lease: settings.lease,
            ask_deadline: settings.ask_deadline,
            cap: settings.backlog_cap,
        }
    }

    /// Reads every `every`, until `stop`.
    pub(crate) async fn run(&self, every: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.read() => {}
            }
        }
    }

    /// Reads once.
    pub(crate) async fn read(&self) {
        let (_, ()) = tokio::join!(self.read_registry(), self.read_depth());
    }

    /// Reads the handler list now.
    pub(crate) async fn read_registry(&self) -> Result<Arc<Registry>, PortError> {
        let asked = tokio::time::timeout(self.ask_deadline, self.ledger.registry(self.lease)).await;
        let answer = asked.unwrap_or_else(|_| Err(late("reading the handler list")));
        let answer = answer.map(Arc::new);
        self.write(|sight| sight.registry.note("ledger", answer.as_ref().map(Arc::clone)));
        answer
    }

    async fn read_depth(&self) {
        let Some(queue) = &self.queue else { return };
        let asked = tokio::time::timeout(self.ask_deadline, queue.depth()).await;
        let answer = asked.unwrap_or_else(|_| Err(late("reading the queue's depth")));
        self.write(|sight| sight.depth.note("queue", answer.as_ref().map(Clone::clone)));
    }

    /// The handler list as it was last read.
    pub(crate) fn registry(&self) -> Option<Arc<Registry>> {
        let sight = self.sight.read().unwrap_or_else(PoisonError::into_inner);
        sight.registry.last.as_ref().map(|(registry, _)| Arc::clone(registry))
    }

    /// All that was last read.
    pub(crate) fn sight(&self) -> Sight {
        self.sight.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the door is shut, or which handlers are refused.
    pub(crate) fn pressure(&self) -> Pressure {
        let sight = self.sight.read().unwrap_or_else(PoisonError::into_inner);
        let waiting = sight.waiting().unwrap_or(0);
        if waiting >= self.cap {
            return Pressure::Full;
        }
        match &sight.registry.last {
            Some((registry, _)) if waiting >= self.cap.div_ceil(2) => Pressure::High {
                registry: Arc::clone(registry),
                share: self.cap / 4,
            },
            _ => Pressure::Low,
        }
    }

    fn write(&self, change: impl FnOnce(&mut Sight)) {
        change(&mut self.sight.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How near the cap the backlog is.
pub(crate) enum Pressure {
    /// Everybody may come in.
    Low,
    /// Whoever holds more than its share is refused.
    High {
        /// Who handles what, and how much waits for each.
        registry: Arc<Registry>,
        /// The most that may wait for one handler.
        share: u64,
    },
    /// Nobody may.
    Full,
}

impl Pressure {
    /// Whether an event of this type is refused.
    pub(crate) fn refuses(&self, event_type: &str) -> bool {
        match self {
            Self::Low => false,
            Self::Full => true,
            Self::High { registry, share } => registry
                .handler_of(event_type)
                .and_then(|handler| registry.get(handler))
                .is_some_and(|entry| entry.due.saturating_add(entry.running) > *share),
        }
    }
}

impl Sight {
    /// Entries of the queue and unfinished rows of the ledger, as last known.
    pub(crate) fn waiting(&self) -> Option<u64> {
        let queued = self
            .depth
            .last
            .as_ref()
            .map(|(depth, _)| depth.iter().map(|p| p.entries).sum::<u64>());
        let unfinished = self.registry.last.as_ref().map(|(registry, _)| registry.unfinished());
        match (queued, unfinished) {
            (None, None) => None,
            (queued, unfinished) => Some(queued.unwrap_or(0).saturating_add(unfinished.unwrap_or(0))),
        }
    }
}

impl<T> Reading<T> {
    const fn none() -> Self {
        Self {
            last: None,
            reachable: None,
        }
    }

    fn note(&mut self, place: &'static str, answer: Result<T, &PortError>) {
        match answer {
            Ok(value) => {
                if self.reachable.replace(true) == Some(false) {
                    tracing::info!(place, "can be asked again");
                }
                self.last = Some((value, Instant::now()));
            }
            Err(error) => {
                if self.reachable.replace(false) != Some(false) {
                    tracing::warn!(place, %error, "cannot be asked; what was last known stands");
                }
            }
        }
    }
}

/// No answer within the deadline.
pub(crate) fn late(doing: &'static str) -> PortError {
    PortError::infrastructure(doing, "no answer in time")
}
