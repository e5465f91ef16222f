//! Cut after: exactly so many bytes pass, and then the connection is reset.

use eventflow_load::scenario::{Side, Toxic};

use crate::rig::{Rig, disarm, is_reset, passes, receive, send};

#[tokio::test]
async fn the_byte_after_the_last_does_not_arrive() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::CutAfter { bytes: 10 }, Side::Up, 1.0, 7);
    send(&mut client, b"0123").await;
    assert_eq!(receive(&mut server, 4).await, b"0123");
    send(&mut server, b"what comes back does not count").await;
    receive(&mut client, 30).await;
    assert_eq!(armed.touched(), 0);
    send(&mut client, b"456789abcdef").await;
    assert_eq!(receive(&mut server, 6).await, b"456789");
    is_reset(&mut server).await;
    is_reset(&mut client).await;
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn it_counts_from_its_arming_and_of_each_connection_apart() {
    let rig = Rig::start().await;
    let (mut old, mut old_server) = rig.pair().await;
    for _ in 0..5 {
        passes(&mut old, &mut old_server).await;
    }
    let armed = rig.proxy.arm(Toxic::CutAfter { bytes: 16 }, Side::Both, 1.0, 7);
    let (mut new, mut new_server) = rig.pair().await;
    passes(&mut old, &mut old_server).await;
    passes(&mut new, &mut new_server).await;
    passes(&mut old, &mut old_server).await;
    is_reset(&mut old).await;
    is_reset(&mut old_server).await;
    assert_eq!(disarm(armed).await, 1);
    for _ in 0..5 {
        passes(&mut new, &mut new_server).await;
    }
}
