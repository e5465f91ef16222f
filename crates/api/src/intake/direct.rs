//! The way into the ledger itself: what a worker's admission does, without a lease.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, AdmitRow, Admitted, Event, Fate, Fault, Ledger, Passage, PortError, Registry, reduce,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::batcher::Sink;
use super::{Gate, lock};
use crate::watch::Watch;

/// The handler list may change so often between its reading and an admission by it.
const STALE_LISTS: u32 = 10;

/// What an admission by the API said of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direct {
    New,
    Copy,
    Reused,
    Unstorable,
    /// The ledger did not take it, or may not have taken it.
    Failed,
}

/// Admits flushes, and minds the ledger's gate.
pub(super) struct Admitter {
    ledger: Arc<dyn Ledger>,
    watch: Arc<Watch>,
    gate: Arc<Gate>,
    due: Arc<Notify>,
    deadline: Duration,
}

/// What is known of a flush so far; one answer for each of its events.
struct Flush {
    answers: Vec<Option<Direct>>,
    due: bool,
}

/// Why a part of a flush is not admitted.
enum Broken {
    /// The infrastructure's fault.
    Away(PortError),
    Late,
    /// The handler list never stood still.
    Restless,
}

impl Admitter {
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        watch: Arc<Watch>,
        gate: Arc<Gate>,
        due: Arc<Notify>,
        deadline: Duration,
    ) -> Self {
        Self {
            ledger,
            watch,
            gate,
            due,
            deadline,
        }
    }

    /// Admits until every event has an answer. Two payloads of one name in a flush take turns: the earlier leads.
    async fn run(&self, events: &[Arc<Event>], flush: &mut Flush) -> Result<(), Broken> {
        loop {
            let open: Vec<usize> = (0..events.len()).filter(|i| flush.answers[*i].is_none()).collect();
            if open.is_empty() {
                return Ok(());
            }
            let deliveries: Vec<_> = open.iter().map(|i| Arc::clone(&events[*i])).collect();
            let reduced = reduce(&deliveries);
            let said = self.bisect(&reduced.rows, flush).await?;
            let mut told = vec![false; said.len()];
            for (delivery, i) in open.into_iter().enumerate() {
                if let Some(row) = reduced.row_of[delivery] {
                    let is_repeat = std::mem::replace(&mut told[row], true);
                    flush.answers[i] = Some(if is_repeat { said[row].of_a_repeat() } else { said[row] });
                }
            }
        }
    }

    /// Admits rows; where one of them cannot be stored, the others are found by halves.
    async fn bisect(&self, rows: &[(Arc<Event>, u32)], flush: &mut Flush) -> Result<Vec<Direct>, Broken> {
        let mut said = vec![Direct::Failed; rows.len()];
        let mut parts = vec![(0, rows.len())];
        let mut doubtful: Vec<(usize, PortError)> = Vec::new();
        let mut has_neighbour = false;
        while let Some((start, end)) = parts.pop() {
            match self.admit(&rows[start..end], flush).await? {
                Ok(answers) => {
                    has_neighbour = true;
                    said[start..end].copy_from_slice(&answers);
                }
                Err(_) if end - start > 1 => {
                    let middle = start.midpoint(end);
                    parts.push((middle, end));
                    parts.push((start, middle));
                }
                Err(error) if error.fault() == Fault::Event => {
                    tracing::info!(key = %rows[start].0.key, correlation_id = %rows[start].0.correlation_id, %error,
                        "the store refuses an event for what it contains");
                    has_neighbour = true;
                    said[start] = Direct::Unstorable;
                }
                Err(error) => doubtful.push((start, error)),
            }
        }
        // An error that nobody knows is the event's own only if its neighbours succeed.
        for (row, error) in doubtful {
            if !has_neighbour {
                return Err(Broken::Away(error));
            }
            tracing::warn!(key = %rows[row].0.key, correlation_id = %rows[row].0.correlation_id, %error,
                "the store refuses an event, and takes its neighbours");
            said[row] = Direct::Unstorable;
        }
        Ok(said)
    }

    /// One statement, and again where the handler list has moved on.
    async fn admit(
        &self,
        rows: &[(Arc<Event>, u32)],
        flush: &mut Flush,
    ) -> Result<Result<Vec<Direct>, PortError>, Broken> {
        let mut list = self.watch.registry();
        for _ in 0..STALE_LISTS {
            let registry = match list.take() {
                Some(registry) => registry,
                None => self.watch.read_registry().await.map_err(Broken::Away)?,
            };
            let admission = admission(rows, &registry);
            let has_due = admission.rows.iter().any(|row| matches!(row.fate, Fate::Due(_)));
            match self.ledger.admit(admission).await {
                Ok(AdmitReply::Decided(said)) => {
                    flush.due |= has_due;
                    return Ok(Ok(said.into_iter().map(Direct::from).collect()));
                }
                Ok(AdmitReply::StaleRegistry) => {}
                Err(error) if error.fault() == Fault::Infrastructure => return Err(Broken::Away(error)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Err(Broken::Restless)
    }

    fn report(&self, broken: &Broken) {
        let error: &dyn std::fmt::Display = match broken {
            Broken::Away(error) => error,
            Broken::Late => &"no answer in time",
            Broken::Restless => &"the handler list changed with every admission",
        };
        if lock(&self.gate).failed(Instant::now(), None) {
            tracing::warn!(%error, "the ledger takes no events");
        }
    }
}

#[async_trait]
impl Sink for Admitter {
    type Answer = Direct;

    async fn write(&self, events: Vec<Arc<Event>>) -> Vec<Direct> {
        let mut flush = Flush {
            answers: vec![None; events.len()],
            due: false,
        };
        if let Passage::Wait(_) = lock(&self.gate).ask(Instant::now()) {
            return vec![Direct::Failed; events.len()];
        }
        let run = tokio::time::timeout(self.deadline, self.run(&events, &mut flush));
        match run.await.unwrap_or(Err(Broken::Late)) {
            Ok(()) => {
                if lock(&self.gate).succeeded() {
                    tracing::info!("the ledger takes events again");
                }
            }
            Err(broken) => self.report(&broken),
        }
        if flush.due {
            self.due.notify_one();
        }
        flush
            .answers
            .into_iter()
            .map(|answer| answer.unwrap_or(Direct::Failed))
            .collect()
    }
}

impl Direct {
    /// What is said of a further delivery in the same flush: of a new row only the first is new.
    const fn of_a_repeat(self) -> Self {
        match self {
            Self::New => Self::Copy,
            said => said,
        }
    }
}

impl From<Admitted> for Direct {
    fn from(admitted: Admitted) -> Self {
        match admitted {
            Admitted::New { .. } => Self::New,
            Admitted::Copy => Self::Copy,
            Admitted::Reused => Self::Reused,
        }
    }
}

fn admission(rows: &[(Arc<Event>, u32)], registry: &Registry) -> Admission {
    let rows = rows.iter().map(|(event, copies)| AdmitRow {
        fate: registry
            .handler_of(&event.event_type)
            .map_or(Fate::Done, |handler| Fate::Due(handler.clone())),
        event: Arc::clone(event),
        copies: *copies,
    });
    Admission {
        registry: registry.version,
        rows: rows.collect(),
        lease: None,
    }
}
