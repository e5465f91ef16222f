//! The open model: every send has its moment, whatever became of those before it.
//!
//! One task goes through the plan and lets leave together what is due, so that there is no timer for each send. What a send
//! leaves late for that is in its response time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::alarm::Alarm;
use super::exchange::Exchanges;
use super::http::Post;
use crate::plan;

/// At most so many leave together: what is made first must not wait for long.
const BATCH: usize = 32;

/// Sends all, each at its moment. Returns when the last has left, or the load is halted.
pub(super) async fn send_all<P: Post>(
    exchanges: &Arc<Exchanges<P>>,
    sends: impl Iterator<Item = plan::Send>,
    max_late: Duration,
    alarm: Alarm,
    running: &TaskTracker,
) {
    let mut pacer = Pacer {
        exchanges,
        running,
        max_late,
        alarm,
        held_until: Duration::ZERO,
        due: Vec::with_capacity(BATCH),
    };
    for send in sends {
        if !pacer.await_moment(send.at).await || !pacer.take(send).await {
            break;
        }
    }
    pacer.leave();
}

struct Pacer<'a, P> {
    exchanges: &'a Arc<Exchanges<P>>,
    running: &'a TaskTracker,
    max_late: Duration,
    alarm: Alarm,
    /// What was due before this came late because too many were in flight.
    held_until: Duration,
    due: Vec<Due>,
}

struct Due {
    send: plan::Send,
    slot: OwnedSemaphorePermit,
    held: bool,
}

/// What came of the wait for a place in flight.
enum Place {
    Free(OwnedSemaphorePermit),
    TooLate,
    Halted,
}

impl<P: Post> Pacer<'_, P> {
    /// Waits for the moment of a send; what was due before leaves first. False once halted.
    async fn await_moment(&mut self, at: Duration) -> bool {
        let halt = self.exchanges.halt();
        if self.exchanges.has_come(at) {
            return !halt.is_cancelled();
        }
        self.leave();
        tokio::select! {
            () = halt.cancelled() => false,
            () = self.alarm.wake_at(self.exchanges.begin() + at) => true,
        }
    }

    /// Takes a send whose moment has come: it leaves with the next batch, or is dropped where it is too late. False once
    /// halted.
    async fn take(&mut self, send: plan::Send) -> bool {
        let place = match self.exchanges.slot() {
            _ if self.exchanges.now() > send.at + self.max_late => Place::TooLate,
            Ok(slot) => Place::Free(slot),
            Err(_) => self.held(send.at).await,
        };
        match place {
            Place::Halted => return false,
            Place::TooLate => {
                self.exchanges.meter().planned(&send, self.exchanges.now());
                self.exchanges.drop_late(&send);
            }
            Place::Free(slot) => {
                self.exchanges.meter().planned(&send, self.exchanges.now());
                let held = send.at < self.held_until;
                self.due.push(Due { send, slot, held });
            }
        }
        if self.due.len() == BATCH {
            self.leave();
            tokio::task::yield_now().await;
        }
        true
    }

    /// Waits for a place in flight, as long as the send is not too late for it.
    async fn held(&mut self, at: Duration) -> Place {
        self.leave();
        let too_late = tokio::time::sleep_until(self.exchanges.begin() + at + self.max_late);
        let place = tokio::select! {
            biased;
            slot = self.exchanges.next_slot() => slot.map_or(Place::Halted, Place::Free),
            () = too_late => Place::TooLate,
        };
        self.held_until = self.exchanges.now();
        place
    }

    /// Writes down what is due, and then lets it leave.
    fn leave(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let announced = self.exchanges.announce(self.due.iter().map(|due| &due.send));
        for Due { send, slot, held } in self.due.drain(..) {
            if announced {
                let exchanges = Arc::clone(self.exchanges);
                self.running
                    .spawn(async move { exchanges.run(send, Some(slot), held).await });
            }
        }
    }
}
