//! A proxy between a client and a server that a test plays by hand.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use eventflow_load::proxy::{Armed, Proxy};
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Nothing in these tests takes long; what takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is held back for so long does not arrive during a test.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) struct Rig {
    pub(crate) proxy: Proxy,
    pub(crate) upstream: TcpListener,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = upstream.local_addr().expect("it has an address").to_string();
        let proxy = Proxy::start(address, None).await.expect("a port is free");
        Self { proxy, upstream }
    }

    /// The client's end of a new connection.
    pub(crate) async fn call(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.expect("it listens")
    }

    /// The server's end of it.
    pub(crate) async fn answer(&self) -> TcpStream {
        within("the upstream is called", self.upstream.accept())
            .await
            .expect("it can be taken")
            .0
    }

    /// Both ends of a new connection.
    pub(crate) async fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.call().await;
        (client, self.answer().await)
    }

    /// Whether a new connection is reset before a byte passes. That may happen while the client still connects.
    pub(crate) async fn turns_away(&self) -> bool {
        match TcpStream::connect(self.proxy.address()).await {
            Ok(mut client) => {
                let read = within("the connection ends", client.read_u8()).await;
                read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
            }
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// What the future gives, soon.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(late) => panic!("{what}: {late}"),
    }
}

/// Asks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    within(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Undone; how many it touched.
pub(crate) async fn disarm(armed: Armed) -> u64 {
    within("it is undone", armed.disarm()).await
}

pub(crate) async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    within("bytes are taken", stream.write_all(bytes))
        .await
        .expect("they are taken");
}

/// The next so many bytes.
pub(crate) async fn receive(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    within("bytes arrive", stream.read_exact(&mut bytes))
        .await
        .expect("so many come");
    bytes
}

/// Bytes pass in both directions.
pub(crate) async fn passes(client: &mut TcpStream, server: &mut TcpStream) {
    send(client, b"ping").await;
    assert_eq!(receive(server, 4).await, b"ping");
    send(server, b"pong").await;
    assert_eq!(receive(client, 4).await, b"pong");
}

/// Neither bytes nor an end have come. All that could be done without waiting has been done before it looks.
pub(crate) async fn is_silent(stream: &TcpStream) {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let mut byte = [0];
    let seen = pin!(stream.peek(&mut byte)).now_or_never();
    assert!(seen.is_none(), "nothing should have come: {seen:?}");
}

/// The stream ends in order, without another byte.
pub(crate) async fn is_ended(stream: &mut TcpStream) {
    let mut byte = [0];
    let read = within("the stream ends", stream.read(&mut byte)).await;
    assert!(matches!(read, Ok(0)), "it should end in order: {read:?}");
}

/// The stream ends by a reset, without another byte.
pub(crate) async fn is_reset(stream: &mut TcpStream) {
    let mut byte = [0];
    let read = within("the stream is reset", stream.read(&mut byte)).await;
    let reset = matches!(&read, Err(error) if error.kind() == ErrorKind::ConnectionReset);
    assert!(reset, "it should be reset: {read:?}");
}

/// Bytes that all differ from their neighbours.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count)
        .map(|index| u8::try_from(index % 251).expect("it is below 251"))
        .collect()
}
