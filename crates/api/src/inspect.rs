//! Asks each backend how it is, and remembers the answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::{Backend, Durability, Inspection};
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::watch::late;

/// What a backend is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the queue.
    Queue,
    /// It is the ledger.
    Ledger,
}

/// A backend to look after.
pub struct Watched {
    /// What it is for.
    pub role: Role,
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// Whether the level of durability asked for is taken on trust, where the backend tells none or a lower one.
    pub assumed: bool,
}

/// How a backend is, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) assumed: bool,
    /// The last answer, and when it came.
    pub(crate) answer: Option<(Inspection, Instant)>,
    /// Why the last question had no answer.
    pub(crate) error: Option<String>,
}

impl Condition {
    /// Whether it answered the last time; none before the first.
    pub(crate) const fn reachable(&self) -> Option<bool> {
        match (&self.error, &self.answer) {
            (Some(_), _) => Some(false),
            (None, Some(_)) => Some(true),
            (None, None) => None,
        }
    }

    /// Whether it has answered, and its level is the one asked for, or better, or taken on trust.
    pub(crate) fn holds(&self, asked: Durability) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|(inspection, _)| self.assumed || inspection.level.is_some_and(|level| level >= asked))
    }
}

/// Looks after all backends.
pub(crate) struct Inspector {
    watched: Vec<Watched>,
    conditions: Mutex<Vec<Condition>>,
    deadline: Duration,
}

impl Inspector {
    pub(crate) fn new(watched: Vec<Watched>, deadline: Duration) -> Self {
        let conditions = watched
            .iter()
            .map(|watched| Condition {
                role: watched.role,
                name: watched.backend.capabilities().name,
                assumed: watched.assumed,
                answer: None,
                error: None,
            })
            .collect();
        Self {
            watched,
            conditions: Mutex::new(conditions),
            deadline,
        }
    }

    /// Inspects every `every`, until `stop`.
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
                () = self.inspect() => {}
            }
        }
    }

    /// Inspects all once.
    pub(crate) async fn inspect(&self) {
        let ask = |watched: &Watched| {
            let backend = Arc::clone(&watched.backend);
            async move {
                // The backend keeps the deadline itself; this one is for a backend that cannot.
                tokio::time::timeout(self.deadline * 2, backend.inspect(self.deadline))
                    .await
                    .unwrap_or_else(|_| Err(late("inspecting")))
            }
        };
        let answers = join_all(self.watched.iter().map(ask)).await;
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        for (condition, answer) in conditions.iter_mut().zip(answers) {
            match answer {
                Ok(inspection) => {
                    condition.say_news(&inspection);
                    condition.answer = Some((inspection, Instant::now()));
                    condition.error = None;
                }
                Err(error) => {
                    if condition.error.is_none() {
                        tracing::warn!(backend = condition.name, %error, "a backend does not answer");
                    }
                    condition.error = Some(error.to_string());
                }
            }
        }
    }

    /// How all are.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Condition {
    fn say_news(&self, inspection: &Inspection) {
        if self.error.is_some() {
            tracing::info!(backend = self.name, "a backend answers again");
        }
        let known = self.answer.as_ref().map_or(&[][..], |(last, _)| &last.findings);
        for finding in inspection.findings.iter().filter(|finding| !known.contains(finding)) {
            tracing::error!(backend = self.name, problem = %finding.problem, "acknowledged events are in danger");
        }
    }
}
