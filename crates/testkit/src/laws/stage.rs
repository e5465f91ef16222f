//! A ledger under test with the few gestures that nearly every law makes.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    AdmitReply, AdmitRow, Admitted, Archive, Event, EventKey, EventRecord, EventState, Fate, Finished, Job, LeaseGrant,
    LeaseReply, LeaseRequest, LeaseToken, Leased, Ledger, LetterAction, PauseOrder, Recorded, Registered, Registry,
    RegistryVersion, Renewed, Timestamp, Verdict, WorkerId,
};

use crate::build;
use crate::rig::LedgerRig;

/// The lease time of every law: long beside what a test may last, so that a real clock below the store does no harm.
pub const LEASE: Duration = Duration::from_hours(1);

/// A ledger under test. Every gesture panics where the ledger fails.
pub struct Stage<'a> {
    rig: &'a dyn LedgerRig,
    /// Its ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Its archive.
    pub archive: Arc<dyn Archive>,
}

impl<'a> Stage<'a> {
    /// Sets the stage.
    pub fn new(rig: &'a dyn LedgerRig) -> Self {
        Self {
            rig,
            ledger: rig.ledger(),
            archive: rig.archive(),
        }
    }

    /// Moves the store's clock on.
    pub async fn advance(&self, by: Duration) {
        self.rig.advance(by).await;
    }

    /// Now, by the store's clock.
    pub async fn now(&self) -> Timestamp {
        self.rig.now().await
    }

    /// The handler list.
    pub async fn registry(&self) -> Registry {
        self.ledger.registry(LEASE).await.expect("the registry is read")
    }

    /// Its version.
    pub async fn version(&self) -> RegistryVersion {
        self.registry().await.version
    }

    /// A new worker that carries these patterns.
    pub async fn worker(&self, patterns: &[&str]) -> WorkerId {
        let worker = WorkerId::new();
        self.join(worker, patterns).await;
        worker
    }

    /// Registers a worker, new or known.
    pub async fn join(&self, worker: WorkerId, patterns: &[&str]) -> Registry {
        let registration = build::registration(worker, patterns);
        match self.ledger.register(registration).await.expect("a worker joins") {
            Registered::Joined(registry) => registry,
            Registered::Tie(a, b) => panic!("no tie was to be expected between {a} and {b}"),
        }
    }

    /// A new worker with these patterns whose renewals stand there without a gap for one lease time.
    pub async fn mature_worker(&self, patterns: &[&str]) -> WorkerId {
        let worker = self.worker(patterns).await;
        self.live(&[(worker, &[])], &[]).await;
        worker
    }

    /// Lets a little more than a lease time pass while these workers renew what stands beside them. What bears a token
    /// of `awaited` is left alone by them, and lapses.
    pub async fn live(&self, workers: &[(WorkerId, &[(EventKey, LeaseToken)])], awaited: &[LeaseToken]) {
        for _ in 0..5 {
            self.advance(LEASE / 4).await;
            for (worker, running) in workers {
                let mut renewal = build::renewal(*worker, LEASE, running);
                renewal.awaited = awaited.to_vec();
                self.ledger.renew(renewal).await.expect("a worker renews");
            }
        }
    }

    /// One renewal.
    pub async fn renew(&self, worker: WorkerId, running: &[(EventKey, LeaseToken)]) -> Renewed {
        let renewal = build::renewal(worker, LEASE, running);
        self.ledger.renew(renewal).await.expect("a worker renews")
    }

    /// Admits by the list as it stands. Aligned with the rows sorted by key.
    pub async fn admit(&self, rows: Vec<AdmitRow>, lease: Option<LeaseGrant>) -> Vec<Admitted> {
        let admission = build::admission(self.version().await, rows, lease);
        match self.ledger.admit(admission).await.expect("a batch is admitted") {
            AdmitReply::Decided(said) => said,
            AdmitReply::StaleRegistry => panic!("the version was just read"),
        }
    }

    /// Admits one row.
    pub async fn admit_one(&self, event: impl Into<Arc<Event>>, fate: Fate) -> Admitted {
        let said = self.admit(vec![build::row(event, fate)], None).await;
        assert_eq!(said.len(), 1, "one answer a row");
        said[0]
    }

    /// Admits a new event of this type as due for a handler of the same name.
    pub async fn due(&self, handler: &str, id: &str) -> EventKey {
        let event = build::event(handler, id, "{}").shared();
        let key = event.key;
        let said = self.admit_one(event, Fate::Due(build::pattern(handler))).await;
        assert_eq!(said, Admitted::New { started: false });
        key
    }

