//! What the backends in memory offer beyond the laws: notices, inspections, a full queue's ways, other people's entries.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Backend, Durability, EntryBody, Inspection, Pulse, Queue, Settlement, WorkerId};
use eventflow_testkit::{ManualClock, MemoryLedger, MemoryQueue, event};

fn queue() -> MemoryQueue {
    MemoryQueue::new(ManualClock::new(), NonZeroU16::MIN)
}

#[tokio::test]
async fn a_notice_wakes_who_waits_and_who_is_about_to() {
    let ledger = Arc::new(MemoryLedger::new(ManualClock::new()));
    let waits = |ledger: Arc<MemoryLedger>| tokio::spawn(async move { ledger.noticed().await });
    let waiting = [waits(ledger.clone()), waits(ledger.clone())];
    tokio::task::yield_now().await;
    ledger.notify().await.expect("memory does not fail");
    for one in waiting {
        one.await.expect("it was woken");
    }
    ledger.noticed().await;
}

#[tokio::test]
async fn an_inspection_says_what_it_was_told() {
    let said = Inspection {
        version: "a disk".to_owned(),
        level: Some(Durability::Disk),
        findings: Vec::new(),
        round_trip_us: 1,
        facts: Vec::new(),
    };
    let ledger = MemoryLedger::new(ManualClock::new());
    let deadline = Duration::from_secs(1);
    let level = ledger.inspect(deadline).await.expect("memory does not fail").level;
    assert_eq!(level, Some(Durability::Memory));
    ledger.set_inspection(said.clone());
    assert_eq!(ledger.inspect(deadline).await.expect("memory does not fail"), said);
    let queue = queue();
    queue.set_inspection(said.clone());
    assert_eq!(queue.inspect(deadline).await.expect("memory does not fail"), said);
}

#[tokio::test]
async fn a_batch_that_was_not_reduced_is_refused() {
    use eventflow_core::{Admission, Fate, Ledger, RegistryVersion};
    let ledger = MemoryLedger::new(ManualClock::new());
    let row = eventflow_testkit::build::row(event("t", "1", "1"), Fate::Done);
    let admission = Admission {
        registry: RegistryVersion::default(),
        rows: vec![row.clone(), row],
        lease: None,
    };
    assert!(ledger.admit(admission).await.expect_err("a key twice").is_transient());
}

#[tokio::test]
async fn entries_that_are_no_events_are_given_and_settled() {
    let queue = queue();
    let unreadable = queue
        .append_unreadable(None, b"\xff", "no version")
        .expect("partition 0 is there");
    let newer = queue
        .append_body(0, EntryBody::Newer { version: 9 })
        .expect("partition 0 is there");
    assert_eq!(queue.append_body(1, EntryBody::Newer { version: 9 }), None);
    let mut reader = queue.reader(WorkerId::new());
    let entries = reader
        .claim(10, Duration::ZERO)
        .await
        .expect("memory does not fail")
        .entries;
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.clone()).collect();
    assert_eq!(ids, [unreadable.clone(), newer]);
    let settlement = Settlement {
        id: unreadable,
        key: None,
        keep_mark: false,
    };
    assert_eq!(queue.settle(&[settlement]).await.expect("memory does not fail"), 1);
}

#[tokio::test]
async fn the_window_bounds_how_long_marks_stay() {
    let queue = queue();
    queue.set_window(Duration::from_mins(1));
    let mut reader = queue.reader(WorkerId::new());
    queue.append(&[event("t", "1", "1").shared()]).await;
    let entry = reader
        .claim(10, Duration::ZERO)
        .await
        .expect("memory does not fail")
        .entries
        .remove(0);
    let settlement = Settlement {
        id: entry.id,
        key: Some(event("t", "1", "1").build().key),
        keep_mark: true,
    };
    queue.settle(&[settlement]).await.expect("memory does not fail");
    assert_eq!(queue.marks(), 1);
    queue.clock().advance(Duration::from_mins(2));
    assert_eq!(queue.marks(), 0);
}
