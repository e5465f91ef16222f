//! Who may start: slots, limits, rates and breakers, one lane for each handler. Decides without waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventflow_core::{Breaker, Pattern, Registry};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The index of a handler among those that this worker carries.
pub(crate) type Lane = usize;

/// Whether anything may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Yes.
    Open,
    /// No: a suspect waits for an empty process.
    Shut,
    /// Never again: the worker drains.
    Closed,
}

/// What a lane is limited by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) concurrency: u32,
    pub(crate) rate: Option<f64>,
}

pub(crate) struct Slots {
    inner: Mutex<Inner>,
    freed: Notify,
}

struct Inner {
    free: u32,
    total: u32,
    gate: Gate,
    lanes: Vec<LaneState>,
}

struct LaneState {
    pattern: Pattern,
    running: u32,
    limits: Limits,
    tokens: f64,
    filled_at: Instant,
    breaker: Breaker<Instant>,
    /// The last lease statement gave all it was asked for: older rows may wait.
    may_have_more: bool,
    /// The last lease statement gave something.
    was_active: bool,
}

/// The right to run one event; given back when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    pub(crate) lane: Lane,
    /// Whether an event has run in it. One that was only reserved calls for no lease statement when it is given back, and costs
    /// nothing of its lane's rate.
    used: bool,
}

impl Slot {
    /// An event runs in it now.
    pub(crate) const fn occupied(mut self) -> Self {
        self.used = true;
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let wakes = {
            let mut inner = self.slots.lock();
            inner.free += 1;
            let lane = &mut inner.lanes[self.lane];
            lane.running -= 1;
            if !self.used {
                lane.give_back(1.0);
            }
            let somebody_waits_for_none = inner.gate != Gate::Open;
            somebody_waits_for_none || self.used && inner.lanes.iter().any(LaneState::is_worth_asking)
        };
        if wakes {
            self.slots.freed.notify_one();
        }
    }
}

impl LaneState {
    const fn is_worth_asking(&self) -> bool {
        self.may_have_more && !self.breaker.is_open()
    }

    fn give_back(&mut self, tokens: f64) {
        if let Some(rate) = self.limits.rate {
            self.tokens = (self.tokens + tokens).min(burst(rate));
        }
    }
}

const BREAKER_BASE: Duration = Duration::from_secs(1);
const BREAKER_CAP: Duration = Duration::from_mins(1);

impl Slots {
    pub(crate) fn new(total: u32, lanes: impl IntoIterator<Item = (Pattern, Limits)>) -> Arc<Self> {
        let now = Instant::now();
        let lanes = lanes
            .into_iter()
            .map(|(pattern, limits)| LaneState {
                pattern,
                running: 0,
                limits,
                tokens: limits.rate.map_or(0.0, burst),
                filled_at: now,
                breaker: Breaker::new(BREAKER_BASE, BREAKER_CAP),
                may_have_more: true,
                was_active: true,
            })
            .collect();
        Arc::new(Self {
            inner: Mutex::new(Inner {
                free: total,
                total,
                gate: Gate::Open,
                lanes,
            }),
            freed: Notify::new(),
        })
    }

    /// A slot for an event that is about to be admitted, where a lease statement would take it now.
    pub(crate) fn reserve(self: &Arc<Self>, lane: Lane, registry: &Registry) -> Option<Slot> {
        let now = Instant::now();
        let mut inner = self.lock();
        let state = &inner.lanes[lane];
        let waits = state.may_have_more || state.breaker.is_open() || is_paused(registry, &state.pattern);
        if waits || inner.room(lane, now) == 0 {
            return None;
        }
        inner.occupy(lane, 1);
        drop(inner);
        Some(self.slot(lane))
    }

    /// What to ask a lease statement for: slots in every lane that may run, a fair turn for each. They are occupied already.
    pub(crate) fn wants(self: &Arc<Self>, registry: &Registry) -> Vec<(Lane, Vec<Slot>)> {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.gate != Gate::Open || inner.free == 0 {
            return Vec::new();
        }
        let shares = inner.shares(registry, now);
        for (lane, share) in &shares {
            inner.occupy(*lane, *share);
        }
        drop(inner);
        shares
            .into_iter()
            .map(|(lane, share)| (lane, (0..share).map(|_| self.slot(lane)).collect()))
            .collect()
    }

    /// What the lease statement gave to a lane. To be told before any of it starts: behind an open breaker it is the probe.
    pub(crate) fn gave(&self, lane: Lane, asked: usize, given: usize) {
        let mut inner = self.lock();
        let state = &mut inner.lanes[lane];
        state.may_have_more = given >= asked;
        state.was_active = given > 0;
        if given > 0 {
            state.breaker.ask(Instant::now());
        }
    }

    /// The lease statement was not answered: nobody knows what waits in this lane.
    pub(crate) fn unanswered(&self, lane: Lane) {
        self.lock().lanes[lane].may_have_more = true;
    }

