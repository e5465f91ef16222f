//! Law 2, keeping: a renewal extends what runs and hands back the rest, nothing counted.

use eventflow_core::{EventState, LeaseToken};

use crate::build;
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// What a worker runs is extended, so that a slow handler is not run twice.
pub async fn a_renewal_extends_what_runs(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.mature_worker(&["h"]).await);
    let held = s.started(a, "h", "1").await;
    s.live(&[(a, &[held]), (b, &[])], &[]).await;
    s.live(&[(a, &[held]), (b, &[])], &[]).await;
    assert!(s.lease(b, &["h"]).await.leased.is_empty());
    let work = s.get(held.0).await.work.expect("it runs");
    assert_eq!((work.worker, work.crashes), (Some(a), 0));
}

/// A lapsed lease that nobody took is extended like any other.
pub async fn a_renewal_extends_a_lapsed_lease(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let a = s.worker(&["h"]).await;
    let held = s.started(a, "h", "1").await;
    let b = s.mature_worker(&["h"]).await;
    let renewed = s.renew(a, &[held]).await;
    assert!(renewed.lost.is_empty());
    assert!(s.lease(b, &["h"]).await.leased.is_empty());
    s.expect(held.0, EventState::Running).await;
}

/// What bears a worker's name but is not run by it is due again at once, nothing counted: a lost answer costs no crash.
pub async fn a_renewal_hands_back_what_is_not_run(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let held = s.started(worker, "h", "1").await;
    let (lost, _) = s.started(worker, "h", "2").await;
    let renewed = s.renew(worker, &[held]).await;
    assert_eq!(
        (renewed.lost.len(), renewed.handed_back, renewed.unknown),
        (0, 1, false)
    );
    s.expect(held.0, EventState::Running).await;
    let record = s.get(lost).await;
    let work = record.work.expect("it waits");
    assert_eq!(
        (record.state, work.worker, work.attempt, work.crashes),
        (EventState::Due, None, 0, 0)
    );
    assert!(record.attempts.is_empty());
    assert_eq!(s.lease_one(worker, "h").await.event.key, lost);
}

/// What bears an awaited token is left alone: neither handed back nor extended.
pub async fn a_renewal_leaves_the_awaited_alone(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    let before = s.get(key).await;
    s.advance(LEASE / 4).await;
    let mut renewal = build::renewal(worker, LEASE, &[]);
    renewal.awaited = vec![token];
    assert_eq!(s.ledger.renew(renewal).await.expect("renewed").handed_back, 0);
    assert_eq!(s.get(key).await, before);
}

/// A token alone is no lease: the key goes with it.
pub async fn a_lease_is_the_pair_of_key_and_token(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (a, token_a) = s.started(worker, "h", "1").await;
    let (b, token_b) = s.started(worker, "h", "2").await;
    let mut renewed = s.renew(worker, &[(a, token_b), (b, token_a)]).await;
    renewed.lost.sort_unstable();
    let mut both = [a, b];
    both.sort_unstable();
    assert_eq!((renewed.lost.as_slice(), renewed.handed_back), (both.as_slice(), 2));
    s.expect(a, EventState::Due).await;
    s.expect(b, EventState::Due).await;
}

/// A worker learns what it has lost, and nobody else's rows are touched.
pub async fn a_renewal_names_what_is_lost(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    let held = s.started(a, "h", "1").await;
    let done = s.stored("done").await;
    s.live(&[(b, &[])], &[]).await;
    let taken = s.lease_one(b, "h").await;
    let before = s.get(held.0).await;
    let mut renewed = s.renew(a, &[held, (done, held.1)]).await;
    renewed.lost.sort_unstable();
    let mut lost = [held.0, done];
    lost.sort_unstable();
    assert_eq!((renewed.lost.as_slice(), renewed.handed_back), (lost.as_slice(), 0));
    assert_eq!(s.get(held.0).await, before);
    assert_eq!(s.renew(b, &[(held.0, taken.token)]).await.lost, []);
    let stolen = s.renew(a, &[(held.0, taken.token)]).await;
    assert_eq!(
        stolen.lost,
        [held.0],
        "another's lease is not extended, even by its token"
    );
    s.expect(held.0, EventState::Running).await;
}

/// Who is not on the list hears it, is not put on it, and still keeps what it runs.
pub async fn who_is_unknown_hears_it(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    s.ledger.leave(worker).await.expect("it leaves");
    let held = s.started(worker, "h", "1").await;
    let (lost, _) = s.started(worker, "h", "2").await;
    s.advance(LEASE / 4).await;
    let renewed = s.renew(worker, &[held]).await;
    assert_eq!((renewed.unknown, renewed.handed_back), (true, 1));
    assert!(renewed.lost.is_empty());
    let work = s.get(held.0).await.work.expect("it runs");
    assert!(work.due_at > s.now().await.plus(LEASE * 9 / 10));
    s.expect(lost, EventState::Due).await;
    assert!(s.archive.workers(LEASE).await.expect("listed").is_empty());
}

/// A renewal shows the worker's heartbeat; one without leaves the last.
pub async fn a_renewal_shows_the_heartbeat(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    s.started(worker, "h", "1").await;
    s.advance(LEASE / 4).await;
    let mut renewal = build::renewal(worker, LEASE, &[]);
    renewal.awaited = vec![LeaseToken::new()];
    renewal.beat = Some("{\"n\": 1}".to_owned());
    s.ledger.renew(renewal).await.expect("renewed");
    s.renew(worker, &[]).await;
    let workers = s.archive.workers(LEASE).await.expect("listed");
    assert_eq!(workers.len(), 1);
    let row = &workers[0];
    assert_eq!(row.beat.as_deref(), Some("{\"n\": 1}"));
    assert_eq!((row.worker, row.running, row.living), (worker, 0, true));
    assert_eq!(row.patterns, [build::pattern("h")]);
    assert!(row.renewed_at > row.joined_at);
    s.advance(LEASE * 2).await;
    assert!(!s.archive.workers(LEASE).await.expect("listed")[0].living);
}

/// Who leaves is off the list, and what bore its name is due again, nothing counted.
pub async fn who_leaves_leaves_nothing_behind(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    let (key, _) = s.started(a, "h", "1").await;
    let (other, _) = s.started(b, "h", "2").await;
    assert_eq!(s.archive.workers(LEASE).await.expect("listed").len(), 2);
    s.ledger.leave(a).await.expect("it leaves");
    s.ledger.leave(a).await.expect("and again");
    let record = s.get(key).await;
    let work = record.work.expect("it waits");
    assert_eq!((record.state, work.attempt, work.crashes), (EventState::Due, 0, 0));
    s.expect(other, EventState::Running).await;
    let workers = s.archive.workers(LEASE).await.expect("listed");
    assert_eq!(
        workers.iter().map(|row| (row.worker, row.running)).collect::<Vec<_>>(),
        [(b, 1)]
    );
}
