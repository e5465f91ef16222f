//! Entries that others wrote: no input brings a reader down, and nothing that cannot be kept passes as an event.

use eventflow_core::{EntryBody, EventKey, Queue as _};
use eventflow_testkit::event;
use redis::Value;

use crate::rig::{Rig, claim, events, settlements};

#[tokio::test(flavor = "multi_thread")]
async fn entries_made_by_hand_are_given_as_unreadable_with_all_their_bytes() {
    let rig = Rig::start().await;
    let stream = rig.stream(0);
    let stream = stream.as_bytes();
    let hostile: [&[&[u8]]; 6] = [
        &[b"hello", b"world"],
        &[b"", b""],
        &[b"v", b"1", b"key", b"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"],
        &[b"v", b"1", b"v", b"1"],
        &[b"\xff\x00", b"\r\n$-1\r\n"],
        &[b"v", b"99999999999999999999"],
    ];
    for fields in hostile {
        let mut words: Vec<&[u8]> = vec![b"XADD", stream, b"*"];
        words.extend(fields);
        let _: Value = rig.run_bytes(&words).await;
    }
    rig.append_new(&events(0..1)).await;
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 7).await.entries;
    for (entry, fields) in entries.iter().zip(hostile) {
        let EntryBody::Unreadable { key, bytes, why } = &entry.body else {
            panic!("{entry:?}");
        };
        assert!(!why.is_empty());
        for part in fields {
            assert!(bytes.windows(part.len().max(1)).any(|window| window == *part) || part.is_empty());
        }
        let has_key = fields.contains(&b"key".as_slice());
        assert_eq!(*key, has_key.then(|| EventKey::of("/", "a")));
    }
    assert!(matches!(entries[6].body, EntryBody::Event(_)));
    assert_eq!(rig.settle(&entries).await, 7);
    assert_eq!(rig.depth().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_a_newer_version_stays_and_comes_round() {
    let rig = Rig::start().await;
    let _: Value = rig
        .run(&["XADD", &rig.stream(0), "*", "v", "2", "key", "k", "more", "x"])
        .await;
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 1).await.entries;
    assert_eq!(entries[0].body, EntryBody::Newer { version: 2 });
    assert_eq!(rig.depth().await, (1, 1));
    let again = reader
        .take_over(std::time::Duration::ZERO, 10)
        .await
        .expect("taken over");
    assert_eq!(again.entries[0].body, EntryBody::Newer { version: 2 });
    assert_eq!(again.entries[0].deliveries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_event_that_cannot_be_read_is_an_error_and_not_unknown() {
    let rig = Rig::start().await;
    let event = event("t", "from-the-future", "1").shared();
    let id: String = rig.run(&["XADD", &rig.stream(0), "*", "v", "2"]).await;
    let _: () = rig
        .run(&["SET", &rig.mark(&event), &format!("0123456789abcdef{id}")])
        .await;
    let error = rig.queue.find(event.key).await.expect_err("it is there");
    assert!(error.is_transient());
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_comes_back_as_it_was() {
    let rig = Rig::start().await;
    let all = [
        event("t", "empty", "").shared(),
        event("t", "text", " {\"a\" : \"\\u00e9é漢\"}\n").subject("é").shared(),
        event("t", "bytes", "").binary(&[0, 13, 10, 255]).shared(),
        event("t", "no-bytes", "").binary(&[]).shared(),
        event("t", "full", "[1e5,2]")
            .source("//shop.example/é")
            .generated_id()
            .correlation_id("c-~!")
            .traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .extensions(r#"{"region":"eu","n":1}"#)
            .shared(),
    ];
    rig.append_new(&all).await;
    let mut reader = rig.reader();
    let entries = claim(&mut reader, all.len()).await.entries;
    for (entry, event) in entries.iter().zip(&all) {
        assert_eq!(entry.body, EntryBody::Event(event.clone()));
    }
    let settled = rig.queue.settle(&settlements(&entries)).await;
    assert_eq!(settled.expect("settled"), all.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_of_another_queue_is_refused() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    let mut entries = claim(&mut rig.reader(), 1).await.entries;
    entries[0].id.partition = 1;
    assert!(rig.queue.settle(&settlements(&entries)).await.is_err());
}
