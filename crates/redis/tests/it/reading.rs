//! Reading and taking over: waiting, limits, partitions, counts of deliveries.

use std::collections::BTreeSet;
use std::time::Duration;

use eventflow_core::Queue as _;
use eventflow_testkit::QueueRig as _;

use crate::rig::{BRIEF, Rig, WAIT, claim, events, read};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_longer_than_any_default_and_wakes_at_once() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    let blocked = async {
        loop {
            let info: String = rig.run(&["INFO", "clients"]).await;
            if info.contains("blocked_clients:1") {
                break;
            }
            tokio::task::yield_now().await;
        }
        rig.append_new(&events(0..1)).await;
    };
    let (claimed, ()) = tokio::join!(reader.claim(10, Duration::from_mins(1)), blocked);
    assert_eq!(read(&claimed.expect("read").entries), events(0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_longer_than_the_clients_own_time_out_ends_in_nothing() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    let claimed = reader.claim(10, Duration::from_millis(700)).await.expect("no error");
    assert!(claimed.entries.is_empty());
    rig.append_new(&events(0..1)).await;
    assert_eq!(claim(&mut reader, 1).await.entries[0].deliveries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_left_neither_blocks_the_next_nor_loses_anything() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    let left = tokio::time::timeout(BRIEF, reader.claim(10, Duration::from_mins(1))).await;
    assert!(left.is_err());
    rig.append_new(&events(0..3)).await;
    let mut seen = claim_or_take(&rig, &mut reader, 3).await;
    seen.sort();
    assert_eq!(seen, ["order-0", "order-1", "order-2"]);
}

async fn claim_or_take(rig: &Rig, reader: &mut Box<dyn eventflow_core::QueueReader>, n: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < n {
        let mut claimed = reader.claim(10, BRIEF).await.expect("read");
        if claimed.entries.is_empty() {
            rig.age(HOUR).await;
            claimed = reader.take_over(HOUR, 10).await.expect("taken over");
        }
        seen.extend(read(&claimed.entries).iter().map(|event| event.id.clone()));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_partitions_are_read_within_the_limit_and_to_the_end() {
    let rig = Rig::with_partitions(64).await;
    rig.append_new(&events(0..1_000)).await;
    let mut reader = rig.reader();
    let mut seen = BTreeSet::new();
    let mut limits = [1, 7, 64, 100, 128, 1_000].into_iter().cycle();
    while seen.len() < 1_000 {
        let max = limits.next().expect("endless");
        let claimed = reader.claim(max, WAIT).await.expect("read");
        assert!(!claimed.entries.is_empty());
        assert!(claimed.entries.len() <= max.min(128));
        for event in read(&claimed.entries) {
            assert!(seen.insert(event.id.clone()), "{} came twice", event.id);
        }
        assert_eq!(rig.settle(&claimed.entries).await, claimed.entries.len() as u64);
    }
    assert_eq!(rig.depth().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_full_partition_among_many_is_read_in_large_steps() {
    let rig = Rig::with_partitions(64).await;
    let partitions = std::num::NonZeroU16::new(64).expect("64");
    let batch: Vec<_> = events(0..20_000)
        .into_iter()
        .filter(|event| event.key.partition(partitions) == 5)
        .collect();
    rig.append_new(&batch).await;
    let mut reader = rig.reader();
    let mut left = batch.len();
    while left > 0 {
        let read = reader.claim(128, WAIT).await.expect("read").entries.len();
        assert_eq!(read, left.min(128));
        left -= read;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_over_goes_to_the_end_of_every_partition_and_counts_deliveries() {
    let rig = Rig::with_partitions(3).await;
    let all = events(0..900);
    rig.append_new(&all).await;
    let mut dead = rig.reader();
    claim(&mut dead, 900).await;
    let mut heir = rig.reader();
    assert!(heir.take_over(HOUR, 128).await.expect("asked").entries.is_empty());
    for deliveries in 2..4 {
        rig.age(HOUR).await;
        let mut seen = BTreeSet::new();
        loop {
            let claimed = heir.take_over(HOUR, 100).await.expect("taken over");
            assert!(claimed.entries.len() <= 100);
            if claimed.entries.is_empty() {
                break;
            }
            for entry in &claimed.entries {
                assert_eq!(entry.deliveries, deliveries);
                assert!(seen.insert(entry.id.clone()));
            }
        }
        assert_eq!(seen.len(), 900);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readers_share_and_never_get_the_same() {
    let rig = Rig::with_partitions(2).await;
    rig.append_new(&events(0..600)).await;
    let (mut a, mut b) = (rig.reader(), rig.reader());
    let mut seen = BTreeSet::new();
    while seen.len() < 600 {
        let (from_a, from_b) = tokio::join!(a.claim(50, BRIEF), b.claim(50, BRIEF));
        for claimed in [from_a, from_b] {
            for entry in claimed.expect("read").entries {
                assert!(seen.insert(entry.id));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_zombie_settles_late_changes_nothing() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    let mut zombie = rig.reader();
    let old = claim(&mut zombie, 1).await.entries;
    rig.age(HOUR).await;
    let mut heir = rig.reader();
    let taken = heir.take_over(HOUR, 10).await.expect("taken over").entries;
    assert_eq!(rig.settle(&taken).await, 1);
    // The same event comes again after its mark has ended, under another entry.
    rig.expire_marks().await;
    rig.append_new(&events(0..1)).await;
    assert_eq!(rig.settle(&old).await, 0);
    assert_eq!(rig.mark_left(&events(0..1)[0]).await, -1);
    assert_eq!(rig.depth().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_from_the_beginning_gives_everything_again() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..20)).await;
    let mut reader = rig.reader();
    claim(&mut reader, 20).await;
    let _: () = rig.run(&["XGROUP", "SETID", &rig.stream(0), "workers", "0"]).await;
    let again = claim(&mut reader, 20).await.entries;
    assert_eq!(read(&again), events(0..20));
    assert_eq!(rig.settle(&again).await, 20);
    assert_eq!(rig.depth().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused_with_both_numbers() {
    let rig = Rig::with_partitions(4).await;
    let other = rig.another(|options| options.partitions = std::num::NonZeroU16::MIN);
    let error = other.ensure().await.expect_err("refused").to_string();
    assert!(error.contains("made with 4 partitions and is asked for 1"), "{error}");
    rig.queue.ensure().await.expect("the same number again");
}
