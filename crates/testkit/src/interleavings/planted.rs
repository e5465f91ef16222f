//! The test of the test: faults planted around the ledger in memory, each of which a run must catch.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, AdmitRow, Archive, AuditEntry, Clock, EventFilter, EventKey, EventLine, EventRecord,
    EventState, Fate, Finished, Job, LeaseReply, LeaseRequest, Leased, Ledger, Letter, LetterAction, LetterFilter,
    LetterOrder, Page, PauseOrder, PortError, Recorded, Registered, Registration, Registry, RegistryVersion, Renewal,
    Renewed, RetireOrder, Retired, Timestamp, Verdict, WorkerEntry, WorkerId,
};
use uuid::Uuid;

use super::{Coverage, run};
use crate::build::pattern;
use crate::memory::rows::{State, WorkRow};
use crate::memory::{ManualClock, MemoryLedger};
use crate::rig::LedgerRig;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    CopyIsRun,
    CopyIsNotCounted,
    OtherPayloadIsACopy,
    OlderListIsTaken,
    OutcomeCountsWithoutItsLease,
    LapsedOutcomeIsStale,
    LapseCountsAnAttempt,
    LapseCountsNothing,
    LeasedWhilePaused,
    ImmatureTakesLapsed,
    SuspectsInCompany,
    HandBackCountsAnAttempt,
    OutageCountsAnAttempt,
    AloneForgivesNothing,
    RenewalIgnoresAwaited,
    RenewalExtendsNothing,
    RequeueOfDiscarded,
    RequeueForgetsAttempts,
    JobIsDoneAgain,
    ChangeIsNotAudited,
    PurgeTakesTheDead,
    RetireWhileCarried,
    UnmatchedIsStored,
}

impl Fault {
    const ALL: [Self; 23] = [
        Self::CopyIsRun,
        Self::CopyIsNotCounted,
        Self::OtherPayloadIsACopy,
        Self::OlderListIsTaken,
        Self::OutcomeCountsWithoutItsLease,
        Self::LapsedOutcomeIsStale,
        Self::LapseCountsAnAttempt,
        Self::LapseCountsNothing,
        Self::LeasedWhilePaused,
        Self::ImmatureTakesLapsed,
        Self::SuspectsInCompany,
        Self::HandBackCountsAnAttempt,
        Self::OutageCountsAnAttempt,
        Self::AloneForgivesNothing,
        Self::RenewalIgnoresAwaited,
        Self::RenewalExtendsNothing,
        Self::RequeueOfDiscarded,
        Self::RequeueForgetsAttempts,
        Self::JobIsDoneAgain,
        Self::ChangeIsNotAudited,
        Self::PurgeTakesTheDead,
        Self::RetireWhileCarried,
        Self::UnmatchedIsStored,
    ];
}

/// A ledger with a fault.
struct Planted {
    memory: MemoryLedger,
    fault: Fault,
}

impl Planted {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn now(&self) -> Timestamp {
        self.memory.clock().now()
    }

    /// Makes every worker stand there without a gap, or what has crashed look innocent, while `then` leases.
    fn before_lease(&self) -> State {
        let mut state = self.memory.state();
        let before = state.clone();
        if self.has(Fault::LeasedWhilePaused) {
            state.paused = false;
            state.handlers.values_mut().for_each(|row| row.paused = false);
        }
        if self.has(Fault::ImmatureTakesLapsed) {
            let now = self.now();
            for row in state.workers.values_mut() {
                row.renewed_at = now;
                row.unbroken_since = Timestamp::default();
            }
        }
        before
    }

    fn after_lease(&self, before: &State, given: &mut [Leased]) {
        let mut state = self.memory.state();
        state.paused = before.paused;
        for (pattern, row) in &mut state.handlers {
            row.paused = before.handlers.get(pattern).is_some_and(|row| row.paused);
        }
        state.workers.clone_from(&before.workers);
        for leased in given {
            let crashes = |state: &State| {
                let row = state.events.get(&leased.event.key)?;
                row.work.as_ref().map(|work| work.crashes)
            };
            if crashes(&state) == crashes(before) {
                continue;
            }
            let Some(row) = state.events.get_mut(&leased.event.key) else {
                continue;
            };
            let Some(work) = &mut row.work else { continue };
            if self.has(Fault::LapseCountsAnAttempt) {
                work.attempt += 1;
                leased.attempt += 1;
            }
            if self.has(Fault::LapseCountsNothing) {
                work.crashes -= 1;
                leased.crashes -= 1;
                row.attempts.pop();
            }
        }
    }

