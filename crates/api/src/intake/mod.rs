//! Where events go: into the queue, or into the ledger itself. Nothing is acknowledged before its durable reply.

mod batcher;
mod direct;
mod queue;
mod resolve;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::{Appended, Archive, Breaker, Event, Ledger, Pulse, Queue};
use futures_util::future::try_join_all;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::Settings;
use crate::tasks::keep;
use crate::watch::Watch;
use batcher::Batcher;
use direct::{Admitter, Direct};
use queue::{Appender, Missed};

/// So many events of one request are looked up at once.
const LOOKUPS: usize = 8;
/// Pauses of a breaker grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Durable; in the ledger already, where `direct`.
    Accepted {
        /// Whether the API admitted it itself.
        direct: bool,
    },
    /// There already, with this payload.
    Duplicate,
    /// Its name bears another payload.
    Reused,
    /// The store refuses it for what it contains.
    Unstorable,
}

/// No place took it, or nobody could tell in time. Nothing is acknowledged; it is safe to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

/// A breaker shared by those who write to one place.
pub(crate) type Gate = Mutex<Breaker<Instant>>;

/// The way in.
pub(crate) struct Intake {
    queue: Option<QueueWay>,
    ledger: Batcher<Direct>,
    ledger_gate: Arc<Gate>,
    archive: Arc<dyn Archive>,
    due: Arc<Notify>,
    write_deadline: Duration,
    ask_deadline: Duration,
}

struct QueueWay {
    queue: Arc<dyn Queue>,
    batcher: Batcher<Result<Appended, Missed>>,
    gate: Arc<Gate>,
}

/// What the intake writes to.
pub(crate) struct Places {
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) pulse: Arc<dyn Pulse>,
}

impl Intake {
    /// Starts the writers as tasks of `tracker`, until `stop`.
    pub(crate) fn start(
        places: Places,
        watch: Arc<Watch>,
        settings: &Settings,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let queue = places.queue.map(|queue| {
            let gate = gate();
            let appender = Appender::new(Arc::clone(&queue), Arc::clone(&gate), settings.append_deadline);
            QueueWay {
                batcher: Batcher::start(Arc::new(appender), settings.queue_flights, tracker, stop),
                queue,
                gate,
            }
        });
        let due = Arc::new(Notify::new());
        let (pulse, notice, ask_deadline) = (places.pulse, Arc::clone(&due), settings.ask_deadline);
        keep(tracker, stop, "pulse", move |stop| {
            tell_workers(Arc::clone(&pulse), Arc::clone(&notice), ask_deadline, stop)
        });
        let ledger_gate = gate();
        let admitter = Admitter::new(
            places.ledger,
            watch,
            Arc::clone(&ledger_gate),
            Arc::clone(&due),
            settings.write_deadline,
        );
        Self {
            queue,
            ledger: Batcher::start(Arc::new(admitter), settings.ledger_flights, tracker, stop),
            ledger_gate,
            archive: places.archive,
            due,
            write_deadline: settings.write_deadline,
            ask_deadline: settings.ask_deadline,
        }
    }

    /// Whether events go past the queue now, because it failed.
    pub(crate) fn bypasses_queue(&self) -> bool {
        self.queue.as_ref().is_some_and(|way| lock(&way.gate).is_open())
    }

    /// Whether the ledger failed when it was last written to.
    pub(crate) fn ledger_failed(&self) -> bool {
        lock(&self.ledger_gate).is_open()
    }

    /// Tells workers that rows may be due.
    pub(crate) fn wake_workers(&self) {
        self.due.notify_one();
    }

