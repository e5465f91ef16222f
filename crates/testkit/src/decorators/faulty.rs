//! Makes calls fail: before they are made, or by losing their reply.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventflow_core::{EventKey, Fault, PortError};

use super::Verb;

/// A way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The call is not made; whose fault it is said to be.
    Fails(Fault),
    /// The call is made, and its answer is lost: an error of the infrastructure.
    LosesReply,
}

/// Wraps a port and fails by script, by chance, or until told otherwise. A new one does nothing.
///
/// A script goes before an outage, an outage before chance.
#[derive(Debug)]
pub struct Faulty<T: ?Sized> {
    pub(super) inner: Arc<T>,
    pub(super) plan: Arc<Plan>,
}

/// What goes wrong, shared with the readers of a queue.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    next: BTreeMap<Verb, VecDeque<Trouble>>,
    outage: Option<Trouble>,
    outages: BTreeMap<Verb, Trouble>,
    chance: Option<(fastrand::Rng, u8)>,
    refused: BTreeSet<EventKey>,
    calls: BTreeMap<Verb, u64>,
    troubles: u64,
}

impl<T: ?Sized> Faulty<T> {
    /// Wraps, and does nothing yet.
    pub fn new(inner: Arc<T>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// What is wrapped.
    pub const fn inner(&self) -> &Arc<T> {
        &self.inner
    }

    /// The next call of this verb that has no trouble yet gets this one.
    pub fn next(&self, verb: Verb, trouble: Trouble) {
        self.plan.script().next.entry(verb).or_default().push_back(trouble);
    }

    /// Every call is in this trouble from now on, or in none.
    pub fn outage(&self, trouble: Option<Trouble>) {
        self.plan.script().outage = trouble;
    }

    /// Every call of this verb is in this trouble from now on, or in none.
    pub fn outage_of(&self, verb: Verb, trouble: Option<Trouble>) {
        let mut script = self.plan.script();
        match trouble {
            Some(trouble) => script.outages.insert(verb, trouble),
            None => script.outages.remove(&verb),
        };
    }

    /// So many calls of a hundred fail at random from now on: half of them before the call, half by a lost reply.
    pub fn chance(&self, seed: u64, of_a_hundred: u8) {
        self.plan.script().chance = Some((fastrand::Rng::with_seed(seed), of_a_hundred));
    }

    /// The store refuses this event for what it contains: an admission with it is the event's fault, unless it comes as
    /// a dead letter.
    pub fn refuse(&self, key: EventKey) {
        self.plan.script().refused.insert(key);
    }

    /// Ends every trouble; counters stay.
    pub fn mend(&self) {
        let mut script = self.plan.script();
        *script = Script {
            calls: std::mem::take(&mut script.calls),
            troubles: script.troubles,
            ..Script::default()
        };
    }

    /// How often this verb was called, in trouble or not.
    pub fn calls(&self, verb: Verb) -> u64 {
        self.plan.script().calls.get(&verb).copied().unwrap_or(0)
    }

    /// How many calls were in trouble.
    pub fn troubles(&self) -> u64 {
        self.plan.script().troubles
    }
}

impl Plan {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refuses(&self, key: EventKey) -> bool {
        self.script().refused.contains(&key)
    }

    /// The trouble that this call is in.
    pub(super) fn trouble(&self, verb: Verb) -> Option<Trouble> {
        let mut script = self.script();
        *script.calls.entry(verb).or_default() += 1;
        let scripted = script.next.get_mut(&verb).and_then(VecDeque::pop_front);
        let trouble = scripted
            .or_else(|| script.outages.get(&verb).copied())
            .or(script.outage)
            .or_else(|| script.by_chance());
        script.troubles += u64::from(trouble.is_some());
        trouble
    }

    /// Makes a call, unless its trouble is in the way.
    pub(super) async fn through<R>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<R, PortError>>,
    ) -> Result<R, PortError> {
        match self.trouble(verb) {
            None => call.await,
            Some(Trouble::Fails(fault)) => Err(failed(fault)),
            Some(Trouble::LosesReply) => {
                call.await?;
                Err(lost())
            }
        }
    }
}

impl Script {
    fn by_chance(&mut self) -> Option<Trouble> {
        let (rng, of_a_hundred) = self.chance.as_mut()?;
        if rng.u8(0..100) >= *of_a_hundred {
            return None;
        }
        Some(if rng.bool() {
            Trouble::Fails(Fault::Infrastructure)
        } else {
            Trouble::LosesReply
        })
    }
}

pub(super) fn failed(fault: Fault) -> PortError {
    PortError::new(fault, "calling", "it was told to fail")
}

pub(super) fn lost() -> PortError {
    PortError::infrastructure("calling", "the reply was lost, the call was made")
}
