//! A queue that fails when it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Appended, Claimed, Event, EventKey, PartitionDepth, PortError, Queue, QueueReader, Queued, Settlement, Tended,
    WorkerId,
};

use super::faulty::{Plan, failed, lost};
use super::{Faulty, Trouble, Verb};

struct FaultyReader {
    inner: Box<dyn QueueReader>,
    plan: Arc<Plan>,
}

#[async_trait]
impl<T: Queue + ?Sized> Queue for Faulty<T> {
    async fn append(&self, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>> {
        match self.plan.trouble(Verb::Append) {
            None => self.inner.append(events).await,
            Some(Trouble::Fails(fault)) => events.iter().map(|_| Err(failed(fault))).collect(),
            Some(Trouble::LosesReply) => {
                let said = self.inner.append(events).await;
                said.into_iter().map(|said| said.and_then(|_| Err(lost()))).collect()
            }
        }
    }

    fn reader(&self, worker: WorkerId) -> Box<dyn QueueReader> {
        Box::new(FaultyReader {
            inner: self.inner.reader(worker),
            plan: self.plan.clone(),
        })
    }

    async fn ensure(&self) -> Result<(), PortError> {
        self.plan.through(Verb::Ensure, self.inner.ensure()).await
    }

    async fn find(&self, key: EventKey) -> Result<Option<Queued>, PortError> {
        self.plan.through(Verb::Find, self.inner.find(key)).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<u64, PortError> {
        self.plan.through(Verb::Settle, self.inner.settle(settlements)).await
    }

    async fn depth(&self) -> Result<Vec<PartitionDepth>, PortError> {
        self.plan.through(Verb::Depth, self.inner.depth()).await
    }

    async fn tend(&self) -> Result<Tended, PortError> {
        self.plan.through(Verb::Tend, self.inner.tend()).await
    }
}

#[async_trait]
impl QueueReader for FaultyReader {
    async fn claim(&mut self, max: usize, wait: Duration) -> Result<Claimed, PortError> {
        self.plan.through(Verb::Claim, self.inner.claim(max, wait)).await
    }

    async fn take_over(&mut self, idle: Duration, max: usize) -> Result<Claimed, PortError> {
        self.plan.through(Verb::TakeOver, self.inner.take_over(idle, max)).await
    }
}
