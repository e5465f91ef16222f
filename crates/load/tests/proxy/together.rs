//! Several toxics at once, and what is armed while bytes are on their way.

use std::time::Duration;

use eventflow_load::scenario::{Side, Toxic};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::{HOUR, Rig, disarm, is_reset, is_silent, pattern, receive, send, until, within};

#[tokio::test]
async fn bytes_stay_whole_and_in_order_through_several_that_come_and_go() {
    const MUCH: usize = 512 * 1024;
    let rig = Rig::start().await;
    let (client, server) = rig.pair().await;
    let (mut from_server, mut to_server) = client.into_split();
    let (mut from_client, mut to_client) = server.into_split();
    let sent = pattern(MUCH);
    let up = async {
        to_server.write_all(&sent).await.expect("all is taken");
        to_server.shutdown().await.expect("it can be ended");
    };
    let down = async {
        to_client.write_all(&sent).await.expect("all is taken");
        to_client.shutdown().await.expect("it can be ended");
    };
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let faults = async {
        for round in 0..10 {
            let latency = Toxic::Latency {
                delay: Duration::from_millis(2),
                jitter: Duration::from_millis(2),
            };
            let slice = Toxic::Slice {
                bytes: 512,
                delay: Duration::from_micros(100),
            };
            let bandwidth = Toxic::Bandwidth { bytes_per_s: 2_000_000 };
            let armed = [
                rig.proxy.arm(latency, Side::Both, 1.0, round),
                rig.proxy.arm(slice, Side::Up, 1.0, round),
                rig.proxy.arm(bandwidth, Side::Down, 1.0, round),
            ];
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            for armed in armed {
                disarm(armed).await;
            }
        }
    };
    let all = async {
        tokio::join!(
            up,
            down,
            faults,
            from_client.read_to_end(&mut asked),
            from_server.read_to_end(&mut answered)
        )
    };
    let (.., up_read, down_read) = within("all arrives", all).await;
    up_read.expect("it ends in order");
    down_read.expect("it ends in order");
    assert!(asked == sent, "what the client sent");
    assert!(answered == sent, "what the server sent");
}

#[tokio::test]
async fn each_is_undone_alone() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let latency = Toxic::Latency {
        delay: HOUR,
        jitter: Duration::ZERO,
    };
    let slow = rig.proxy.arm(latency, Side::Both, 1.0, 7);
    let sliced = rig
        .proxy
        .arm(Toxic::Slice { bytes: 3, delay: HOUR }, Side::Both, 1.0, 7);
    send(&mut client, b"abcdef").await;
    until("it is held back", || slow.touched() == 1).await;
    disarm(slow).await;
    assert_eq!(receive(&mut server, 3).await, b"abc", "the slice is still there");
    is_silent(&server).await;
    assert_eq!(disarm(sliced).await, 1);
    assert_eq!(receive(&mut server, 3).await, b"def");
}

#[tokio::test]
async fn a_reset_strikes_what_is_held_back_by_another() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let latency = Toxic::Latency {
        delay: HOUR,
        jitter: Duration::ZERO,
    };
    let slow = rig.proxy.arm(latency, Side::Both, 1.0, 7);
    send(&mut client, b"held").await;
    until("it is held back", || slow.touched() == 1).await;
    let reset = rig.proxy.arm(Toxic::Reset, Side::Both, 1.0, 7);
    is_reset(&mut server).await;
    is_reset(&mut client).await;
    assert_eq!(disarm(reset).await, 1);
}
