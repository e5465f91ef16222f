//! Redis away, killed, silent, loading: errors that say so in time, and back by itself.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Appended, Backend as _, Queue as _, WorkerId};
use eventflow_redis::RedisQueue;
use eventflow_stack::free_port;

use crate::rig::{BRIEF, Rig, claim, events, options, read, until};

#[tokio::test(flavor = "multi_thread")]
async fn away_at_the_start_is_an_error_and_no_more() {
    let port = free_port().expect("a port");
    let queue = RedisQueue::new(options(format!("redis://{}", port.address()))).expect("good options");
    for _ in 0..3 {
        assert!(queue.ensure().await.expect_err("away").is_transient());
        assert!(queue.append(&events(0..2)).await.iter().all(Result::is_err));
        let mut reader = queue.reader(WorkerId::new());
        assert!(reader.claim(1, BRIEF).await.is_err());
        assert!(reader.take_over(BRIEF, 1).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_an_error_and_no_more() {
    let rig = Rig::start().await;
    let url = rig.server.url().replace("redis://", "rediss://");
    let queue = RedisQueue::new(options(url)).expect("good options");
    assert!(queue.ensure().await.expect_err("no TLS there").is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted_it_keeps_what_it_acknowledged() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    rig.append_new(&events(0..300)).await;
    let given = claim(&mut reader, 100).await.entries;
    rig.server.kill().expect("killed");
    for answer in rig.queue.append(&events(300..310)).await {
        assert!(answer.expect_err("away").is_transient());
    }
    assert!(reader.claim(1, BRIEF).await.is_err());
    assert!(rig.queue.settle(&crate::rig::settlements(&given)).await.is_err());

    rig.server.restart().expect("back");
    rig.reconnect().await;
    until("it takes events again", async || {
        let answers = rig.queue.append(&events(300..310)).await;
        answers.iter().all(Result::is_ok).then_some(())
    })
    .await;
    assert_eq!(rig.depth().await, (310, given.len() as u64));
    assert_eq!(rig.settle(&given).await, given.len() as u64);
    let rest = until("it is read again", async || {
        let mut reader = rig.queue.reader(WorkerId::new());
        let mut all = Vec::new();
        while let Ok(claimed) = reader.claim(128, BRIEF).await {
            if claimed.entries.is_empty() {
                return Some(all);
            }
            all.extend(claimed.entries);
        }
        None
    })
    .await;
    let mut seen: Vec<_> = given.iter().chain(&rest).cloned().collect();
    seen.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(read(&seen).len(), 310);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waits_when_redis_is_killed_comes_back_by_itself() {
    let rig = Arc::new(Rig::start().await);
    let mut reader = rig.reader();
    let hand = Arc::clone(&rig);
    let killed = tokio::task::spawn_blocking(move || hand.server.kill().expect("killed"));
    let mut first = reader.claim(1, Duration::from_mins(1)).await;
    killed.await.expect("done");
    if first.is_ok() {
        first = reader.claim(1, BRIEF).await;
    }
    assert!(first.expect_err("gone").is_transient());
    rig.server.restart().expect("back");
    until("it takes events again", async || {
        rig.queue.append(&events(0..1)).await[0].is_ok().then_some(())
    })
    .await;
    let claimed = until("the same reader reads again", async || {
        reader
            .claim(1, BRIEF)
            .await
            .ok()
            .filter(|claimed| !claimed.entries.is_empty())
    })
    .await;
    assert_eq!(claimed.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_is_an_error_in_time_and_an_inspection_keeps_its_deadline() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    rig.server.stop().expect("stopped");
    let inspected = rig.queue.inspect(Duration::from_millis(50)).await;
    assert!(inspected.expect_err("silent").is_transient());
    let answer = rig.queue.append(&events(1..2)).await.pop().expect("one answer");
    assert!(answer.expect_err("silent").is_transient());
    rig.server.cont().expect("goes on");
    // It may have been taken: then it is a duplicate now.
    let answer = until("it answers again", async || {
        rig.queue.append(&events(1..2)).await.pop().expect("one answer").ok()
    })
    .await;
    assert!(matches!(answer, Appended::Accepted | Appended::Duplicate));
    assert_eq!(rig.depth().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_loads_nothing_is_taken_and_afterwards_it_is() {
    // A server that loads slowly: each command takes a while, and it looks up only after every thousandth.
    let rig = Rig::start().await;
    rig.append_new(&events(0..15_000)).await;
    let _: () = rig.run(&["CONFIG", "SET", "key-load-delay", "100"]).await;
    let _: () = rig.run(&["CONFIG", "REWRITE"]).await;
    rig.server.kill().expect("killed");
    let server = Arc::new(rig);
    let hand = Arc::clone(&server);
    let started = tokio::task::spawn_blocking(move || hand.server.restart());
    let mut has_seen_loading = false;
    until("it takes events again", async || {
        let answer = server
            .queue
            .append(&events(15_000..15_001))
            .await
            .pop()
            .expect("one answer");
        if let Err(error) = &answer {
            assert!(error.is_transient());
            has_seen_loading |= error.to_string().contains("LOADING") || error.to_string().contains("loading");
        }
        answer.ok()
    })
    .await;
    started.await.expect("done").expect("started");
    server.reconnect().await;
    assert_eq!(server.depth().await.0, 15_001);
    assert!(has_seen_loading, "it was never seen loading");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_comes_at_once_does_not_make_a_reader_spin() {
    let rig = Rig::start().await;
    let _: () = rig.run(&["ACL", "SETUSER", "default", "-xreadgroup"]).await;
    let mut reader = rig.reader();
    for _ in 0..50 {
        assert!(
            reader
                .claim(1, Duration::ZERO)
                .await
                .expect_err("forbidden")
                .is_transient()
        );
    }
    let stats: String = rig.run(&["INFO", "commandstats"]).await;
    let line = stats.lines().find(|line| line.starts_with("cmdstat_xreadgroup:"));
    assert!(
        !line.is_some_and(|line| line.contains("rejected_calls=50,")),
        "{line:?}"
    );
    let _: () = rig.run(&["ACL", "SETUSER", "default", "+xreadgroup"]).await;
    rig.append_new(&events(0..1)).await;
    until("it reads again", async || {
        reader
            .claim(1, BRIEF)
            .await
            .ok()
            .filter(|claimed| !claimed.entries.is_empty())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_nothing_and_is_the_operators_matter() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    let _: () = rig.run(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let answer = rig.queue.append(&events(1..2)).await.pop().expect("one answer");
    let error = answer.expect_err("read-only");
    assert!(error.is_transient());
    let _: () = rig.run(&["REPLICAOF", "NO", "ONE"]).await;
    rig.append_new(&events(1..2)).await;
}
