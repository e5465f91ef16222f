//! Appending: order, batches, partitions, a full Redis.

use std::sync::Arc;

use eventflow_core::{Appended, Fault, Queue as _};
use eventflow_stack::RedisSettings;
use eventflow_testkit::{QueueRig as _, event};

use crate::rig::{Rig, claim, events, read, settlements};

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_aligned_and_two_of_one_key_in_one_call_are_seen() {
    let rig = Rig::with_partitions(4).await;
    let mut batch = events(0..50);
    batch.insert(10, event("order.created", "order-3", r#"{"n":3}"#).shared());
    batch.insert(20, event("order.created", "order-4", r#"{"n":"other"}"#).shared());
    let answers = rig.queue.append(&batch).await;
    for (i, answer) in answers.into_iter().enumerate() {
        let expected = match i {
            10 => Appended::Duplicate,
            20 => Appended::OtherPayload,
            _ => Appended::Accepted,
        };
        assert_eq!(answer.expect("answered"), expected, "{i}");
    }
    assert_eq!(rig.depth().await, (50, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_call_takes_is_split_and_kept_in_order() {
    let rig = Rig::start().await;
    let mut batch = events(0..2_500);
    batch.push(Arc::clone(&batch[0]));
    let answers = rig.queue.append(&batch).await;
    assert_eq!(*answers[2_500].as_ref().expect("answered"), Appended::Duplicate);
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 2_500).await.entries;
    assert_eq!(read(&entries), batch[..2_500]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_go_in_calls_of_a_few_megabytes() {
    let rig = Rig::start().await;
    let data = vec![7; 1 << 20];
    let batch: Vec<_> = (0..11)
        .map(|n| event("blob", &format!("b{n}"), "").binary(&data).shared())
        .collect();
    rig.append_new(&batch).await;
    let calls: String = rig.run(&["INFO", "commandstats"]).await;
    let evalsha = calls.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
    // Three of a little more than one megabyte fit into four, and the first call finds no script.
    assert!(evalsha.is_some_and(|line| line.contains(":calls=5,")), "{evalsha:?}");
    let mut reader = rig.reader();
    assert_eq!(read(&claim(&mut reader, 11).await.entries), batch);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_that_fails_leaves_the_others() {
    let rig = Rig::with_partitions(2).await;
    let _: i64 = rig.run(&["DEL", &rig.stream(1)]).await;
    let _: () = rig.run(&["SET", &rig.stream(1), "not a stream"]).await;
    let batch = events(0..40);
    let answers = rig.queue.append(&batch).await;
    let partitions = std::num::NonZeroU16::new(2).expect("2");
    for (event, answer) in batch.iter().zip(answers) {
        match (event.key.partition(partitions), answer) {
            (0, Ok(Appended::Accepted)) => {}
            (1, Err(error)) => assert_eq!(error.fault(), Fault::Infrastructure),
            (partition, answer) => panic!("partition {partition} said {answer:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_takes_nothing_but_gives_and_settles() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..200)).await;
    let mut reader = rig.reader();
    let first = claim(&mut reader, 100).await.entries;
    rig.set_full(true).await;
    // What a server that is full for a while may also have forgotten.
    let _: () = rig.run(&["SCRIPT", "FLUSH"]).await;

    for answer in rig.queue.append(&events(200..210)).await {
        let error = answer.expect_err("nothing fits");
        assert!(error.is_transient());
        assert!(error.to_string().contains("OOM"), "{error}");
    }
    rig.queue
        .ensure()
        .await
        .expect("nothing is missing, so nothing is made");
    assert_eq!(rig.settle(&first).await, first.len() as u64);
    let rest = claim(&mut reader, 200 - first.len()).await.entries;
    assert_eq!(rig.settle(&rest).await, rest.len() as u64);
    assert_eq!(rig.depth().await, (0, 0));
    rig.queue.tend().await.expect("tended");
    assert!(rig.mark_left(&events(0..1)[0]).await > 0, "the window began");

    rig.set_full(false).await;
    rig.append_new(&events(200..210)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_fills_up_by_itself_drains_to_the_end() {
    let settings = RedisSettings::default().set("maxmemory", "6mb");
    let rig = Rig::with(&settings, |_| {});
    rig.queue.ensure().await.expect("made");
    let data = "x".repeat(2_000);
    let mut taken = 0;
    'fill: for n in 0_u32.. {
        let batch: Vec<_> = (0..50)
            .map(|i| event("t", &format!("{n}-{i}"), &format!("\"{data}\"")).shared())
            .collect();
        for answer in rig.queue.append(&batch).await {
            match answer {
                Ok(_) => taken += 1,
                Err(_) => break 'fill,
            }
        }
    }
    assert!(taken > 100, "{taken}");
    let mut reader = rig.reader();
    let mut drained = 0;
    while drained < taken {
        let entries = claim(&mut reader, 1).await.entries;
        let settled = rig.queue.settle(&settlements(&entries)).await.expect("settled");
        drained += settled;
    }
    assert_eq!(rig.depth().await, (0, 0));
    rig.append_new(&events(0..10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_shows_what_an_entry_is() {
    let rig = Rig::start().await;
    let event = event("order.created", "o-1", r#"{"total": 1.50}"#)
        .subject("é")
        .shared();
    rig.append_new(std::slice::from_ref(&event)).await;
    let shown: Vec<(String, Vec<redis::Value>)> = rig.run(&["XRANGE", &rig.stream(0), "-", "+"]).await;
    let texts: Vec<String> = shown[0]
        .1
        .iter()
        .map(|value| match value {
            redis::Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    for (name, value) in [
        ("v", "1"),
        ("key", &*event.key.to_string()),
        ("source", "/"),
        ("id", "o-1"),
        ("type", "order.created"),
        ("subject", "é"),
        ("data", r#"{"total": 1.50}"#),
    ] {
        let at = texts.iter().step_by(2).position(|known| known == name).expect(name);
        assert_eq!(texts[2 * at + 1], value, "{name}");
    }
}
