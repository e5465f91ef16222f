//! Holds calls at a gate until the test opens it. No time passes by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Verb;

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before it is made.
    Before,
    /// After it was made, with its answer in hand.
    After,
}

/// Wraps a port and holds the calls of chosen verbs until they are released. A new one holds nothing.
#[derive(Debug)]
pub struct Slow<T: ?Sized> {
    pub(super) inner: Arc<T>,
    pub(super) gate: Arc<Gate>,
}

/// The gate, shared with the readers of a queue.
#[derive(Debug)]
pub(super) struct Gate(watch::Sender<Bars>);

#[derive(Debug, Default)]
struct Bars {
    shut: BTreeMap<Verb, Side>,
    held: BTreeMap<Verb, usize>,
}

/// Counts a call as held, also where its caller gives up.
struct Held<'a> {
    gate: &'a Gate,
    verb: Verb,
}

impl<T: ?Sized> Slow<T> {
    /// Wraps, and holds nothing yet.
    pub fn new(inner: Arc<T>) -> Self {
        Self {
            inner,
            gate: Arc::new(Gate(watch::Sender::new(Bars::default()))),
        }
    }

    /// What is wrapped.
    pub const fn inner(&self) -> &Arc<T> {
        &self.inner
    }

    /// Holds every call of this verb from now on.
    pub fn hold(&self, verb: Verb, side: Side) {
        self.gate.0.send_modify(|bars| {
            bars.shut.insert(verb, side);
        });
    }

    /// Lets the held calls of this verb go on, and all later ones.
    pub fn release(&self, verb: Verb) {
        self.gate.0.send_modify(|bars| {
            bars.shut.remove(&verb);
        });
    }

    /// How many calls of this verb are held.
    pub fn held(&self, verb: Verb) -> usize {
        self.gate.0.borrow().held.get(&verb).copied().unwrap_or(0)
    }

    /// Waits until so many calls of this verb are held at once.
    pub async fn until_held(&self, verb: Verb, calls: usize) {
        let mut bars = self.gate.0.subscribe();
        let reached = bars.wait_for(|bars| bars.held.get(&verb).copied().unwrap_or(0) >= calls);
        // The sender lives in this very gate, so the wait cannot end by its going away.
        let _ = reached.await;
    }
}

impl Gate {
    /// Makes a call, held before or after it while the gate is shut for it.
    pub(super) async fn through<R>(&self, verb: Verb, call: impl Future<Output = R>) -> R {
        self.pass(verb, Side::Before).await;
        let answer = call.await;
        self.pass(verb, Side::After).await;
        answer
    }

    async fn pass(&self, verb: Verb, side: Side) {
        let mut bars = self.0.subscribe();
        if bars.borrow_and_update().shut.get(&verb) != Some(&side) {
            return;
        }
        let _held = Held::new(self, verb);
        let opened = bars.wait_for(|bars| bars.shut.get(&verb) != Some(&side));
        // The sender lives in this very gate, so the wait cannot end by its going away.
        let _ = opened.await;
    }
}

impl<'a> Held<'a> {
    fn new(gate: &'a Gate, verb: Verb) -> Self {
        gate.0.send_modify(|bars| *bars.held.entry(verb).or_default() += 1);
        Self { gate, verb }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gate.0.send_modify(|bars| {
            if let Some(held) = bars.held.get_mut(&self.verb) {
                *held -= 1;
            }
        });
    }
}
