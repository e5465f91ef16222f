//! Looking up: lists in key order, page by page.

use eventflow_core::{EventFilter, EventKey, EventState, Fate, Page, Payload};

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

async fn keys(s: &Stage<'_>, filter: &EventFilter, after: Option<EventKey>, limit: u32) -> Vec<EventKey> {
    let page = Page {
        after,
        limit,
        with_data: false,
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
    s.change(eventflow_core::LetterAction::Discard, &[discarded]).await;
    let page = Page {
        after: None,
        limit: 10,
        with_data: true,
    };
    let lines = s.archive.list(&EventFilter::default(), page).await.expect("listed");
    assert_eq!(lines.len(), 5);
    for line in lines {
        assert_eq!(line.state.as_str(), line.event.id);
        let record = s.get(line.event.key).await;
        assert_eq!(
            (record.state, record.event, record.copies_seen),
            (line.state, line.event, line.copies_seen)
        );
    }
}
