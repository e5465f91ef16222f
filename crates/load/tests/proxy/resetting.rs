//! Reset: at once, whether a connection is busy or idle.

use eventflow_load::scenario::{Side, Toxic};
use tokio::io::AsyncReadExt as _;

use crate::rig::{Rig, disarm, is_ended, is_reset, passes, until, within};

#[tokio::test]
async fn a_connection_whose_both_ends_wait_is_reset() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    let waiting = tokio::spawn(async move { is_reset(&mut client).await });
    tokio::task::yield_now().await;
    let armed = rig.proxy.arm(Toxic::Reset, Side::Both, 1.0, 7);
    within("the client learns it", waiting).await.expect("it is a reset");
    is_reset(&mut server).await;
    assert_eq!(armed.touched(), 1);
    assert!(rig.turns_away().await, "new ones are reset as they come");
    assert_eq!(disarm(armed).await, 2);
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
}

#[tokio::test]
async fn the_side_says_who_sees_it() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    let armed = rig.proxy.arm(Toxic::Reset, Side::Down, 1.0, 7);
    is_reset(&mut client).await;
    is_ended(&mut server).await;
    assert_eq!(disarm(armed).await, 1);

    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    let armed = rig.proxy.arm(Toxic::Reset, Side::Up, 1.0, 7);
    is_ended(&mut client).await;
    is_reset(&mut server).await;
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn a_share_of_live_connections_is_reset_and_the_others_go_on() {
    let rig = Rig::start().await;
    let mut pairs = Vec::new();
    for _ in 0..40 {
        let (mut client, mut server) = rig.pair().await;
        passes(&mut client, &mut server).await;
        pairs.push((client, server));
    }
    let armed = rig.proxy.arm(Toxic::Reset, Side::Both, 0.5, 7);
    let touched = disarm(armed).await;
    assert!((10..30).contains(&touched), "{touched} of 40");
    let left = 40 - usize::try_from(touched).expect("it is small");
    until("they have ended", || rig.proxy.live() == left).await;
    let mut alive = 0;
    for (mut client, mut server) in pairs {
        if let Some(read) = look(&mut client).await {
            assert!(read.is_err(), "a reset: {read:?}");
            is_reset(&mut server).await;
        } else {
            passes(&mut client, &mut server).await;
            alive += 1;
        }
    }
    assert_eq!(alive, left);
}

/// What there is to read at this moment, if anything.
async fn look(stream: &mut tokio::net::TcpStream) -> Option<std::io::Result<usize>> {
    let mut byte = [0];
    tokio::select! {
        biased;
        read = stream.read(&mut byte) => Some(read),
        () = async { for _ in 0..50 { tokio::task::yield_now().await; } } => None,
    }
}