    fn on_works(&self, mut f: impl FnMut(EventKey, &mut WorkRow)) {
        for (key, row) in &mut self.memory.state().events {
            if let Some(work) = &mut row.work {
                f(*key, work);
            }
        }
    }
}

#[async_trait]
impl Ledger for Planted {
    async fn admit(&self, mut admission: Admission) -> Result<AdmitReply, PortError> {
        let now = self.now();
        if self.has(Fault::OlderListIsTaken) {
            admission.registry = RegistryVersion(i64::MAX);
        }
        let known = |row: &AdmitRow| self.memory.state().events.contains_key(&row.event.key);
        let copies: Vec<bool> = admission.rows.iter().map(known).collect();
        if self.has(Fault::OtherPayloadIsACopy) {
            for row in &mut admission.rows {
                if let Some(first) = self.memory.state().events.get(&row.event.key) {
                    row.event = first.event.clone();
                }
            }
        }
        let reply = self.memory.admit(admission.clone()).await?;
        let mut state = self.memory.state();
        for (row, _) in admission.rows.iter().zip(copies).filter(|(_, copy)| *copy) {
            let Some(first) = state.events.get_mut(&row.event.key) else {
                continue;
            };
            if self.has(Fault::CopyIsNotCounted) {
                first.copies_seen = 0;
            }
            if let (Fate::Due(handler) | Fate::Start(handler), EventState::Done) = (&row.fate, first.state())
                && self.has(Fault::CopyIsRun)
            {
                first.work = Some(WorkRow::fresh(handler.clone(), now));
            }
        }
        Ok(reply)
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        let before = self.before_lease();
        if self.has(Fault::SuspectsInCompany) {
            self.on_works(|_, work| work.crashes = 0);
        }
        let mut reply = self.memory.lease(request).await?;
        self.after_lease(&before, &mut reply.leased);
        Ok(reply)
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        let before = self.before_lease();
        let mut given: Vec<Leased> = self.memory.lease_suspect(request).await?.into_iter().collect();
        self.after_lease(&before, &mut given);
        Ok(given.pop())
    }

    async fn renew(&self, mut renewal: Renewal) -> Result<Renewed, PortError> {
        if self.has(Fault::RenewalIgnoresAwaited) {
            renewal.awaited.clear();
        }
        let before = self.memory.state().clone();
        let reply = self.memory.renew(renewal).await?;
        if self.has(Fault::RenewalExtendsNothing) {
            self.on_works(|key, work| {
                let was = before.events.get(&key).and_then(|row| row.work.as_ref());
                if let (Some(was), true) = (was, work.lease.is_some()) {
                    work.due_at = was.due_at;
                }
            });
        }
        Ok(reply)
    }

    async fn record(&self, mut finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        let now = self.now();
        for one in &mut finished {
            let state = self.memory.state();
            let work = state.events.get(&one.key).and_then(|row| row.work.as_ref());
            if self.has(Fault::OutcomeCountsWithoutItsLease) {
                one.lease = work.and_then(|work| work.lease).map_or(one.lease, |lease| lease.token);
            }
            if self.has(Fault::LapsedOutcomeIsStale) && work.is_some_and(|work| work.is_lapsed(now)) {
                one.lease = eventflow_core::LeaseToken(Uuid::nil());
            }
            one.alone &= !self.has(Fault::AloneForgivesNothing);
            let counts = match one.verdict {
                Verdict::HandBack => self.has(Fault::HandBackCountsAnAttempt),
                Verdict::Unavailable(_) => self.has(Fault::OutageCountsAnAttempt),
                _ => false,
            };
            if counts {
                one.verdict = Verdict::Retry(Duration::ZERO);
            }
        }
        self.memory.record(finished).await
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        self.memory.register(registration).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.memory.leave(worker).await
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        self.memory.registry(lease_time).await
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        self.memory.pause(order).await
    }

    async fn retire(&self, mut order: RetireOrder) -> Result<Retired, PortError> {
        if self.has(Fault::RetireWhileCarried) {
            order.lease_time = Duration::ZERO;
        }
        self.memory.retire(order).await
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        let before = self.memory.state().letter_counts();
        let moved = self.memory.rematch(worker, lease_time, limit).await?;
        if self.has(Fault::UnmatchedIsStored) && before != self.memory.state().letter_counts() {
            for row in self.memory.state().events.values_mut() {
                let unmatched = |letter: &eventflow_core::DeathRecord| letter.message.contains("was retired");
                if row.letter.as_ref().is_some_and(unmatched) {
                    row.letter = None;
                    row.end = EventState::Done;
                }
            }
        }
        Ok(moved)
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        self.memory.count(every).await
    }
}

