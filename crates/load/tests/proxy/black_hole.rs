//! A black hole: bytes vanish, and nobody is told until it closes.

use eventflow_load::scenario::{Side, Toxic};
use futures_util::FutureExt as _;

use crate::rig::{Rig, disarm, is_reset, is_silent, passes, receive, send, until};

#[tokio::test]
async fn what_is_sent_vanishes_and_both_wait_until_the_hole_closes() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let (mut idle, mut idle_server) = rig.pair().await;
    passes(&mut client, &mut server).await;

    let armed = rig.proxy.arm(Toxic::BlackHole, Side::Both, 1.0, 7);
    send(&mut client, b"request").await;
    until("it vanishes", || armed.touched() == 1).await;
    is_silent(&server).await;
    is_silent(&client).await;
    assert_eq!(rig.proxy.live(), 2);

    assert_eq!(disarm(armed).await, 1, "the idle one has lost nothing");
    is_reset(&mut client).await;
    is_reset(&mut server).await;
    passes(&mut idle, &mut idle_server).await;
}

#[tokio::test]
async fn replies_alone_vanish_where_the_side_says_so() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::BlackHole, Side::Down, 1.0, 7);
    send(&mut client, b"request").await;
    assert_eq!(receive(&mut server, 7).await, b"request");
    assert_eq!(armed.touched(), 0);
    send(&mut server, b"reply").await;
    until("it vanishes", || armed.touched() == 1).await;
    is_silent(&client).await;
    send(&mut client, b"again").await;
    assert_eq!(receive(&mut server, 5).await, b"again");
    disarm(armed).await;
    is_reset(&mut client).await;
}

#[tokio::test]
async fn an_end_vanishes_too() {
    let rig = Rig::start().await;
    let (client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::BlackHole, Side::Both, 1.0, 7);
    drop(client);
    until("it vanishes", || armed.touched() == 1).await;
    is_silent(&server).await;
    assert_eq!(rig.proxy.live(), 1, "the server's half is left open");
    assert_eq!(disarm(armed).await, 1);
    is_reset(&mut server).await;
    until("it has ended", || rig.proxy.live() == 0).await;
}

#[tokio::test]
async fn ends_of_both_leave_nothing_behind() {
    let rig = Rig::start().await;
    let (client, server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::BlackHole, Side::Both, 1.0, 7);
    drop((client, server));
    until("it has ended", || rig.proxy.live() == 0).await;
    assert_eq!(armed.touched(), 1);
}

#[tokio::test]
async fn new_connections_see_silence_and_the_upstream_sees_nothing() {
    let rig = Rig::start().await;
    let armed = rig.proxy.arm(Toxic::BlackHole, Side::Both, 1.0, 7);
    let mut speaker = rig.call().await;
    let mut waiter = rig.call().await;
    send(&mut speaker, b"hello").await;
    until("it vanishes", || armed.touched() == 1).await;
    is_silent(&speaker).await;
    assert!(rig.upstream.accept().now_or_never().is_none(), "nobody gets there");

    assert_eq!(disarm(armed).await, 1);
    is_reset(&mut speaker).await;
    let mut server = rig.answer().await;
    passes(&mut waiter, &mut server).await;
}