    /// Rows of this lane were left behind by an admission that found no slot, or are due again: ask the ledger.
    pub(crate) fn expect_more(&self, lane: Lane) {
        self.lock().lanes[lane].may_have_more = true;
        self.freed.notify_one();
    }

    /// All lanes that are neither paused nor behind an open breaker, for a suspect that will run alone.
    pub(crate) fn open_lanes(&self, registry: &Registry) -> Vec<Lane> {
        let now = Instant::now();
        let inner = self.lock();
        (0..inner.lanes.len())
            .filter(|lane| {
                let state = &inner.lanes[*lane];
                !is_paused(registry, &state.pattern) && state.breaker.would_pass(now)
            })
            .collect()
    }

    /// A slot for a suspect, past the shut gate. Behind an open breaker it is the probe.
    pub(crate) fn alone(self: &Arc<Self>, lane: Lane) -> Slot {
        let mut inner = self.lock();
        inner.occupy(lane, 1);
        inner.lanes[lane].breaker.ask(Instant::now());
        drop(inner);
        self.slot(lane)
    }

    /// Opens or shuts the gate. Once closed it stays so.
    pub(crate) fn set_gate(&self, gate: Gate) {
        {
            let mut inner = self.lock();
            if inner.gate != Gate::Closed {
                inner.gate = gate;
            }
        }
        self.freed.notify_one();
    }

