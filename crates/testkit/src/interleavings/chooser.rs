//! Chooses the next step by seed, from what workers believe and from where the model stands.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use eventflow_core::{
    AdmitRow, Clock, Death, EventKey, EventState, Fate, LeaseGrant, LeaseRequest, LeaseToken, LetterOrder, Pattern,
    Reason, Registration, Renewal, WorkerId,
};
use fastrand::Rng;
use uuid::Uuid;

use super::profile::{Kind, weights};
use super::step::{LEASE, Reply, Step, UNIT};
use super::workers::Workers;
use crate::build::{self, pattern};
use crate::memory::MemoryLedger;
use crate::memory::rows::EventRow;

/// Few types, an event at a time of each line, so that everything collides. The last has a handler only now and then.
pub(super) const TYPES: [&str; 6] = ["order.paid", "order.sent", "order.paid", "user", "user", "note"];
pub(super) const PATTERNS: [&str; 4] = ["order.*", "order.paid", "user", "note"];
/// Ties with `order.*`.
const TIE: &str = "*.paid";

pub(super) struct Chooser {
    pub(super) rng: Rng,
    pub(super) model: Arc<MemoryLedger>,
    weights: &'static [(Kind, u32)],
    pub(super) workers: Workers,
    pub(super) orders: Vec<LetterOrder>,
    planned: VecDeque<Planned>,
    /// How many events each line has had before the one that it has now.
    passed: [u32; TYPES.len()],
    keys: Vec<EventKey>,
}

/// A step of a longer gesture.
#[derive(Clone, Copy, Debug)]
enum Planned {
    Advance(u32),
    Register(usize),
    /// Renews; what it runs is kept, or awaited and so left to lapse.
    Renew {
        place: usize,
        keeps: bool,
    },
    Lease(usize),
    Suspect(usize),
}

impl Chooser {
    pub(super) fn new(seed: u64, model: Arc<MemoryLedger>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut workers = Workers::default();
        for patterns in [
            &["order.*", "user"][..],
            &["order.*", "order.paid"],
            &["user", "order.*"],
        ] {
            workers.add(WorkerId(uuid(&mut rng)), build::patterns(patterns));
        }
        Self {
            rng,
            model,
            weights: weights(seed),
            planned: (0..workers.all.len()).map(Planned::Register).collect(),
            workers,
            orders: Vec::new(),
            passed: [0; TYPES.len()],
            keys: Vec::new(),
        }
    }

    /// Every key that was ever admitted, in order of its first admission.
    pub(super) fn keys(&self) -> &[EventKey] {
        &self.keys
    }

    pub(super) fn hear(&mut self, step: &Step, reply: &Reply) {
        let lost = self.rng.u8(0..100) < 12;
        self.workers.hear(step, reply, lost, &mut self.rng);
    }

    pub(super) fn next(&mut self) -> Step {
        if let Some(planned) = self.planned.pop_front() {
            return match planned {
                Planned::Advance(units) => Step::Advance(UNIT * units),
                Planned::Register(place) => self.register_again(place),
                Planned::Renew { place, keeps } => self.renew_for(place, keeps),
                Planned::Lease(place) => Step::Lease(self.request_of(place, &[100])),
                Planned::Suspect(place) => Step::LeaseSuspect(self.request_of(place, &[100])),
            };
        }
        loop {
            let kind = self.kind();
            if let Some(step) = self.of_kind(kind) {
                return step;
            }
        }
    }

    fn kind(&mut self) -> Kind {
        let total: u32 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.rng.u32(0..total);
        for (kind, weight) in self.weights {
            match left.checked_sub(*weight) {
                None => return *kind,
                Some(rest) => left = rest,
            }
        }
        Kind::Advance
    }

