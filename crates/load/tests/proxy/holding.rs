//! Toxics that hold back: latency, bandwidth, slice, slow close.

use std::time::Duration;

use eventflow_load::scenario::{Side, Toxic};
use tokio::io::AsyncWriteExt as _;

use crate::rig::{HOUR, Rig, disarm, is_ended, is_silent, passes, pattern, receive, send, until};

const LATENCY: Toxic = Toxic::Latency {
    delay: HOUR,
    jitter: Duration::ZERO,
};

#[tokio::test]
async fn latency_holds_back_what_passes_through_a_live_connection() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;

    let armed = rig.proxy.arm(LATENCY, Side::Both, 1.0, 7);
    assert_eq!(armed.touched(), 0, "nothing has been held back");
    send(&mut client, b"one").await;
    until("it is held back", || armed.touched() == 1).await;
    send(&mut client, b"two").await;
    send(&mut server, b"three").await;
    is_silent(&server).await;
    is_silent(&client).await;

    assert_eq!(disarm(armed).await, 1, "a connection counts once");
    assert_eq!(receive(&mut server, 6).await, b"onetwo", "all arrives, in order");
    assert_eq!(receive(&mut client, 5).await, b"three");
    passes(&mut client, &mut server).await;
}

#[tokio::test]
async fn latency_of_one_side_leaves_the_other_alone() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(LATENCY, Side::Down, 1.0, 7);
    send(&mut client, b"request").await;
    assert_eq!(receive(&mut server, 7).await, b"request");
    assert_eq!(armed.touched(), 0);
    send(&mut server, b"reply").await;
    until("it is held back", || armed.touched() == 1).await;
    is_silent(&client).await;
    drop(armed);
    assert_eq!(receive(&mut client, 5).await, b"reply", "dropping it undoes it");
}

#[tokio::test]
async fn latency_that_is_over_lets_its_bytes_arrive() {
    let rig = Rig::start().await;
    let latency = Toxic::Latency {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(5),
    };
    let armed = rig.proxy.arm(latency, Side::Both, 1.0, 7);
    let (mut client, mut server) = rig.pair().await;
    for _ in 0..20 {
        passes(&mut client, &mut server).await;
    }
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn bandwidth_holds_back_what_is_too_much() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::Bandwidth { bytes_per_s: 1 }, Side::Up, 1.0, 7);
    send(&mut client, &pattern(5_000)).await;
    until("it is held back", || armed.touched() == 1).await;
    send(&mut server, b"the other direction is free").await;
    receive(&mut client, 27).await;
    assert_eq!(disarm(armed).await, 1);
    assert_eq!(receive(&mut server, 5_000).await, pattern(5_000));
}

#[tokio::test]
async fn bandwidth_lets_all_through_in_the_end() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig
        .proxy
        .arm(Toxic::Bandwidth { bytes_per_s: 1_000_000 }, Side::Both, 1.0, 7);
    send(&mut client, &pattern(100_000)).await;
    assert_eq!(receive(&mut server, 100_000).await, pattern(100_000));
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn slice_lets_one_piece_through_and_holds_back_the_next() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig
        .proxy
        .arm(Toxic::Slice { bytes: 3, delay: HOUR }, Side::Both, 1.0, 7);
    send(&mut client, b"ab").await;
    assert_eq!(receive(&mut server, 2).await, b"ab");
    assert_eq!(armed.touched(), 0, "nothing was cut");
    send(&mut server, b"abcdefgh").await;
    assert_eq!(receive(&mut client, 3).await, b"abc");
    until("it is cut", || armed.touched() == 1).await;
    is_silent(&client).await;
    assert_eq!(disarm(armed).await, 1);
    assert_eq!(receive(&mut client, 5).await, b"defgh");
}

#[tokio::test]
async fn slices_arrive_one_after_the_other() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let slice = Toxic::Slice {
        bytes: 7,
        delay: Duration::from_millis(1),
    };
    let armed = rig.proxy.arm(slice, Side::Up, 1.0, 7);
    send(&mut client, &pattern(100)).await;
    assert_eq!(receive(&mut server, 100).await, pattern(100));
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn slow_close_holds_back_the_end_alone() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::SlowClose { delay: HOUR }, Side::Both, 1.0, 7);
    passes(&mut client, &mut server).await;
    assert_eq!(armed.touched(), 0, "nothing has ended");
    send(&mut server, b"goodbye").await;
    server.shutdown().await.expect("it can be ended");
    assert_eq!(receive(&mut client, 7).await, b"goodbye");
    until("its end is held back", || armed.touched() == 1).await;
    is_silent(&client).await;
    assert_eq!(disarm(armed).await, 1);
    is_ended(&mut client).await;
}
