//! The decorators keep the laws while they are idle, and do what they say when they are not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    AdmitReply, Admitted, Archive, EventState, Fate, Fault, Ledger, Queue, Timestamp, Verdict, WorkerId,
};
use eventflow_testkit::laws::{LEASE, Stage};
use eventflow_testkit::{
    Faulty, LedgerRig, ManualClock, MemoryLedger, MemoryLedgerRig, MemoryQueue, Side, Slow, Trouble, Verb, build, event,
};

/// A ledger in memory behind a decorator.
struct Behind<L> {
    memory: MemoryLedgerRig,
    ledger: Arc<L>,
    archive: Arc<dyn Archive>,
}

#[async_trait]
impl<L: Ledger> LedgerRig for Behind<L> {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    fn archive(&self) -> Arc<dyn Archive> {
        self.archive.clone()
    }

    async fn advance(&self, by: Duration) {
        self.memory.advance(by).await;
    }

    async fn now(&self) -> Timestamp {
        self.memory.now().await
    }
}

fn faulty() -> Behind<Faulty<MemoryLedger>> {
    let memory = MemoryLedgerRig::new();
    let ledger = Arc::new(Faulty::new(memory.memory()));
    Behind {
        memory,
        archive: ledger.clone(),
        ledger,
    }
}

fn slow() -> Behind<Slow<MemoryLedger>> {
    let memory = MemoryLedgerRig::new();
    Behind {
        archive: memory.archive(),
        ledger: Arc::new(Slow::new(memory.memory())),
        memory,
    }
}

mod an_idle_faulty_ledger {
    eventflow_testkit::ledger_laws!(Some(super::faulty()));
}

mod an_idle_slow_ledger {
    eventflow_testkit::ledger_laws!(Some(super::slow()));
}

mod queues {
    use std::num::NonZeroU16;

    use eventflow_testkit::{Faulty, MemoryQueueRig, QueueRig, Slow};

    use super::{Arc, Duration, Queue, WorkerId, async_trait};

    struct Behind<Q> {
        memory: MemoryQueueRig,
        queue: Arc<Q>,
    }

    #[async_trait]
    impl<Q: Queue> QueueRig for Behind<Q> {
        fn queue(&self) -> Arc<dyn Queue> {
            self.queue.clone()
        }

        async fn age(&self, by: Duration) {
            self.memory.age(by).await;
        }

        async fn expire_marks(&self) {
            self.memory.expire_marks().await;
        }

        async fn flush(&self) {
            self.memory.flush().await;
        }

        async fn delete_streams(&self) {
            self.memory.delete_streams().await;
        }

        async fn delete_entries(&self) {
            self.memory.delete_entries().await;
        }

        async fn forget_consumer(&self, worker: WorkerId) {
            self.memory.forget_consumer(worker).await;
        }

        async fn set_full(&self, full: bool) {
            self.memory.set_full(full).await;
        }
    }

    mod an_idle_faulty_queue {
        use super::{Arc, Behind, Faulty, MemoryQueueRig, NonZeroU16, QueueRig};

        fn faulty() -> impl QueueRig {
            let memory = MemoryQueueRig::new(NonZeroU16::MIN);
            let queue = Arc::new(Faulty::new(memory.queue()));
            Behind { memory, queue }
        }

        eventflow_testkit::queue_laws!(Some(faulty()));
    }

    mod an_idle_slow_queue {
        use super::{Arc, Behind, MemoryQueueRig, NonZeroU16, QueueRig, Slow};

        fn slow() -> impl QueueRig {
            let memory = MemoryQueueRig::new(NonZeroU16::MIN);
            let queue = Arc::new(Slow::new(memory.queue()));
            Behind { memory, queue }
        }

        eventflow_testkit::queue_laws!(Some(slow()));
    }
}

