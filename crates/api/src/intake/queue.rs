//! The way into the queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Appended, Bug, Event, Fault, Passage, Queue, planted};
use tokio::time::Instant;

use super::batcher::Sink;
use super::{Gate, lock};

/// The queue did not take an event, or may not have taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed;

/// Appends flushes, and minds the queue's gate.
pub(super) struct Appender {
    queue: Arc<dyn Queue>,
    gate: Arc<Gate>,
    deadline: Duration,
}

impl Appender {
    pub(super) fn new(queue: Arc<dyn Queue>, gate: Arc<Gate>, deadline: Duration) -> Self {
        Self { queue, gate, deadline }
    }

    fn failed(&self, error: &dyn std::fmt::Display) {
        if lock(&self.gate).failed(Instant::now(), None) {
            tracing::warn!(%error, "the queue failed: events go straight into the ledger until it is back");
        }
    }
}

#[async_trait]
impl Sink for Appender {
    type Answer = Result<Appended, Missed>;

    async fn write(&self, events: Vec<Arc<Event>>) -> Vec<Self::Answer> {
        if planted(Bug::AckBeforeDurable) {
            let (queue, count) = (Arc::clone(&self.queue), events.len());
            tokio::spawn(async move { queue.append(&events).await });
            return vec![Ok(Appended::Accepted); count];
        }
        if let Passage::Wait(_) = lock(&self.gate).ask(Instant::now()) {
            return vec![Err(Missed); events.len()];
        }
        let Ok(appended) = tokio::time::timeout(self.deadline, self.queue.append(&events)).await else {
            self.failed(&"no answer in time");
            return vec![Err(Missed); events.len()];
        };
        // An event that the queue refuses for what it contains says nothing about the queue.
        let failure = appended.iter().find_map(|answer| match answer {
            Err(error) if error.fault() != Fault::Event => Some(error),
            _ => None,
        });
        match failure {
            Some(error) => self.failed(error),
            None if lock(&self.gate).succeeded() => tracing::info!("the queue takes events again"),
            None => {}
        }
        appended.into_iter().map(|answer| answer.map_err(|_| Missed)).collect()
    }
}