    /// Keeps events durably, each aligned with what became of it.
    pub(crate) async fn take(&self, events: &[Arc<Event>]) -> Result<Vec<Outcome>, NoPlace> {
        let deadline = Instant::now() + self.write_deadline;
        if let [event] = events {
            return self.keep(vec![Arc::clone(event)], deadline).await;
        }
        let mut led_by: HashMap<_, usize> = HashMap::with_capacity(events.len());
        let mut leaders: Vec<Arc<Event>> = Vec::with_capacity(events.len());
        let places: Vec<usize> = events
            .iter()
            .map(|event| match led_by.entry(event.key) {
                Entry::Occupied(leader) => *leader.get(),
                Entry::Vacant(slot) => {
                    leaders.push(Arc::clone(event));
                    *slot.insert(leaders.len() - 1)
                }
            })
            .collect();
        let outcomes = self.keep(leaders.clone(), deadline).await?;
        let mut has_led = vec![false; leaders.len()];
        let mut answers = Vec::with_capacity(events.len());
        for (event, place) in events.iter().zip(places) {
            let outcome = if !std::mem::replace(&mut has_led[place], true) {
                outcomes[place]
            } else if event.fingerprint != leaders[place].fingerprint {
                self.other_payload(event, deadline).await?
            } else if let Outcome::Accepted { .. } = outcomes[place] {
                Outcome::Duplicate
            } else {
                outcomes[place]
            };
            answers.push(outcome);
        }
        Ok(answers)
    }

    /// Keeps events of different keys.
    async fn keep(&self, events: Vec<Arc<Event>>, deadline: Instant) -> Result<Vec<Outcome>, NoPlace> {
        let Some(appended) = self.append(&events, deadline).await else {
            return self.admit(events, deadline).await;
        };
        let mut outcomes: Vec<Option<Outcome>> = appended
            .iter()
            .map(|answer| match answer {
                Ok(Appended::Accepted) => Some(Outcome::Accepted { direct: false }),
                Ok(Appended::Duplicate) => Some(Outcome::Duplicate),
                Ok(Appended::OtherPayload) | Err(Missed) => None,
            })
            .collect();
        let missed: Vec<usize> = (0..events.len()).filter(|i| appended[*i] == Err(Missed)).collect();
        if !missed.is_empty() {
            let again = missed.iter().map(|i| Arc::clone(&events[*i])).collect();
            for (i, outcome) in missed.into_iter().zip(self.admit(again, deadline).await?) {
                outcomes[i] = Some(outcome);
            }
        }
        let others: Vec<usize> = (0..events.len()).filter(|i| outcomes[*i].is_none()).collect();
        let mut resolved = Vec::with_capacity(others.len());
        for some in others.chunks(LOOKUPS) {
            let asked = some.iter().map(|i| self.other_payload(&events[*i], deadline));
            resolved.extend(try_join_all(asked).await?);
        }
        for (i, outcome) in others.into_iter().zip(resolved) {
            outcomes[i] = Some(outcome);
        }
        outcomes.into_iter().collect::<Option<Vec<_>>>().ok_or(NoPlace)
    }

    /// Appends to the queue, if there is one.
    async fn append(&self, events: &[Arc<Event>], deadline: Instant) -> Option<Vec<Result<Appended, Missed>>> {
        let way = self.queue.as_ref()?;
        way.batcher.write(events.to_vec(), deadline).await
    }

    /// Admits into the ledger.
    async fn admit(&self, events: Vec<Arc<Event>>, deadline: Instant) -> Result<Vec<Outcome>, NoPlace> {
        let admitted = self.ledger.write(events, deadline).await.ok_or(NoPlace)?;
        admitted
            .into_iter()
            .map(|direct| match direct {
                Direct::New => Ok(Outcome::Accepted { direct: true }),
                Direct::Copy => Ok(Outcome::Duplicate),
                Direct::Reused => Ok(Outcome::Reused),
                Direct::Unstorable => Ok(Outcome::Unstorable),
                Direct::Failed => Err(NoPlace),
            })
            .collect()
    }
}

/// Tells workers that rows are due; many admissions are one notice.
async fn tell_workers(pulse: Arc<dyn Pulse>, due: Arc<Notify>, deadline: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = due.notified() => {}
        }
        match tokio::time::timeout(deadline, pulse.notify()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "workers were not notified; their poll finds what is due"),
            Err(_) => tracing::debug!("workers were not notified in time; their poll finds what is due"),
        }
    }
}

fn gate() -> Arc<Gate> {
    Arc::new(Mutex::new(Breaker::new(PAUSES.0, PAUSES.1)))
}

fn lock(gate: &Gate) -> std::sync::MutexGuard<'_, Breaker<Instant>> {
    // A breaker is valid whatever its holder was doing.
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}