    /// Admits a new event of this type as running, by a handler of the same name.
    pub async fn started(&self, worker: WorkerId, handler: &str, id: &str) -> (EventKey, LeaseToken) {
        let event = build::event(handler, id, "{}").shared();
        let key = event.key;
        let token = LeaseToken::new();
        let grant = LeaseGrant {
            worker,
            token,
            lease_time: LEASE,
        };
        let row = build::row(event, Fate::Start(build::pattern(handler)));
        let said = self.admit(vec![row], Some(grant)).await;
        assert_eq!(said, [Admitted::New { started: true }]);
        (key, token)
    }

    /// A new dead letter of a handler, after one attempt.
    pub async fn dead(&self, worker: WorkerId, handler: &str, id: &str) -> EventKey {
        let (key, token) = self.started(worker, handler, id).await;
        let verdict = Verdict::Dead(build::permanent("it cannot be done"));
        assert_eq!(self.end(worker, key, token, verdict).await, Recorded::Counted);
        key
    }

    /// A new event that is stored and has no handler.
    pub async fn stored(&self, id: &str) -> EventKey {
        let event = build::event("nobody.takes.it", id, "{}").shared();
        let key = event.key;
        assert_eq!(
            self.admit_one(event, Fate::Done).await,
            Admitted::New { started: false }
        );
        key
    }

    /// Leases whatever is due for these handlers.
    pub async fn lease(&self, worker: WorkerId, handlers: &[&str]) -> LeaseReply {
        self.lease_by(build::lease_request(worker, handlers, LEASE)).await
    }

    /// Leases by this request.
    pub async fn lease_by(&self, request: LeaseRequest) -> LeaseReply {
        self.ledger.lease(request).await.expect("due rows are leased")
    }

    /// Leases the one row that is due.
    pub async fn lease_one(&self, worker: WorkerId, handler: &str) -> Leased {
        let mut reply = self.lease(worker, &[handler]).await;
        assert_eq!(reply.leased.len(), 1, "exactly one row is due: {reply:?}");
        reply.leased.remove(0)
    }

    /// Leases the oldest suspect.
    pub async fn suspect(&self, worker: WorkerId, handlers: &[&str]) -> Option<Leased> {
        let request = build::lease_request(worker, handlers, LEASE);
        self.ledger.lease_suspect(request).await.expect("a suspect is leased")
    }

    /// Brings the only unfinished row to this many crashes, by letting leases of this worker lapse. Returns its last lease.
    pub async fn crashed(&self, worker: WorkerId, handler: &str, times: u32) -> Leased {
        let mut leased = self.lease_one(worker, handler).await;
        while leased.crashes < times {
            self.live(&[(worker, &[])], &[leased.token]).await;
            leased = match self.lease(worker, &[handler]).await.leased.pop() {
                Some(leased) => leased,
                None => self.suspect(worker, &[handler]).await.expect("a suspect is due"),
            };
        }
        leased
    }

    /// Records one outcome.
    pub async fn record(&self, finished: Finished) -> Recorded {
        let said = self
            .ledger
            .record(vec![finished])
            .await
            .expect("an outcome is recorded");
        assert_eq!(said.len(), 1, "one answer an outcome");
        said[0]
    }

    /// Records how a run under this lease ended.
    pub async fn end(&self, worker: WorkerId, key: EventKey, lease: LeaseToken, verdict: Verdict) -> Recorded {
        self.record(build::finished(worker, key, lease, verdict)).await
    }

    /// Carries out an order on these letters under a new job.
    pub async fn change(&self, action: LetterAction, keys: &[EventKey]) -> Job {
        let order = build::letter_order(action, keys);
        self.archive
            .change_letters(order)
            .await
            .expect("an order is carried out")
    }

    /// Pauses or resumes a handler, or all.
    pub async fn pause(&self, handler: Option<&str>, paused: bool) -> bool {
        let order = PauseOrder {
            handler: handler.map(build::pattern),
            paused,
            actor: "test".to_owned(),
        };
        self.ledger.pause(order).await.expect("a pause is written")
    }

    /// All about an event that is there.
    pub async fn get(&self, key: EventKey) -> EventRecord {
        let record = self.archive.get(key).await.expect("an event is looked up");
        record.unwrap_or_else(|| panic!("the ledger has no event {key}"))
    }

    /// Its state.
    pub async fn state(&self, key: EventKey) -> EventState {
        self.get(key).await.state
    }

    /// Fails unless the event is in this state.
    pub async fn expect(&self, key: EventKey, state: EventState) {
        let record = self.get(key).await;
        assert_eq!(record.state, state, "{record:#?}");
    }
}