    /// None where there is nothing of the kind to do.
    fn of_kind(&mut self, kind: Kind) -> Option<Step> {
        Some(match kind {
            Kind::Advance => Step::Advance(UNIT * [1, 1, 1, 3, 3, 6, 14, 40][self.rng.usize(0..8)]),
            Kind::Admit => self.admit(),
            Kind::Lease => Step::Lease(self.request()),
            Kind::Suspect => Step::LeaseSuspect(self.request()),
            Kind::Renew => self.renew(),
            Kind::Live => self.live(),
            Kind::Crash => self.crash(),
            Kind::Record => return self.record(),
            Kind::Zombie => return self.zombie(),
            Kind::Restart => self.restart(),
            Kind::Leave => Step::Leave(self.someone()),
            Kind::Register => self.register(),
            Kind::Pause => self.pause(),
            Kind::Retire => self.retire(),
            Kind::Rematch => Step::Rematch(self.rematcher()),
            Kind::Count => Step::Count,
            Kind::Letters => self.letters(),
            Kind::Purge => Step::Purge([1, 2, 100][self.rng.usize(0..3)]),
        })
    }

    pub(super) fn place(&mut self) -> usize {
        self.rng.usize(0..self.workers.all.len())
    }

    fn someone(&mut self) -> WorkerId {
        let place = self.place();
        self.workers.all[place].id
    }

    fn admit(&mut self) -> Step {
        let mut places: BTreeSet<usize> = BTreeSet::new();
        for _ in 0..self.rng.usize(1..=3) {
            places.insert(self.rng.usize(0..TYPES.len()));
        }
        let mut rows: Vec<AdmitRow> = places.into_iter().map(|place| self.row(place)).collect();
        rows.sort_by_key(|row| row.event.key);
        rows.dedup_by_key(|row| row.event.key);
        for row in &rows {
            if !self.keys.contains(&row.event.key) {
                self.keys.push(row.event.key);
            }
        }
        let worker = self.someone();
        let grant = LeaseGrant {
            worker,
            token: LeaseToken(uuid(&mut self.rng)),
            lease_time: LEASE,
        };
        let starts = rows.iter().any(|row| matches!(row.fate, Fate::Start(_)));
        Step::Admit {
            rows,
            behind: i64::from(self.rng.u8(0..20) == 0),
            lease: starts.then_some(grant),
        }
    }

    fn row(&mut self, place: usize) -> AdmitRow {
        let event_type = TYPES[place];
        self.pass_on(place);
        let id = &self.id(place);
        let json = if self.rng.u8(0..5) == 0 { "[\"another\"]" } else { "{}" };
        let age = UNIT * [0, 0, 40, 95][self.rng.usize(0..4)];
        let event = build::event(event_type, id, json).received_at(self.model.clock().now().minus(age));
        let event = event.build();
        if json != "{}" && self.rng.bool() {
            return build::reused(&event);
        }
        let handler = self.model.state().match_type(event_type);
        let fate = match handler {
            _ if self.rng.u8(0..20) == 0 => Fate::Dead(self.death()),
            None => Fate::Done,
            Some(handler) if self.rng.bool() => Fate::Start(handler),
            Some(handler) => Fate::Due(handler),
        };
        AdmitRow {
            event: Arc::new(event),
            fate,
            copies: [0, 0, 0, 1, 3][self.rng.usize(0..5)],
        }
    }

    pub(super) fn id(&self, place: usize) -> String {
        format!("{place}-{}", self.passed[place])
    }

    /// Where the line's event is done, the next one may come.
    fn pass_on(&mut self, place: usize) {
        let key = EventKey::of("/", &self.id(place));
        let state = self.model.state().events.get(&key).map(EventRow::state);
        if state == Some(EventState::Done) && self.rng.bool() {
            self.passed[place] += 1;
        }
    }

    fn death(&mut self) -> Death {
        let reason = [Reason::Unstorable, Reason::Unreadable][self.rng.usize(0..2)];
        Death::new(reason, "dead on arrival")
    }

    fn request(&mut self) -> LeaseRequest {
        let place = self.place();
        self.request_of(place, &[0, 1, 1, 2, 100, 100])
    }