#[async_trait]
impl Archive for Planted {
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        self.memory.get(key).await
    }

    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError> {
        self.memory.list(filter, page).await
    }

    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError> {
        self.memory.letters(filter, page).await
    }

    async fn letter_counts(&self) -> Result<(u64, u64), PortError> {
        self.memory.letter_counts().await
    }

    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError> {
        let audited = self.memory.state().audit.len();
        let requeues = order.action == LetterAction::Requeue;
        for key in order.keys.iter().filter(|_| requeues) {
            if let Some(row) = self.memory.state().events.get_mut(key)
                && self.has(Fault::RequeueOfDiscarded)
                && row.end == EventState::Discarded
            {
                row.end = EventState::Dead;
            }
        }
        if self.has(Fault::JobIsDoneAgain) {
            self.memory.state().jobs.remove(&order.job);
        }
        let keys = order.keys.clone();
        let job = self.memory.change_letters(order).await?;
        if self.has(Fault::ChangeIsNotAudited) {
            self.memory.state().audit.truncate(audited);
        }
        if self.has(Fault::RequeueForgetsAttempts) && requeues {
            self.on_works(|key, work| {
                if keys.contains(&key) {
                    work.attempt = 0;
                }
            });
        }
        Ok(job)
    }

    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError> {
        self.memory.job(id).await
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        self.memory.audit(after, limit).await
    }

    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError> {
        self.memory.workers(lease_time).await
    }

    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError> {
        if self.has(Fault::PurgeTakesTheDead) {
            for row in self.memory.state().events.values_mut() {
                if row.state() == EventState::Dead {
                    row.end = EventState::Discarded;
                }
            }
        }
        self.memory.purge(retention, limit).await
    }
}

struct PlantedRig(Arc<Planted>);

impl PlantedRig {
    fn new(fault: Fault) -> Self {
        let memory = MemoryLedger::new(ManualClock::new());
        Self(Arc::new(Planted { memory, fault }))
    }
}

#[async_trait]
impl LedgerRig for PlantedRig {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.0.clone()
    }

    fn archive(&self) -> Arc<dyn Archive> {
        self.0.clone()
    }

    async fn advance(&self, by: Duration) {
        self.0.memory.clock().advance(by);
    }
}

/// The seeds and steps that an adapter's test runs by default must be enough to catch every fault.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=8;
const STEPS: usize = 300;

#[tokio::test]
async fn every_planted_fault_is_caught() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let mut caught = false;
        for seed in SEEDS {
            caught = caught || run(&PlantedRig::new(fault), seed, STEPS).await.is_err();
        }
        if !caught {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[tokio::test]
async fn without_a_fault_nothing_is_caught_and_everything_is_reached() {
    let mut coverage = Coverage::default();
    for seed in SEEDS {
        match run(&PlantedRig::new(Fault::None), seed, STEPS).await {
            Ok(reached) => coverage.add(&reached),
            Err(divergence) => panic!("{divergence}"),
        }
    }
    let missed: Vec<_> = Coverage::ALL
        .into_iter()
        .filter(|name| coverage.of(name) == 0)
        .collect();
    assert!(missed.is_empty(), "never reached: {missed:?}, of {coverage:?}");
}

#[tokio::test]
async fn a_divergence_names_its_seed_and_its_steps() {
    let rig = PlantedRig::new(Fault::CopyIsNotCounted);
    let divergence = run(&rig, 3, STEPS).await.expect_err("it is caught");
    let told = divergence.to_string();
    assert!(told.contains("EVENTFLOW_SEED=3"), "{told}");
    assert!(told.contains("admit ["), "{told}");
    let again = run(&PlantedRig::new(Fault::CopyIsNotCounted), 3, STEPS).await;
    assert_eq!(
        again.expect_err("it is caught again").to_string(),
        told,
        "a seed chooses everything"
    );
}

#[test]
fn a_pattern_of_the_runs_ties_with_another() {
    assert!(pattern("*.paid").ties_with(&pattern("order.*")));
}