    /// Waits until no slot is occupied.
    pub(crate) async fn emptied(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let inner = self.lock();
                if inner.free == inner.total {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Ends when slots came free that a lease statement may fill.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// The handler has shown that what it depends on is there. True where it had been away.
    pub(crate) fn is_available(&self, lane: Lane) -> bool {
        self.lock().lanes[lane].breaker.succeeded()
    }

    /// The handler says that what it depends on is away. True where that is news.
    pub(crate) fn is_unavailable(&self, lane: Lane, after: Option<Duration>) -> bool {
        self.lock().lanes[lane].breaker.failed(Instant::now(), after)
    }

    /// Running and whether the breaker is open, by pattern.
    pub(crate) fn view(&self) -> Vec<(Pattern, u32, bool)> {
        self.lock()
            .lanes
            .iter()
            .map(|lane| (lane.pattern.clone(), lane.running, lane.breaker.is_open()))
            .collect()
    }

    fn slot(self: &Arc<Self>, lane: Lane) -> Slot {
        Slot {
            slots: Arc::clone(self),
            lane,
            used: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// How many more this lane may run now, its breaker aside.
    fn room(&mut self, lane: Lane, now: Instant) -> u32 {
        if self.gate != Gate::Open {
            return 0;
        }
        let free = self.free;
        let state = &mut self.lanes[lane];
        let room = state.limits.concurrency.saturating_sub(state.running).min(free);
        match state.limits.rate {
            None => room,
            Some(rate) => {
                let filled = now.saturating_duration_since(state.filled_at).as_secs_f64() * rate;
                state.tokens = (state.tokens + filled).min(burst(rate));
                state.filled_at = now;
                room.min(whole(state.tokens))
            }
        }
    }

    fn occupy(&mut self, lane: Lane, n: u32) {
        self.free -= n;
        let state = &mut self.lanes[lane];
        state.running += n;
        if state.limits.rate.is_some() {
            state.tokens -= f64::from(n);
        }
    }

    /// Splits the free slots: lanes that gave nothing last time ask for one, the others share the rest.
    fn shares(&mut self, registry: &Registry, now: Instant) -> Vec<(Lane, u32)> {
        let mut rooms = Vec::new();
        for lane in 0..self.lanes.len() {
            if is_paused(registry, &self.lanes[lane].pattern) {
                continue;
            }
            let room = self.room(lane, now);
            let breaker = &self.lanes[lane].breaker;
            let room = match (breaker.would_pass(now), breaker.is_open()) {
                (false, _) => 0,
                (true, true) => room.min(1),
                (true, false) => room,
            };
            if room > 0 {
                rooms.push((lane, room));
            }
        }
        let any_active = rooms.iter().any(|(lane, _)| self.lanes[*lane].was_active);
        // The quiet ones come first, so that the one slot each asks for is there.
        rooms.sort_by_key(|(lane, room)| (any_active && self.lanes[*lane].was_active, *room));
        let mut free = self.free;
        let mut left = u32::try_from(rooms.len()).unwrap_or(u32::MAX);
        let mut shares = Vec::with_capacity(rooms.len());
        for (lane, room) in rooms {
            let quiet = any_active && !self.lanes[lane].was_active;
            let fair = if quiet { 1 } else { free.div_ceil(left.max(1)) };
            let share = room.min(fair).min(free);
            left -= 1;
            if share > 0 {
                free -= share;
                shares.push((lane, share));
            }
        }
        shares
    }
}

fn is_paused(registry: &Registry, pattern: &Pattern) -> bool {
    registry.paused || registry.get(pattern).is_none_or(|entry| entry.paused)
}

/// A second's worth of tokens, at least one.
fn burst(rate: f64) -> f64 {
    rate.max(1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is what is meant"
)]
fn whole(tokens: f64) -> u32 {
    tokens.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflow_core::HandlerEntry;

    fn registry(patterns: &[&str]) -> Registry {
        let handlers = patterns
            .iter()
            .map(|pattern| HandlerEntry {
                pattern: pattern.parse().expect("a pattern"),
                paused: false,
                carriers: 1,
                due: 0,
                running: 0,
                oldest_due: None,
                counted_at: None,
            })
            .collect();
        Registry {
            handlers,
            ..Registry::default()
        }
    }

    fn slots(total: u32, lanes: &[(&str, u32, Option<f64>)]) -> Arc<Slots> {
        Slots::new(
            total,
            lanes.iter().map(|(pattern, concurrency, rate)| {
                let limits = Limits {
                    concurrency: *concurrency,
                    rate: *rate,
                };
                (pattern.parse().expect("a pattern"), limits)
            }),
        )
    }

    fn asked(slots: &Arc<Slots>, registry: &Registry) -> Vec<(Lane, usize)> {
        let mut asked: Vec<_> = slots.wants(registry).iter().map(|(lane, s)| (*lane, s.len())).collect();
        asked.sort_unstable();
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn free_slots_are_shared_and_a_quiet_lane_keeps_its_foot_in_the_door() {
        let slots = slots(8, &[("a", 8, None), ("b", 8, None)]);
        let registry = registry(&["a", "b"]);
        assert_eq!(asked(&slots, &registry), [(0, 4), (1, 4)]);
        slots.gave(0, 4, 0);
        slots.gave(1, 4, 4);
        assert_eq!(asked(&slots, &registry), [(0, 1), (1, 7)]);
    }

    #[tokio::test(start_paused = true)]
    async fn limits_rate_pause_and_breaker_hold() {
        let slots = slots(8, &[("a", 2, None), ("b", 8, Some(3.0)), ("c", 8, None)]);
        let mut registry = registry(&["a", "b", "c"]);
        registry.handlers[2].paused = true;
        let taken = slots.wants(&registry);
        assert_eq!(
            taken.iter().map(|(lane, s)| (*lane, s.len())).collect::<Vec<_>>(),
            [(0, 2), (1, 3)]
        );
        assert!(asked(&slots, &registry).is_empty());
        let ran: Vec<_> = taken
            .into_iter()
            .flat_map(|(_, slots)| slots)
            .map(Slot::occupied)
            .collect();
        drop(ran);
        assert_eq!(asked(&slots, &registry), [(0, 2)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        slots.is_unavailable(0, None);
        assert_eq!(asked(&slots, &registry), [(1, 3)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(asked(&slots, &registry)[0], (0, 1));
        registry.paused = true;
        assert!(asked(&slots, &registry).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_run_costs_nothing_of_the_rate() {
        let slots = slots(8, &[("a", 8, Some(3.0))]);
        let registry = registry(&["a"]);
        slots.gave(0, 3, 0);
        drop(slots.reserve(0, &registry).expect("a slot"));
        assert_eq!(asked(&slots, &registry), [(0, 3)]);
        assert_eq!(asked(&slots, &registry), [(0, 3)]);
        let ran: Vec<_> = (0..3)
            .map(|_| slots.reserve(0, &registry).expect("a slot").occupied())
            .collect();
        drop(ran);
        assert!(asked(&slots, &registry).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_taken_by_what_runs_and_not_by_who_asks() {
        let slots = slots(8, &[("a", 8, None)]);
        let registry = registry(&["a"]);
        slots.is_unavailable(0, None);
        assert!(slots.open_lanes(&registry).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(slots.open_lanes(&registry), [0]);
        assert_eq!(asked(&slots, &registry), [(0, 1)]);
        slots.gave(0, 1, 0);
        assert_eq!(asked(&slots, &registry), [(0, 1)]);
        slots.gave(0, 1, 1);
        assert!(asked(&slots, &registry).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(slots.alone(0));
        assert!(slots.open_lanes(&registry).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_starts_while_older_rows_may_wait_or_the_gate_is_shut() {
        let slots = slots(2, &[("a", 2, None)]);
        let registry = registry(&["a"]);
        assert!(slots.reserve(0, &registry).is_none());
        slots.gave(0, 2, 1);
        let slot = slots.reserve(0, &registry).expect("a slot");
        slots.set_gate(Gate::Shut);
        assert!(slots.reserve(0, &registry).is_none());
        assert!(slots.wants(&registry).is_empty());
        drop(slot);
        slots.emptied().await;
        let alone = slots.alone(0);
        drop(alone);
        slots.set_gate(Gate::Open);
        assert!(slots.reserve(0, &registry).is_some());
        slots.set_gate(Gate::Closed);
        slots.set_gate(Gate::Open);
        assert!(slots.reserve(0, &registry).is_none());
    }
}