#[tokio::test]
async fn a_call_that_fails_is_not_made() {
    let rig = faulty();
    let s = Stage::new(&rig);
    for fault in [Fault::Infrastructure, Fault::Unknown, Fault::Event] {
        rig.ledger.next(Verb::Admit, Trouble::Fails(fault));
        let rows = vec![build::row(event("t", "1", "1"), Fate::Done)];
        let admission = build::admission(s.version().await, rows, None);
        let error = rig.ledger.admit(admission).await.expect_err("it was told to fail");
        assert_eq!(error.fault(), fault);
        assert_eq!(error.is_transient(), fault == Fault::Infrastructure);
    }
    assert_eq!(rig.ledger.troubles(), 3);
    assert_eq!(rig.ledger.calls(Verb::Admit), 3);
    let key = event("t", "1", "1").build().key;
    assert_eq!(s.archive.get(key).await.expect("looked up"), None);
    s.stored("2").await;
}

#[tokio::test]
async fn a_lost_reply_leaves_the_call_made() {
    let rig = faulty();
    let s = Stage::new(&rig);
    let worker = s.worker(&["h"]).await;
    let key = s.due("h", "1").await;
    rig.ledger.next(Verb::Lease, Trouble::LosesReply);
    let request = build::lease_request(worker, &["h"], LEASE);
    let error = rig.ledger.lease(request).await.expect_err("the reply is lost");
    assert!(error.is_transient());
    s.expect(key, EventState::Running).await;
    assert_eq!(
        s.renew(worker, &[]).await.handed_back,
        1,
        "a lost answer costs no crash"
    );
    assert_eq!(s.lease_one(worker, "h").await.crashes, 0);
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_ended() {
    let rig = faulty();
    rig.ledger.outage(Some(Trouble::Fails(Fault::Infrastructure)));
    for _ in 0..3 {
        assert!(rig.ledger.registry(LEASE).await.is_err());
        assert!(rig.ledger.letter_counts().await.is_err());
    }
    rig.ledger.outage(None);
    rig.ledger.outage_of(Verb::Count, Some(Trouble::Fails(Fault::Unknown)));
    assert!(rig.ledger.registry(LEASE).await.is_ok());
    assert!(rig.ledger.count(LEASE).await.is_err());
    rig.ledger.mend();
    assert!(rig.ledger.count(LEASE).await.is_ok());
}

#[tokio::test]
async fn a_refused_event_is_its_own_fault_until_it_comes_as_a_dead_letter() {
    let rig = faulty();
    let s = Stage::new(&rig);
    let bad = event("t", "bad", "1").shared();
    rig.ledger.refuse(bad.key);
    let rows = vec![
        build::row(bad.clone(), Fate::Done),
        build::row(event("t", "good", "1"), Fate::Done),
    ];
    let admission = build::admission(s.version().await, rows, None);
    let error = rig.ledger.admit(admission).await.expect_err("the store refuses it");
    assert_eq!(error.fault(), Fault::Event);
    assert_eq!(
        s.stored("good").await,
        event("nobody.takes.it", "good", "{}").build().key
    );
    let said = s.admit_one(bad, Fate::Dead(build::permanent("x"))).await;
    assert_eq!(said, Admitted::New { started: false });
}

/// Everything that is admitted through a ledger that fails at random is done once in the end, by nothing but repeats.
#[tokio::test]
async fn repeats_bring_everything_through_random_failures() {
    let mut troubles = 0;
    for seed in 0..20 {
        let rig = faulty();
        let s = Stage::new(&rig);
        let worker = s.worker(&["h"]).await;
        rig.ledger.chance(seed, 40);
        let rows: Vec<_> = (0..20)
            .map(|i| build::row(event("h", &i.to_string(), "1"), Fate::Due(build::pattern("h"))))
            .collect();
        let version = loop {
            if let Ok(registry) = rig.ledger.registry(LEASE).await {
                break registry.version;
            }
        };
        let admission = build::admission(version, rows.clone(), None);
        while rig.ledger.admit(admission.clone()).await.is_err() {}
        let archive = rig.memory.archive();
        let mut finished = Vec::new();
        loop {
            // A worker that lost an answer hands back what it does not know.
            while rig.ledger.renew(build::renewal(worker, LEASE, &[])).await.is_err() {}
            if let Ok(reply) = rig.ledger.lease(build::lease_request(worker, &["h"], LEASE)).await {
                finished.extend(
                    reply
                        .leased
                        .iter()
                        .map(|row| build::outcome(worker, row, Verdict::Done)),
                );
                while rig.ledger.record(finished.clone()).await.is_err() {}
                finished.clear();
            }
            let mut states = Vec::new();
            for row in &rows {
                states.push(archive.get(row.event.key).await.expect("memory").expect("admitted"));
            }
            if states.iter().all(|record| record.state == EventState::Done) {
                assert!(states.iter().all(|record| record.attempts.len() == 1), "seed {seed}");
                break;
            }
        }
        troubles += rig.ledger.troubles();
    }
    assert!(troubles > 20, "{troubles}");
}

#[tokio::test]
async fn a_faulty_queue_loses_replies_of_what_it_took() {
    let memory = Arc::new(MemoryQueue::new(ManualClock::new(), std::num::NonZeroU16::MIN));
    let queue = Faulty::new(memory.clone());
    let event = event("t", "1", "1").shared();
    queue.next(Verb::Append, Trouble::Fails(Fault::Infrastructure));
    queue.next(Verb::Append, Trouble::LosesReply);
    for entries in [0, 1] {
        let said = queue.append(std::slice::from_ref(&event)).await;
        assert!(said.len() == 1 && said[0].is_err());
        assert_eq!(memory.depth().await.expect("memory")[0].entries, entries);
    }
    queue.next(Verb::Claim, Trouble::LosesReply);
    let mut reader = queue.reader(WorkerId::new());
    assert!(reader.claim(10, Duration::ZERO).await.is_err());
    assert_eq!(
        memory.depth().await.expect("memory")[0].pending,
        1,
        "it was given to who never heard of it"
    );
    assert_eq!(
        reader
            .take_over(Duration::ZERO, 10)
            .await
            .expect("taken over")
            .entries
            .len(),
        1
    );
}

#[tokio::test]
async fn a_slow_ledger_holds_a_call_before_or_after_it_is_made() {
    for (side, made) in [(Side::Before, false), (Side::After, true)] {
        let rig = slow();
        let s = Stage::new(&rig);
        let event = event("t", "1", "1").shared();
        let rows = vec![build::row(event.clone(), Fate::Done)];
        let admission = build::admission(s.version().await, rows, None);
        rig.ledger.hold(Verb::Admit, side);
        let ledger = rig.ledger.clone();
        let call = tokio::spawn(async move { ledger.admit(admission).await });
        rig.ledger.until_held(Verb::Admit, 1).await;
        assert_eq!(s.archive.get(event.key).await.expect("looked up").is_some(), made);
        assert!(!call.is_finished());
        rig.ledger.release(Verb::Admit);
        let reply = call.await.expect("it ends").expect("it is answered");
        assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started: false }]));
        assert_eq!(rig.ledger.held(Verb::Admit), 0);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_is_held_no_longer() {
    let rig = slow();
    rig.ledger.hold(Verb::Count, Side::Before);
    let ledger = rig.ledger.clone();
    let call = tokio::spawn(async move { ledger.count(LEASE).await });
    rig.ledger.until_held(Verb::Count, 1).await;
    call.abort();
    assert!(call.await.expect_err("it was given up").is_cancelled());
    assert_eq!(rig.ledger.held(Verb::Count), 0);
}

#[tokio::test]
async fn a_slow_queue_holds_its_readers_too() {
    let memory = Arc::new(MemoryQueue::new(ManualClock::new(), std::num::NonZeroU16::MIN));
    let queue = Arc::new(Slow::new(memory));
    queue.append(&[event("t", "1", "1").shared()]).await;
    queue.hold(Verb::Claim, Side::Before);
    let mut reader = queue.reader(WorkerId::new());
    let call = tokio::spawn(async move { reader.claim(10, Duration::ZERO).await });
    queue.until_held(Verb::Claim, 1).await;
    assert_eq!(queue.depth().await.expect("not held")[0].pending, 0);
    queue.release(Verb::Claim);
    assert_eq!(call.await.expect("it ends").expect("it reads").entries.len(), 1);
}
