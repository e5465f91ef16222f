//! Law 2, granting: a handler runs only under a lease, and a lease is one worker's.

use std::collections::BTreeSet;
use std::time::Duration;

use eventflow_core::{EventKey, EventState, Fate, Verdict};

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// A leased row bears the token of the statement, and the answer is all that its run needs.
pub async fn a_lease_gives_what_a_run_needs(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let wanted = event("h", "1", "{\"n\": 1}").subject("s").build();
    s.admit_one(wanted.clone(), Fate::Due(pattern("h"))).await;
    let request = build::lease_request(worker, &["h"], LEASE);
    let token = request.token;
    let before = s.now().await;
    let reply = s.lease_by(request).await;
    let after = s.now().await;
    assert_eq!((reply.leased.len(), reply.suspect_first, reply.died), (1, false, 0));
    let leased = &reply.leased[0];
    assert_eq!(
        (&leased.event, &leased.handler, leased.token),
        (&wanted, &pattern("h"), token)
    );
    assert_eq!((leased.attempt, leased.base, leased.crashes), (0, 0, 0));
    let work = s.get(wanted.key).await.work.expect("it runs");
    assert_eq!(work.worker, Some(worker));
    assert!(work.due_at >= before.plus(LEASE) && work.due_at <= after.plus(LEASE));
    s.expect(wanted.key, EventState::Running).await;
}

/// A row is leased to one worker at a time.
pub async fn a_leased_row_is_not_leased_again(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    s.due("h", "1").await;
    s.lease_one(a, "h").await;
    assert!(s.lease(b, &["h"]).await.leased.is_empty());
    assert!(s.lease(a, &["h"]).await.leased.is_empty());
}

/// Each worker leases only for the handlers it names.
pub async fn a_worker_leases_only_its_own_handlers(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["i"]).await);
    let key = s.due("h", "1").await;
    assert!(s.lease(b, &["i"]).await.leased.is_empty());
    assert!(s.lease(b, &[]).await.leased.is_empty());
    assert_eq!(s.lease_one(a, "h").await.event.key, key);
}

/// What is not due yet is not leased.
pub async fn what_is_not_due_yet_is_not_leased(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.end(worker, key, token, Verdict::Retry(LEASE)).await;
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    s.advance(LEASE / 2).await;
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    s.advance(LEASE).await;
    assert_eq!(s.lease_one(worker, "h").await.event.key, key);
}

/// The oldest due comes first, whatever its key and its handler.
pub async fn the_oldest_due_comes_first(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i"]).await;
    let mut wanted: Vec<EventKey> = Vec::new();
    for (i, handler) in ["h", "i", "i", "h", "h", "i"].into_iter().enumerate() {
        wanted.push(s.due(handler, &i.to_string()).await);
        s.advance(Duration::from_mins(1)).await;
    }
    let reply = s.lease(worker, &["h", "i"]).await;
    let keys: Vec<EventKey> = reply.leased.iter().map(|leased| leased.event.key).collect();
    assert_eq!(keys, wanted);
}

/// Rows that are due at the same moment come in key order.
pub async fn ties_are_broken_by_key(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let rows = (0..10).map(|i| build::row(event("h", &i.to_string(), "{}"), Fate::Due(pattern("h"))));
    s.admit(rows.collect(), None).await;
    let mut request = build::lease_request(worker, &["h"], LEASE);
    request.wants = vec![(pattern("h"), 4)];
    let first = s.lease_by(request).await.leased;
    let rest = s.lease(worker, &["h"]).await.leased;
    let keys: Vec<EventKey> = first.iter().chain(&rest).map(|leased| leased.event.key).collect();
    assert_eq!((first.len(), rest.len()), (4, 6));
    assert!(keys.is_sorted(), "{keys:?}");
}

/// Each handler has a turn of its own: a long line before one does not hold up the others.
pub async fn each_handler_has_its_turn(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i", "j"]).await;
    for i in 0..20 {
        s.due("h", &format!("h{i}")).await;
    }
    s.advance(Duration::from_mins(1)).await;
    let of_i = s.due("i", "i").await;
    let of_j = s.due("j", "j").await;
    let mut request = build::lease_request(worker, &[], LEASE);
    request.wants = vec![(pattern("h"), 3), (pattern("i"), 3), (pattern("j"), 0)];
    let leased = s.lease_by(request).await.leased;
    let handlers: Vec<&str> = leased.iter().map(|leased| leased.handler.as_str()).collect();
    assert_eq!(handlers, ["h", "h", "h", "i"]);
    assert_eq!(leased[3].event.key, of_i);
    s.expect(of_j, EventState::Due).await;
}

