//! With nothing armed it is a proxy like any other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventflow_load::proxy::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Rig, is_ended, is_reset, is_silent, passes, pattern, receive, send, until, within};

#[tokio::test]
async fn bytes_pass_both_ways_and_connections_are_counted() {
    let rig = Rig::start().await;
    assert_eq!(rig.proxy.live(), 0);
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    let (mut other, mut other_server) = rig.pair().await;
    passes(&mut other, &mut other_server).await;
    assert_eq!(rig.proxy.live(), 2);
    drop((client, server));
    until("one has ended", || rig.proxy.live() == 1).await;
    passes(&mut other, &mut other_server).await;
}

#[tokio::test]
async fn an_end_in_one_direction_leaves_the_other_open() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    send(&mut client, b"question").await;
    client.shutdown().await.expect("it can be ended");
    assert_eq!(receive(&mut server, 8).await, b"question");
    is_ended(&mut server).await;
    send(&mut server, b"answer").await;
    assert_eq!(receive(&mut client, 6).await, b"answer");
    is_silent(&client).await;
    assert_eq!(rig.proxy.live(), 1);
    drop(server);
    is_ended(&mut client).await;
    until("it has ended", || rig.proxy.live() == 0).await;
}

#[tokio::test]
async fn a_reset_of_one_end_is_a_reset_of_the_other() {
    let rig = Rig::start().await;
    let (client, mut server) = rig.pair().await;
    client.set_zero_linger().expect("it can be set");
    drop(client);
    is_reset(&mut server).await;

    let (mut client, server) = rig.pair().await;
    server.set_zero_linger().expect("it can be set");
    drop(server);
    is_reset(&mut client).await;
    until("both have ended", || rig.proxy.live() == 0).await;
}

/// The proxy learns of the reset by writing, and not by reading: nothing else happens between the two.
#[tokio::test]
async fn a_reset_that_is_met_while_writing_is_passed_on_too() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    server.set_zero_linger().expect("it can be set");
    drop(server);
    client.try_write(b"too late").expect("there is room");
    is_reset(&mut client).await;
    until("it has ended", || rig.proxy.live() == 0).await;
}

#[tokio::test]
async fn a_last_word_is_delivered_before_a_writer_learns_that_nobody_listens() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    send(&mut server, b"too large").await;
    drop(server);
    assert_eq!(receive(&mut client, 9).await, b"too large");
    is_ended(&mut client).await;
    within("the client learns it", async {
        while client.write_all(b"more").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    until("it has ended", || rig.proxy.live() == 0).await;
}

#[tokio::test]
async fn much_passes_both_ways_at_once_byte_for_byte() {
    const MUCH: usize = 8 * 1024 * 1024;
    let rig = Rig::start().await;
    let (client, server) = rig.pair().await;
    let sent = pattern(MUCH);
    let through = |stream: TcpStream| {
        let sent = sent.clone();
        async move {
            let (mut reader, mut writer) = stream.into_split();
            let writing = async {
                writer.write_all(&sent).await.expect("all is taken");
                writer.shutdown().await.expect("it can be ended");
            };
            let mut received = Vec::new();
            let (read, ()) = tokio::join!(reader.read_to_end(&mut received), writing);
            read.expect("it ends in order");
            received
        }
    };
    let (up, down) = within("all arrives", async { tokio::join!(through(server), through(client)) }).await;
    assert!(up == sent, "what the client sent");
    assert!(down == sent, "what the server sent");
    until("it has ended", || rig.proxy.live() == 0).await;
}

/// A writer whose reader sleeps stands still soon: what the proxy holds is bounded.
#[tokio::test]
async fn it_reads_no_faster_than_the_other_side_takes() {
    const CHUNK: usize = 64 * 1024;
    const TOO_MUCH: usize = 64 * 1024 * 1024;
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        let chunk = vec![7; CHUNK];
        while client.write_all(&chunk).await.is_ok() {
            count.fetch_add(CHUNK, Ordering::Relaxed);
        }
    });
    let mut last = 0;
    let mut standing = 0;
    until("the writer stands still", || {
        let now = written.load(Ordering::Relaxed);
        standing = if now == last && now > 0 { standing + 1 } else { 0 };
        last = now;
        standing > 50
    })
    .await;
    assert!(last < TOO_MUCH, "{last} bytes went into a proxy that nobody reads from");
    receive(&mut server, last).await;
    until("the writer goes on", || written.load(Ordering::Relaxed) > last).await;
    drop(server);
    within("the writer ends", writing).await.expect("without a panic");
}

#[tokio::test]
async fn without_an_upstream_a_client_is_reset_and_later_ones_pass_when_it_is_there() {
    let port = eventflow_stack::free_port().expect("a port is free");
    let proxy = Proxy::start(port.address(), None).await.expect("a port is free");
    let mut client = TcpStream::connect(proxy.address()).await.expect("it listens");
    is_reset(&mut client).await;

    let upstream = TcpListener::bind(port.address()).await.expect("it is free");
    let mut client = TcpStream::connect(proxy.address()).await.expect("it listens");
    let (mut server, _) = within("it is called", upstream.accept()).await.expect("it is taken");
    passes(&mut client, &mut server).await;
}

#[tokio::test]
async fn it_listens_where_it_is_told_to() {
    let port = eventflow_stack::free_port().expect("a port is free");
    let proxy = Proxy::start("127.0.0.1:9", Some(port.address()))
        .await
        .expect("the port is free");
    assert_eq!(proxy.address().to_string(), port.address());
    assert_eq!(proxy.upstream(), "127.0.0.1:9");
    let taken = Proxy::start("127.0.0.1:9", Some(port.address())).await;
    assert!(taken.is_err(), "the address is taken");
}

#[tokio::test]
async fn stopped_or_dropped_it_ends_its_connections_and_its_listening() {
    let Rig { proxy, upstream } = Rig::start().await;
    let address = proxy.address();
    let mut client = TcpStream::connect(address).await.expect("it listens");
    let (mut server, _) = within("it is called", upstream.accept()).await.expect("it is taken");
    passes(&mut client, &mut server).await;
    within("it stops", proxy.stop()).await;
    is_ended(&mut client).await;
    is_ended(&mut server).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");

    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
    drop(rig.proxy);
    is_ended(&mut client).await;
    is_ended(&mut server).await;
}
