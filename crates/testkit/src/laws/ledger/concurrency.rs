//! Law 1 and law 2 under real concurrency: many statements at once on the same rows.

use std::collections::{BTreeMap, BTreeSet};

use eventflow_core::{AdmitReply, Admitted, EventState, Fate, LetterAction, Recorded, Verdict};
use tokio::task::JoinSet;

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// How many do it at once.
const AT_ONCE: usize = 8;

/// The same batch by many at once: each key is new exactly once, a copy for all others, and each copy is counted.
pub async fn of_many_admissions_at_once_one_wins_each_key(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let rows: Vec<_> = (0..40)
        .map(|i| build::row(event("t", &format!("{i}"), "1"), Fate::Done))
        .collect();
    let admission = build::admission(s.version().await, rows, None);
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (ledger, admission) = (s.ledger.clone(), admission.clone());
        tasks.spawn(async move { ledger.admit(admission).await.expect("admitted") });
    }
    let mut new: BTreeMap<usize, usize> = BTreeMap::new();
    for said in tasks.join_all().await {
        let AdmitReply::Decided(said) = said else {
            panic!("{said:?}")
        };
        for (i, said) in said.into_iter().enumerate() {
            assert_ne!(said, Admitted::Reused);
            *new.entry(i).or_default() += usize::from(said == Admitted::New { started: false });
        }
    }
    assert_eq!(new.len(), 40);
    assert!(new.values().all(|times| *times == 1), "{new:?}");
    for row in &admission.rows {
        assert_eq!(s.get(row.event.key).await.copies_seen, AT_ONCE as u64 - 1);
    }
}

/// Two payloads under one id by many at once: the one that came first has the row, the others hear `Reused`.
pub async fn of_two_payloads_at_once_one_has_the_row(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let version = s.version().await;
    let mut tasks = JoinSet::new();
    for i in 0..AT_ONCE {
        let payload = (i % 2).to_string();
        let rows = vec![build::row(event("t", "contested", &payload), Fate::Done)];
        let (ledger, admission) = (s.ledger.clone(), build::admission(version, rows, None));
        tasks.spawn(async move { (i % 2, ledger.admit(admission).await.expect("admitted")) });
    }
    let said = tasks.join_all().await;
    let says = |wanted: Admitted| {
        let who = said
            .iter()
            .filter(move |(_, said)| *said == AdmitReply::Decided(vec![wanted]));
        who.map(|(payload, _)| *payload).collect::<Vec<_>>()
    };
    let winner = says(Admitted::New { started: false });
    assert_eq!(winner.len(), 1);
    assert_eq!(says(Admitted::Copy), vec![winner[0]; AT_ONCE / 2 - 1]);
    assert_eq!(says(Admitted::Reused), vec![1 - winner[0]; AT_ONCE / 2]);
}

/// Many workers lease at once: no row is given twice, and none is passed over in the end.
pub async fn of_many_leases_at_once_one_has_each_row(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let rows = (0..60).map(|i| build::row(event("h", &format!("{i}"), "1"), Fate::Due(pattern("h"))));
    let mut workers = Vec::new();
    for _ in 0..AT_ONCE {
        workers.push(s.worker(&["h"]).await);
    }
    s.admit(rows.collect(), None).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 60 {
        let mut tasks = JoinSet::new();
        for worker in workers.clone() {
            let mut request = build::lease_request(worker, &[], LEASE);
            request.wants = vec![(pattern("h"), 5)];
            let ledger = s.ledger.clone();
            tasks.spawn(async move { ledger.lease(request).await.expect("leased").leased });
        }
        let leased: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert!(!leased.is_empty(), "rows are due: {} of 60 seen", seen.len());
        for row in leased {
            assert!(seen.insert(row.event.key), "{} was leased twice", row.event.key);
        }
    }
}

/// The same outcome by many at once counts once.
pub async fn of_many_outcomes_at_once_one_counts(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let finished = vec![build::finished(worker, key, token, Verdict::Retry(LEASE))];
        let ledger = s.ledger.clone();
        tasks.spawn(async move { ledger.record(finished).await.expect("recorded")[0] });
    }
    let said = tasks.join_all().await;
    assert_eq!(said.iter().filter(|said| **said == Recorded::Counted).count(), 1);
    let record = s.get(key).await;
    assert_eq!((record.state, record.attempts.len()), (EventState::Due, 1));
}

/// The same letter requeued by many at once is requeued once.
pub async fn of_many_requeues_at_once_one_applies(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let order = build::letter_order(LetterAction::Requeue, &[key]);
        let archive = s.archive.clone();
        tasks.spawn(async move { archive.change_letters(order).await.expect("done").applied });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u64>(), 1);
    assert_eq!(s.archive.audit(0, 100).await.expect("read").len(), 1);
    s.lease_one(worker, "h").await;
}

/// Many repeat one job at once: it is done once, and all hear the same.
pub async fn one_job_at_once_by_many_is_done_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    let order = build::letter_order(LetterAction::Discard, &[key]);
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (archive, order) = (s.archive.clone(), order.clone());
        tasks.spawn(async move { archive.change_letters(order).await.expect("done") });
    }
    let jobs = tasks.join_all().await;
    assert_eq!(jobs[0].applied, 1);
    assert!(jobs.iter().all(|job| *job == jobs[0]), "{jobs:?}");
    assert_eq!(s.archive.audit(0, 100).await.expect("read").len(), 1);
}