    /// Asks for handlers on the list only: what is off it is matched anew, not leased.
    fn request_of(&mut self, place: usize, limits: &[u32]) -> LeaseRequest {
        let handlers: Vec<Pattern> = self.model.state().handlers.keys().cloned().collect();
        let wants = handlers
            .into_iter()
            .map(|handler| (handler, limits[self.rng.usize(0..limits.len())]));
        let wants = wants.collect();
        LeaseRequest {
            worker: self.workers.all[place].id,
            token: LeaseToken(uuid(&mut self.rng)),
            lease_time: LEASE,
            wants,
            max_bytes: if self.rng.u8(0..6) == 0 { 1 } else { usize::MAX },
        }
    }

    /// Renews, sometimes without all that it runs or awaits.
    fn renew(&mut self) -> Step {
        let place = self.place();
        if self.workers.all[place].unknown && self.rng.u8(0..5) > 0 {
            return self.register_again(place);
        }
        let running = self.workers.all[place].running.clone();
        let forgotten: Vec<_> = running.into_iter().filter(|_| self.rng.u8(0..8) == 0).collect();
        self.workers.forget(place, &forgotten);
        let worker = &mut self.workers.all[place];
        worker.awaited.retain(|_| self.rng.bool());
        self.renew_for(place, true)
    }

    fn renew_for(&mut self, place: usize, keeps: bool) -> Step {
        let worker = &self.workers.all[place];
        let mut renewal = Renewal {
            worker: worker.id,
            lease_time: LEASE,
            running: worker.running.clone(),
            awaited: worker.awaited.clone(),
            beat: None,
        };
        if !keeps {
            let tokens = std::mem::take(&mut renewal.running).into_iter().map(|(_, token)| token);
            renewal.awaited.extend(tokens);
        }
        if self.rng.u8(0..4) == 0 {
            renewal.beat = Some(format!("{{\"beat\":{}}}", self.rng.u8(..)));
        }
        Step::Renew(renewal)
    }

    /// One or two workers renew for a lease time, so that they stand there without a gap; others' leases lapse.
    fn live(&mut self) -> Step {
        let mut places = vec![self.place()];
        if self.rng.bool() {
            places.push(self.place());
            places.dedup();
        }
        let keeps = self.rng.u8(0..3) > 0;
        self.live_through(&places, keeps)
    }

    fn live_through(&mut self, places: &[usize], keeps: bool) -> Step {
        for _ in 0..4 {
            self.planned.push_back(Planned::Advance(4));
            let renewals = places.iter().map(|place| Planned::Renew { place: *place, keeps });
            self.planned.extend(renewals);
        }
        self.renew_for(places[0], keeps)
    }

    /// Everything lapses, and one worker takes it over.
    fn crash(&mut self) -> Step {
        let place = self.place();
        let step = self.live_through(&[place], false);
        self.planned.push_back(Planned::Lease(place));
        self.planned.extend([Planned::Suspect(place); 3]);
        step
    }

    fn restart(&mut self) -> Step {
        let (place, id) = (self.place(), WorkerId(uuid(&mut self.rng)));
        self.workers.restart(place, id);
        self.register_again(place)
    }

    fn register_again(&self, place: usize) -> Step {
        let worker = &self.workers.all[place];
        Step::Register(Registration {
            worker: worker.id,
            name: format!("worker-{place}"),
            patterns: worker.patterns.clone(),
        })
    }

    fn register(&mut self) -> Step {
        let place = self.place();
        let mut patterns = vec![pattern(PATTERNS[self.rng.usize(0..PATTERNS.len())])];
        if self.rng.u8(0..4) == 0 {
            patterns.push(pattern(TIE));
        } else {
            patterns.push(pattern(PATTERNS[self.rng.usize(0..PATTERNS.len())]));
            patterns.sort_unstable();
            patterns.dedup();
        }
        Step::Register(Registration {
            worker: self.workers.all[place].id,
            name: format!("worker-{place}"),
            patterns,
        })
    }

    fn rematcher(&mut self) -> Option<WorkerId> {
        let worker = self.someone();
        (self.rng.u8(0..4) > 0).then_some(worker)
    }
}

pub(super) fn uuid(rng: &mut Rng) -> Uuid {
    Uuid::from_u128(rng.u128(..))
}
