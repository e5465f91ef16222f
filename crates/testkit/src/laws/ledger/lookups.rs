//! Looking up: lists in key order, page by page.

use std::time::Duration;

use eventflow_core::{EventFilter, EventKey, EventState, Fate, LetterAction, Page, Payload, Runs, Verdict};

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

async fn keys(s: &Stage<'_>, filter: &EventFilter, after: Option<EventKey>, limit: u32) -> Vec<EventKey> {
    let page = Page {
        after,
        limit,
        with_data: false,
        with_runs: false,
    };
    let lines = s.archive.list(filter, page).await.expect("listed");
    lines.iter().map(|line| line.event.key).collect()
}

/// An unknown key is none.
pub async fn an_unknown_key_is_none(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let key = event("t", "1", "1").build().key;
    assert_eq!(s.archive.get(key).await.expect("looked up"), None);
}

/// A list goes on where the last page ended, in key order, each event once.
pub async fn a_list_goes_page_by_page_in_key_order(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let rows: Vec<_> = (0..25)
        .map(|i| build::row(event("t", &format!("{i}"), "1"), Fate::Done))
        .collect();
    let mut wanted: Vec<_> = rows.iter().map(|row| row.event.key).collect();
    wanted.sort_unstable();
    s.admit(rows, None).await;
    let all = EventFilter::default();
    let mut seen = Vec::new();
    loop {
        let page = keys(&s, &all, seen.last().copied(), 10).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, wanted);
}

/// A filter restricts by source, type, state and receipt, and payloads come only where they are wanted.
pub async fn a_list_is_restricted_by_its_filter(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let now = s.now().await;
    let old = event("t", "old", "1")
        .source("shop")
        .received_at(now.minus(LEASE))
        .shared();
    let new = event("u", "new", "1").received_at(now).shared();
    s.admit_one(old.clone(), Fate::Done).await;
    s.admit_one(new.clone(), Fate::Done).await;
    let due = event("h", "due", "1").received_at(now.plus(LEASE)).shared();
    s.admit_one(due.clone(), Fate::Due(pattern("h"))).await;
    let any = EventFilter::default();
    let of = async |filter: EventFilter| keys(&s, &filter, None, 10).await;
    assert_eq!(
        of(EventFilter {
            source: Some("shop".to_owned()),
            ..any.clone()
        })
        .await,
        [old.key]
    );
    assert_eq!(
        of(EventFilter {
            event_type: Some("u".to_owned()),
            ..any.clone()
        })
        .await,
        [new.key]
    );
    assert_eq!(
        of(EventFilter {
            until: Some(now),
            ..any.clone()
        })
        .await,
        [old.key]
    );
    assert_eq!(
        of(EventFilter {
            from: Some(now.plus(LEASE)),
            ..any.clone()
        })
        .await,
        [due.key]
    );
    assert_eq!(
        of(EventFilter {
            from: Some(now),
            until: Some(now.plus(LEASE)),
            ..any.clone()
        })
        .await,
        [new.key]
    );
    for (state, len) in [
        (EventState::Queued, 0),
        (EventState::Due, 1),
        (EventState::Running, 0),
        (EventState::Done, 2),
    ] {
        assert_eq!(
            of(EventFilter {
                state: Some(state),
                ..any.clone()
            })
            .await
            .len(),
            len,
            "{state}"
        );
    }
    s.lease_one(worker, "h").await;
    assert_eq!(
        of(EventFilter {
            state: Some(EventState::Running),
            ..any.clone()
        })
        .await,
        [due.key]
    );
    for with_data in [true, false] {
        let page = Page {
            after: None,
            limit: 10,
            with_data,
            with_runs: false,
        };
        let lines = s.archive.list(&any, page).await.expect("listed");
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| (line.event.data == Payload::Empty) != with_data)
        );
    }
}

/// Each state of an event is told alike by the list and by the look-up.
pub async fn every_state_is_told_alike(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    s.due("h", "due").await;
    s.started(worker, "h", "running").await;
    s.stored("done").await;
    s.dead(worker, "h", "dead").await;
    let discarded = s.dead(worker, "h", "discarded").await;
    s.change(LetterAction::Discard, &[discarded]).await;
    let page = Page {
        after: None,
        limit: 10,
        with_data: true,
        with_runs: false,
    };
    let lines = s.archive.list(&EventFilter::default(), page).await.expect("listed");
    assert_eq!(lines.len(), 5);
    for line in lines {
        assert_eq!(line.state.as_str(), line.event.id);
        let record = s.get(line.event.key).await;
        assert_eq!(
            (record.state, record.event, record.copies_seen, record.admitted_at),
            (line.state, line.event, line.copies_seen, line.admitted_at)
        );
        assert_eq!(line.runs, None, "nobody asked for it");
    }
}

/// Where it is asked for, a list tells of each event how often it was run, and when the last run ended, as its history
/// has it; in every state, by every way of listing.
pub async fn a_list_tells_how_often_each_was_run(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let crashed = s.due("h", "crashed").await;
    s.crashed(worker, "h", 1).await;
    let stored = s.stored("stored").await;
    let (done, token) = s.started(worker, "h", "done").await;
    s.end(worker, done, token, Verdict::Retry(Duration::ZERO)).await;
    s.end(worker, done, s.lease_one(worker, "h").await.token, Verdict::Done)
        .await;
    let dead = s.dead(worker, "h", "dead").await;
    let again = s.dead(worker, "h", "again").await;
    s.change(LetterAction::Requeue, &[again]).await;
    s.end(worker, again, s.lease_one(worker, "h").await.token, Verdict::Done)
        .await;
    let fresh = s.due("h", "fresh").await;
    let wanted = [
        (stored, EventState::Done, 0, 0, false),
        (fresh, EventState::Due, 0, 0, false),
        (crashed, EventState::Running, 0, 0, true),
        (dead, EventState::Dead, 0, 1, true),
        (done, EventState::Done, 1, 2, true),
        (again, EventState::Done, 1, 2, true),
    ];
    let page = Page {
        after: None,
        limit: 10,
        with_data: false,
        with_runs: true,
    };
    let all = s.archive.list(&EventFilter::default(), page).await.expect("listed");
    assert_eq!(all.len(), wanted.len());
    for (key, state, of_done, attempts, ended) in wanted {
        let record = s.get(key).await;
        let by_state = EventFilter {
            state: Some(state),
            ..EventFilter::default()
        };
        for filter in [EventFilter::default(), by_state] {
            let lines = s.archive.list(&filter, page).await.expect("listed");
            let line = lines.iter().find(|line| line.event.key == key).expect("it is listed");
            let runs = line.runs.expect("asked for");
            assert_eq!(runs, Runs::of(&record.attempts), "{key}");
            assert_eq!((runs.done, runs.attempts), (of_done, attempts), "{key}");
            assert_eq!(runs.last_ended_at.is_some(), ended, "{key}");
            assert_eq!(line.admitted_at, record.admitted_at);
        }
    }
}
