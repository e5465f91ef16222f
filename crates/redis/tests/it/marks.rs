//! Marks: from the append to the end of the window, and what shortens it.

use std::time::Duration;

use eventflow_core::{Appended, Queue as _, Settlement};
use eventflow_testkit::{QueueRig as _, event};

use crate::rig::{Rig, claim, events, until};

const TEN_MINUTES: i64 = 600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_lives_from_the_append_to_the_end_of_the_window() {
    let rig = Rig::start().await;
    let event = &events(0..1)[0];
    let append = async || {
        let answers = rig.queue.append(&events(0..1)).await;
        *answers[0].as_ref().expect("answered")
    };
    assert_eq!(append().await, Appended::Accepted);
    assert_eq!(rig.mark_left(event).await, -1, "pending: no end");
    assert_eq!(append().await, Appended::Duplicate);

    let mut reader = rig.reader();
    let entries = claim(&mut reader, 1).await.entries;
    assert_eq!(rig.mark_left(event).await, -1, "given, not settled: no end");
    assert_eq!(rig.settle(&entries).await, 1);
    let left = rig.mark_left(event).await;
    assert!((1..=TEN_MINUTES).contains(&left), "{left}");
    assert_eq!(append().await, Appended::Duplicate);
    assert_eq!(rig.depth().await, (0, 0));

    rig.expire_marks().await;
    assert_eq!(append().await, Appended::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_payload_is_told_apart_while_the_mark_stands() {
    let rig = Rig::start().await;
    let other = event("order.created", "order-0", r#"{"n":"other"}"#).shared();
    rig.append_new(&events(0..1)).await;
    let ask = async || {
        let answers = rig.queue.append(std::slice::from_ref(&other)).await;
        *answers[0].as_ref().expect("answered")
    };
    assert_eq!(ask().await, Appended::OtherPayload);
    let mut reader = rig.reader();
    rig.settle(&claim(&mut reader, 1).await.entries).await;
    assert_eq!(ask().await, Appended::OtherPayload);
    rig.expire_marks().await;
    assert_eq!(ask().await, Appended::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_of_an_id_that_nobody_chose_goes_with_its_entry() {
    let rig = Rig::start().await;
    let event = event("t", "made-by-us", "1").generated_id().shared();
    rig.append_new(std::slice::from_ref(&event)).await;
    assert_eq!(rig.mark_left(&event).await, -1);
    let mut reader = rig.reader();
    rig.settle(&claim(&mut reader, 1).await.entries).await;
    assert_eq!(rig.mark_left(&event).await, -2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_touches_only_a_mark_that_names_its_entry() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..2)).await;
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 2).await.entries;
    let crossed = Settlement {
        id: entries[0].id.clone(),
        key: Some(events(1..2)[0].key),
        keep_mark: false,
    };
    assert_eq!(rig.queue.settle(&[crossed]).await.expect("settled"), 1);
    for event in events(0..2) {
        assert_eq!(rig.mark_left(&event).await, -1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_event_is_found_until_it_is_settled() {
    let rig = Rig::with_partitions(5).await;
    let all = events(0..20);
    rig.append_new(&all).await;
    for event in &all {
        let found = rig.queue.find(event.key).await.expect("asked");
        assert_eq!(found.expect("queued").event, *event);
    }
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 20).await.entries;
    assert!(rig.queue.find(all[7].key).await.expect("asked").is_some());
    rig.settle(&entries).await;
    for event in &all {
        assert_eq!(rig.queue.find(event.key).await.expect("asked"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_shrinks_while_there_are_too_many_marks_and_grows_back() {
    let rig = Rig::start().await;
    let crowded = rig.another(|options| options.dedup_marks = 9);
    rig.append_new(&events(0..10)).await;
    assert_eq!(crowded.tend().await.expect("tended").window, Duration::from_mins(10));
    let mut reader = rig.reader();
    rig.settle(&claim(&mut reader, 10).await.entries).await;
    assert_eq!(crowded.tend().await.expect("tended").window, Duration::from_mins(5));
    assert_eq!(crowded.tend().await.expect("tended").window, Duration::from_secs(150));

    rig.append_new(&events(10..11)).await;
    let entry = claim(&mut reader, 1).await.entries;
    crowded.settle(&crate::rig::settlements(&entry)).await.expect("settled");
    let left = rig.mark_left(&events(10..11)[0]).await;
    assert!((1..=150_000).contains(&left), "{left}");

    rig.expire_marks().await;
    crowded.tend().await.expect("tended");
    assert_eq!(crowded.tend().await.expect("tended").window, Duration::from_mins(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_shrinks_while_memory_is_short() {
    let rig = Rig::start().await;
    let info: String = rig.run(&["INFO", "memory"]).await;
    let used: u64 = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .and_then(|n| n.trim().parse().ok())
        .expect("used memory is told");
    let _: () = rig
        .run(&["CONFIG", "SET", "maxmemory", &(used * 5 / 4).to_string()])
        .await;
    assert_eq!(rig.queue.tend().await.expect("tended").window, Duration::from_mins(5));
    let _: () = rig.run(&["CONFIG", "SET", "maxmemory", &(used * 4).to_string()]).await;
    assert_eq!(rig.queue.tend().await.expect("tended").window, Duration::from_mins(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_whose_entry_was_destroyed_does_not_count_and_is_swept() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..3_000)).await;
    let mut reader = rig.reader();
    let settled = claim(&mut reader, 1).await.entries;
    rig.settle(&settled).await;
    let n_settled = settled.len() as u64;
    rig.delete_streams().await;

    // The first is accepted anew though its mark stands, and so has an entry when the sweep comes.
    let again = settled.len()..settled.len() + 1;
    let again = u32::try_from(again.start).expect("few")..u32::try_from(again.end).expect("few");
    rig.append_new(&events(again)).await;
    assert!(reader.claim(1, Duration::ZERO).await.expect("read").group_remade);

    let mut removed = 0;
    until("the sweep ends", async || {
        removed += rig.queue.tend().await.expect("tended").stale_marks;
        (removed == 2_999 - n_settled).then_some(())
    })
    .await;
    let left: Vec<String> = rig.run(&["KEYS", "*:mark:*"]).await;
    assert_eq!(left.len() as u64, n_settled + 1);
    assert_eq!(rig.queue.tend().await.expect("tended").stale_marks, 0);
}
