//! The queue's mark stands for another payload. Who came first only the ledger knows.

use std::sync::Arc;

use eventflow_core::Event;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Intake, LOOKUPS, NoPlace, Outcome};

impl Intake {
    /// What an event is whose name bears another payload in the queue's window. Asks the ledger first; where that does
    /// not know the name, the queue; and where the mark outlived its event, the ledger's admission decides.
    pub(super) async fn other_payload(&self, event: &Arc<Event>, deadline: Instant) -> Result<Outcome, NoPlace> {
        let asked = tokio::time::timeout_at(deadline.min(self.soon()), self.first_payload(event)).await;
        match asked.unwrap_or(Err(NoPlace))? {
            Some(true) => Ok(Outcome::Duplicate),
            Some(false) => Ok(Outcome::Reused),
            None => {
                let decided = self.admit(vec![Arc::clone(event)], deadline).await?;
                decided.first().copied().ok_or(NoPlace)
            }
        }
    }

    /// Whether the payload that came first under this name is this very one; none where no place knows the name.
    pub(crate) async fn first_payload(&self, event: &Event) -> Result<Option<bool>, NoPlace> {
        let away = |error: eventflow_core::PortError| {
            tracing::warn!(%error, key = %event.key, "cannot tell which payload came first");
            NoPlace
        };
        if let Some(record) = self.archive.get(event.key).await.map_err(away)? {
            return Ok(Some(record.event.fingerprint == event.fingerprint));
        }
        let Some(way) = &self.queue else {
            return Ok(None);
        };
        if let Some(queued) = way.queue.find(event.key).await.map_err(away)? {
            return Ok(Some(queued.event.fingerprint == event.fingerprint));
        }
        // It may have been admitted between the two questions.
        let record = self.archive.get(event.key).await.map_err(away)?;
        Ok(record.map(|record| record.event.fingerprint == event.fingerprint))
    }

    /// For each event: whether another payload has its name. For batches that are taken whole or not at all.
    pub(crate) async fn reused(&self, events: &[Arc<Event>]) -> Result<Vec<bool>, NoPlace> {
        let mut reused = Vec::with_capacity(events.len());
        for some in events.chunks(LOOKUPS) {
            reused.extend(try_join_all(some.iter().map(|event| self.is_reused(event))).await?);
        }
        Ok(reused)
    }

    async fn is_reused(&self, event: &Event) -> Result<bool, NoPlace> {
        if !event.id_given {
            return Ok(false);
        }
        let asked = tokio::time::timeout_at(self.soon(), self.first_payload(event)).await;
        Ok(asked.unwrap_or(Err(NoPlace))? == Some(false))
    }

    fn soon(&self) -> Instant {
        Instant::now() + self.ask_deadline
    }
}
