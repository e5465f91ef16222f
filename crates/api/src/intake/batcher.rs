//! Group commit: what is in flight is written together, and each request awaits its own reply.

use std::sync::Arc;

use async_trait::async_trait;
use eventflow_core::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A flush takes at most so many events, and so many bytes.
const FLUSH_EVENTS: usize = 1000;
const FLUSH_BYTES: usize = 4 * 1024 * 1024;
/// So many requests wait for a flush; more wait to wait.
const WAITING: usize = 1024;

/// Where flushes go.
#[async_trait]
pub(super) trait Sink: Send + Sync + 'static {
    /// What is said of each event.
    type Answer: Send + 'static;

    /// Writes events together; aligned with them.
    async fn write(&self, events: Vec<Arc<Event>>) -> Vec<Self::Answer>;
}

/// Gathers requests for one sink.
pub(super) struct Batcher<A> {
    tickets: mpsc::Sender<Ticket<A>>,
}

struct Ticket<A> {
    events: Vec<Arc<Event>>,
    weight: usize,
    reply: oneshot::Sender<Vec<A>>,
}

impl<A: Send + 'static> Batcher<A> {
    /// Starts the gathering task. At most `flights` flushes run at once; the requests that come meanwhile are the next.
    pub(super) fn start<S: Sink<Answer = A>>(
        sink: Arc<S>,
        flights: usize,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let (tickets, waiting) = mpsc::channel(WAITING);
        tracker.spawn(gather(sink, waiting, flights, tracker.clone(), stop.clone()));
        Self { tickets }
    }

    /// Writes events, and waits for what is said of them. None where the deadline passed before: they may or may not
    /// have been written.
    pub(super) async fn write(&self, events: Vec<Arc<Event>>, deadline: Instant) -> Option<Vec<A>> {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket {
            weight: events.iter().map(|event| event.weight()).sum(),
            events,
            reply,
        };
        let exchange = async {
            self.tickets.send(ticket).await.ok()?;
            answer.await.ok()
        };
        tokio::time::timeout_at(deadline, exchange).await.ok().flatten()
    }
}

async fn gather<S: Sink>(
    sink: Arc<S>,
    mut waiting: mpsc::Receiver<Ticket<S::Answer>>,
    flights: usize,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(flights.max(1)));
    let mut carried = None;
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            let first = match carried.take() {
                Some(ticket) => ticket,
                None => waiting.recv().await?,
            };
            Some((slot, first))
        };
        let (slot, first) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        let (flush, left) = fill(first, &mut waiting);
        carried = left;
        tracker.spawn(fly(Arc::clone(&sink), flush, slot));
    }
}

/// One flush: the first ticket, and what waits behind it up to the bounds. The ticket that did not fit is the next first.
fn fill<A>(first: Ticket<A>, waiting: &mut mpsc::Receiver<Ticket<A>>) -> (Vec<Ticket<A>>, Option<Ticket<A>>) {
    let (mut events, mut bytes) = (first.events.len(), first.weight);
    let mut flush = vec![first];
    while let Ok(ticket) = waiting.try_recv() {
        // Nobody waits for it any more: it was not acknowledged, and need not be written.
        if ticket.reply.is_closed() {
            continue;
        }
        events += ticket.events.len();
        bytes += ticket.weight;
        if events > FLUSH_EVENTS || bytes > FLUSH_BYTES {
            return (flush, Some(ticket));
        }
        flush.push(ticket);
    }
    (flush, None)
}

async fn fly<S: Sink>(sink: Arc<S>, flush: Vec<Ticket<S::Answer>>, slot: OwnedSemaphorePermit) {
    let mut events = Vec::with_capacity(flush.iter().map(|ticket| ticket.events.len()).sum());
    let mut replies = Vec::with_capacity(flush.len());
    for ticket in flush {
        replies.push((ticket.events.len(), ticket.reply));
        events.extend(ticket.events);
    }
    let mut answers = sink.write(events).await.into_iter();
    drop(slot);
    for (count, reply) in replies {
        let own: Vec<_> = answers.by_ref().take(count).collect();
        if own.len() == count {
            // Whoever asked may have gone away.
            let _ = reply.send(own);
        }
    }
}
