//! A queue that holds calls until it is told to go on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Appended, Claimed, Event, EventKey, PartitionDepth, PortError, Queue, QueueReader, Queued, Settlement, Tended,
    WorkerId,
};

use super::slow::Gate;
use super::{Slow, Verb};

struct SlowReader {
    inner: Box<dyn QueueReader>,
    gate: Arc<Gate>,
}

#[async_trait]
impl<T: Queue + ?Sized> Queue for Slow<T> {
    async fn append(&self, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>> {
        self.gate.through(Verb::Append, self.inner.append(events)).await
    }

    fn reader(&self, worker: WorkerId) -> Box<dyn QueueReader> {
        Box::new(SlowReader {
            inner: self.inner.reader(worker),
            gate: self.gate.clone(),
        })
    }

    async fn ensure(&self) -> Result<(), PortError> {
        self.gate.through(Verb::Ensure, self.inner.ensure()).await
    }

    async fn find(&self, key: EventKey) -> Result<Option<Queued>, PortError> {
        self.gate.through(Verb::Find, self.inner.find(key)).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<u64, PortError> {
        self.gate.through(Verb::Settle, self.inner.settle(settlements)).await
    }

    async fn depth(&self) -> Result<Vec<PartitionDepth>, PortError> {
        self.gate.through(Verb::Depth, self.inner.depth()).await
    }

    async fn tend(&self) -> Result<Tended, PortError> {
        self.gate.through(Verb::Tend, self.inner.tend()).await
    }
}

#[async_trait]
impl QueueReader for SlowReader {
    async fn claim(&mut self, max: usize, wait: Duration) -> Result<Claimed, PortError> {
        self.gate.through(Verb::Claim, self.inner.claim(max, wait)).await
    }

    async fn take_over(&mut self, idle: Duration, max: usize) -> Result<Claimed, PortError> {
        self.gate.through(Verb::TakeOver, self.inner.take_over(idle, max)).await
    }
}