/// Rows are given until they weigh enough, but never none where one is due.
pub async fn leases_are_bounded_by_weight(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let heavy = format!("\"{}\"", "x".repeat(100_000));
    let mut wanted = BTreeSet::new();
    for i in 0..4 {
        let event = event("h", &i.to_string(), &heavy).shared();
        wanted.insert(event.key);
        s.admit_one(event, Fate::Due(pattern("h"))).await;
        s.advance(Duration::from_mins(1)).await;
    }
    for (max_bytes, fit) in [(0, 1), (250_000, 2), (usize::MAX, 1)] {
        let mut request = build::lease_request(worker, &["h"], LEASE);
        request.max_bytes = max_bytes;
        let leased = s.lease_by(request).await.leased;
        assert_eq!(leased.len(), fit, "{max_bytes}");
        for row in leased {
            assert!(wanted.remove(&row.event.key));
        }
    }
    assert!(wanted.is_empty());
}

/// Nothing of a paused handler is leased, nor anything while all running is paused.
pub async fn nothing_is_leased_while_paused(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i"]).await;
    let of_h = s.due("h", "h").await;
    let of_i = s.due("i", "i").await;
    s.pause(None, true).await;
    assert!(s.lease(worker, &["h", "i"]).await.leased.is_empty());
    s.pause(Some("h"), true).await;
    s.pause(None, false).await;
    let leased = s.lease(worker, &["h", "i"]).await.leased;
    assert_eq!(
        leased.iter().map(|row| row.event.key).collect::<Vec<_>>(),
        [of_i],
        "resuming all leaves the one paused"
    );
    s.pause(Some("h"), false).await;
    assert_eq!(s.lease_one(worker, "h").await.event.key, of_h);
}

/// A lease lasts as long as it was asked for, and a lapsed one can be taken by who stands there without a gap.
pub async fn a_lapsed_lease_is_taken_over(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    s.due("h", "1").await;
    let first = s.lease_one(a, "h").await;
    s.live(&[(b, &[])], &[]).await;
    let second = s.lease_one(b, "h").await;
    assert_eq!(second.event.key, first.event.key);
    assert_ne!(second.token, first.token);
    assert_eq!(s.get(second.event.key).await.work.expect("it runs").worker, Some(b));
}

/// A row whose lease has lapsed is still shown as running, until somebody takes it over.
pub async fn a_lapsed_row_still_shows_as_running(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, _) = s.started(worker, "h", "1").await;
    s.advance(LEASE * 2).await;
    s.expect(key, EventState::Running).await;
}

/// Who has just joined takes no lapsed lease: after an outage the living look dead.
pub async fn who_has_just_joined_takes_no_lapsed_lease(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let a = s.worker(&["h"]).await;
    let (key, _) = s.started(a, "h", "1").await;
    s.advance(LEASE * 2).await;
    let b = s.worker(&["h"]).await;
    assert!(s.lease(b, &["h"]).await.leased.is_empty());
    assert_eq!(s.suspect(b, &["h"]).await, None);
    assert!(
        s.lease(a, &["h"]).await.leased.is_empty(),
        "its own renewals have a gap"
    );
    s.live(&[(b, &[])], &[]).await;
    assert_eq!(s.lease_one(b, "h").await.event.key, key);
}

/// A gap of more than a third of the lease time begins a worker's standing anew.
pub async fn a_gap_begins_a_workers_standing_anew(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let a = s.worker(&["h"]).await;
    let (key, _) = s.started(a, "h", "1").await;
    let b = s.mature_worker(&["h"]).await;
    s.advance(LEASE / 2).await;
    assert!(
        s.lease(b, &["h"]).await.leased.is_empty(),
        "its last renewal is too old"
    );
    s.renew(b, &[]).await;
    assert!(s.lease(b, &["h"]).await.leased.is_empty(), "its renewals have a gap");
    s.advance(LEASE / 4).await;
    s.renew(b, &[]).await;
    assert!(
        s.lease(b, &["h"]).await.leased.is_empty(),
        "it stands for half a lease time"
    );
    s.live(&[(b, &[])], &[]).await;
    assert_eq!(s.lease_one(b, "h").await.event.key, key);
}

/// Who is not on the list takes no lapsed lease.
pub async fn who_is_not_on_the_list_takes_no_lapsed_lease(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.mature_worker(&["h"]).await);
    s.started(a, "h", "1").await;
    s.live(&[(b, &[])], &[]).await;
    s.ledger.leave(b).await.expect("it leaves");
    assert!(s.lease(b, &["h"]).await.leased.is_empty());
}
