//! One send from its first try to its end: written down before it leaves, repeated as the scenario says, written down when
//! it has ended.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Failed;
use super::Job;
use super::answer::Tried;
use super::http::{Post, Try};
use super::repeat::wait;
use super::story::Story;
use crate::journal::{Answer, Journal};
use crate::measure::Meter;
use crate::plan::{self, Dice, Plan};
use crate::scenario::{Behaviour, Retry, Scenario};

/// Sends that may wait for their next try without being in flight. Beyond it they stay in flight while they wait, so that
/// an outage fills no memory.
const WAITING: usize = 20_000;

/// What all exchanges of a load share.
pub(super) struct Exchanges<P> {
    post: P,
    plan: Plan,
    journal: Arc<Journal>,
    meter: Arc<Meter>,
    begin: Instant,
    seed: u64,
    retry: Retry,
    clients: Vec<Behaviour>,
    slots: Arc<Semaphore>,
    waiting: Semaphore,
    halt: CancellationToken,
    failed: Mutex<Option<Failed>>,
}

/// A place among those in flight. A closed load needs none: its clients are its bound.
pub(super) type Slot = Option<OwnedSemaphorePermit>;

impl<P: Post> Exchanges<P> {
    pub(super) fn new(job: &Job, post: P, stop: &CancellationToken) -> Arc<Self> {
        let Scenario { seed, load, mix, .. } = &*job.scenario;
        let slots = load.max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            post,
            plan: job.plan.clone(),
            journal: Arc::clone(&job.journal),
            meter: Arc::clone(&job.meter),
            begin: job.begin,
            seed: *seed,
            retry: load.retry,
            clients: mix.iter().map(|kind| kind.client).collect(),
            slots: Arc::new(Semaphore::new(slots)),
            waiting: Semaphore::new(WAITING),
            halt: stop.child_token(),
            failed: Mutex::new(None),
        })
    }

    /// The time from the beginning of the load.
    pub(super) fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.begin)
    }

    /// Whether that moment of the load is over or now.
    pub(super) fn has_come(&self, at: Duration) -> bool {
        Instant::now() >= self.begin + at
    }

    pub(super) const fn begin(&self) -> Instant {
        self.begin
    }

    pub(super) const fn halt(&self) -> &CancellationToken {
        &self.halt
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A place in flight, if one is free.
    pub(super) fn slot(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Arc::clone(&self.slots).try_acquire_owned()
    }

    /// A place in flight, when one is free. None once the load is halted.
    pub(super) async fn next_slot(&self) -> Slot {
        tokio::select! {
            () = self.halt.cancelled() => None,
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
        }
    }

    /// Writes down when the load begins.
    pub(super) fn begin_journal(&self) {
        self.written(self.journal.begin(self.begin));
    }

    /// Writes down what is about to be sent. False where that failed: then nothing may leave, and the load halts.
    pub(super) fn announce<'a>(&self, sends: impl IntoIterator<Item = &'a plan::Send>) -> bool {
        self.written(self.journal.attempts(sends))
    }

    /// Drops a send that is too late, and says so.
    pub(super) fn drop_late(&self, send: &plan::Send) {
        let _ =
            self.written(self.journal.attempt(send)) && self.written(self.journal.answer(send.seq, &Answer::NotSent));
        self.meter.answered(send, self.now(), &Answer::NotSent);
    }

    /// Lets the shortest wait between two tries pass.
    pub(super) async fn pause(&self) {
        tokio::select! {
            () = self.halt.cancelled() => {}
            () = tokio::time::sleep(self.retry.base) => {}
        }
    }

    /// Why the load had to be given up, if it had to.
    pub(super) fn failure(&self) -> Option<Failed> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends what has been announced, until it has ended. Whether that was worth no rest: false where the last try met
    /// with a failure that may pass.
    pub(super) async fn run(&self, send: plan::Send, mut slot: Slot, held: bool) -> bool {
        let mut story = Story::default();
        let mut dice = Dice::new(self.seed, "backoff", send.seq);
        let mut made = 0;
        let mut now = send.clone();
        self.meter.sent(&send, self.now(), held);
        let went_well = loop {
            let tried = self.attempt(&send, &now, made).await;
            made += 1;
            let may_pass = tried.may_pass();
            let wait = wait(&self.retry, made, &tried, dice.share());
            story.add(tried);
            let Some(wait) = wait else { break !may_pass };
            let Some(kept) = self.rest(slot.take(), wait).await else {
                break false;
            };
            slot = kept;
            if !self.retry.reuse_key {
                let next = self.plan.afresh(&send, u8::try_from(made).unwrap_or(u8::MAX));
                if !self.renamed(&now, std::mem::take(&mut story), &next) {
                    return false;
                }
                now = next;
            }
            self.meter.retried(&send);
        };
        drop(slot);
        let answer = story.answer();
        self.written(self.journal.answer(now.seq, &answer));
        self.meter.answered(&send, self.now(), &answer);
        went_well
    }

    async fn attempt(&self, send: &plan::Send, now: &plan::Send, made: u32) -> Tried {
        let one = Try {
            turn: send.seq.wrapping_add(u64::from(made)),
            body: now.body.clone(),
            client: self.clients.get(usize::from(send.kind)).copied().unwrap_or_default(),
        };
        let _in_flight = self.meter.fly();
        let left = Instant::now();
        let tried = self.post.post(one).await;
        if tried.has_answer() {
            self.meter.tried(send, left.elapsed());
        }
        tried
    }

    /// Waits for the next try, out of flight where there is room for that, and comes back into flight. None once halted.
    async fn rest(&self, slot: Slot, wait: Duration) -> Option<Slot> {
        let room = slot.as_ref().and_then(|_| self.waiting.try_acquire().ok());
        let leaves = room.is_some();
        let kept = slot.filter(|_| !leaves);
        tokio::select! {
            () = self.halt.cancelled() => return None,
            () = tokio::time::sleep(wait) => {}
        }
        if leaves {
            return self.next_slot().await.map(Some);
        }
        Some(kept)
    }

    /// Writes down the end of the id that was tried, and the beginning of the next one.
    fn renamed(&self, tried: &plan::Send, story: Story, next: &plan::Send) -> bool {
        self.written(self.journal.answer(tried.seq, &story.answer())) && self.written(self.journal.attempt(next))
    }

    /// Whether the journal took it. What it does not take ends the load: a run without its truth proves nothing.
    fn written(&self, result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.fail(Failed::Journal(error));
                false
            }
        }
    }

    fn fail(&self, why: Failed) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            tracing::error!(error = %why, "the load is given up");
            *failed = Some(why);
        }
        self.halt.cancel();
    }
}
