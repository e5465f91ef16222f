//! Drop reply: the request goes through, its answer is lost, and the connection ends.

use eventflow_load::scenario::{Side, Toxic};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::rig::{Rig, disarm, is_reset, is_silent, passes, receive, send, until, within};

const REQUEST: &[u8] = b"POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
const REPLY: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn the_request_arrives_and_its_answer_does_not() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    let armed = rig.proxy.arm(Toxic::DropReply, Side::Both, 1.0, 7);
    send(&mut client, REQUEST).await;
    assert_eq!(receive(&mut server, REQUEST.len()).await, REQUEST);
    assert_eq!(armed.touched(), 0, "nothing has been answered");
    is_silent(&client).await;
    send(&mut server, REPLY).await;
    is_reset(&mut client).await;
    within("the server sees an end", async {
        while server.read_u8().await.is_ok() {}
    })
    .await;
    assert_eq!(disarm(armed).await, 1);
}

#[tokio::test]
async fn a_request_that_was_under_way_loses_its_answer_too() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    send(&mut client, REQUEST).await;
    receive(&mut server, REQUEST.len()).await;
    let armed = rig.proxy.arm(Toxic::DropReply, Side::Up, 1.0, 7);
    send(&mut server, REPLY).await;
    is_reset(&mut client).await;
    assert_eq!(disarm(armed).await, 1, "its side means nothing");
}

#[tokio::test]
async fn what_the_server_says_unasked_passes() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::DropReply, Side::Both, 1.0, 7);
    send(&mut server, b"notice").await;
    assert_eq!(receive(&mut client, 6).await, b"notice");
    assert_eq!(disarm(armed).await, 0);
}

#[tokio::test]
async fn the_share_is_of_replies_of_one_connection_too() {
    let rig = Rig::start().await;
    let armed = rig.proxy.arm(Toxic::DropReply, Side::Both, 0.2, 7);
    let mut lost = 0;
    let mut answered = 0;
    let (mut client, mut server) = rig.pair().await;
    for _ in 0..200 {
        send(&mut client, REQUEST).await;
        assert_eq!(
            receive(&mut server, REQUEST.len()).await,
            REQUEST,
            "each request arrives"
        );
        send(&mut server, REPLY).await;
        if reply(&mut client).await {
            answered += 1;
        } else {
            lost += 1;
            (client, server) = rig.pair().await;
        }
    }
    assert!((20..60).contains(&lost), "{lost} of 200 are lost, {answered} arrive");
    until("all are counted", || armed.touched() == lost).await;
}

/// Whether the answer comes, in full; otherwise the connection has ended without a byte of it.
async fn reply(client: &mut TcpStream) -> bool {
    let mut bytes = vec![0; REPLY.len()];
    match within("it is answered, or ends", client.read(&mut bytes)).await {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            if count < REPLY.len() {
                receive(client, REPLY.len() - count).await;
            }
            true
        }
    }
}
