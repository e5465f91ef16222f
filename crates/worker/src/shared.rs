//! What the loops of one worker share.

use std::sync::Arc;

use eventflow_core::{Beat, HandlerBeat, Ledger, Pattern, PortError, Pulse, Queue, WorkerId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hand::Hand;
use crate::handlers::Registered;
use crate::held::Held;
use crate::list::List;
use crate::record::Ended;
use crate::settings::{CALL_TIME, Settings};
use crate::slots::{Lane, Slots};
use crate::status::{Loop, Status, read};
use crate::store::Store;
use crate::tick::TICK;

pub(crate) struct Shared {
    pub(crate) id: WorkerId,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) pulse: Arc<dyn Pulse>,
    pub(crate) lanes: Vec<Registered>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) held: Held,
    pub(crate) hand: Hand,
    pub(crate) list: List,
    pub(crate) status: Status,
    pub(crate) runs: TaskTracker,
    pub(crate) outcomes: mpsc::Sender<Ended>,
    /// The worker drains: nothing new is begun.
    pub(crate) draining: CancellationToken,
    /// The grace time is over: what still runs is handed back.
    pub(crate) overdue: CancellationToken,
    /// All outcomes are recorded: the loops that served them end.
    pub(crate) recorded: CancellationToken,
}

impl Shared {
    /// Which of its own handlers takes this pattern.
    pub(crate) fn lane(&self, pattern: &Pattern) -> Option<Lane> {
        self.lanes.iter().position(|lane| lane.pattern == *pattern)
    }

    /// The ledger, once it can be reached; shows meanwhile that the loop lives.
    pub(crate) async fn ledger(&self, of: Loop) -> &dyn Ledger {
        self.alive(of, self.store.ledger()).await
    }

    /// Awaits something, showing meanwhile that the loop lives.
    pub(crate) async fn alive<T>(&self, of: Loop, what: impl Future<Output = T>) -> T {
        let mut what = std::pin::pin!(what);
        loop {
            self.status.progress(of);
            tokio::select! {
                biased;
                done = &mut what => return done,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Awaits a call of a port, showing meanwhile that the loop lives. One that takes longer than any adapter lets it is given up:
    /// its reply is lost.
    pub(crate) async fn patiently<T>(
        &self,
        of: Loop,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let answer = self.alive(of, tokio::time::timeout(CALL_TIME, call)).await;
        answer.unwrap_or_else(|_| Err(hangs(of)))
    }

    /// The heartbeat, now.
    pub(crate) fn beat(&self, sequence: u64) -> Beat {
        let counters = self.status.counters();
        Beat {
            sequence,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            read: read(&counters.read),
            taken_over: read(&counters.taken_over),
            destroyed: read(&counters.destroyed),
            newer: read(&counters.newer),
            admitted: read(&counters.admitted),
            copies: read(&counters.copies),
            dead_at_admission: read(&counters.dead_at_admission),
            done: read(&counters.done),
            retried: read(&counters.retried),
            dead: read(&counters.dead),
            unavailable: read(&counters.unavailable),
            handed_back: read(&counters.handed_back),
            stale: read(&counters.stale),
            in_hand: self.hand.events() as u64,
            longest_run_ms: self.held.longest_run_ms(),
            store_up: self.store.is_up(),
            stalled: self.status.stalled().into_iter().map(str::to_owned).collect(),
            handlers: self
                .slots
                .view()
                .into_iter()
                .map(|(pattern, running, breaker_open)| HandlerBeat {
                    pattern,
                    running,
                    breaker_open,
                })
                .collect(),
        }
    }
}

fn hangs(of: Loop) -> PortError {
    PortError::infrastructure(of.name(), format!("no answer within {CALL_TIME:?}"))
}
