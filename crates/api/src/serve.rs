//! Accepts connections, with a bound on their number and a deadline for each silence, and ends them in good order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::routes;
use crate::shared::Api;

/// After a failure to accept that is not the peer's, so long a pause: file descriptors may come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the API stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is of no use.
    #[error("the listener cannot be used: {0}")]
    Listener(#[source] io::Error),
}

/// What bounds the connections of one listener.
pub(crate) struct Bounds {
    /// The most at once; others wait to be accepted.
    pub(crate) connections: usize,
    /// The first byte, the whole head, and the next request of a connection: each within this.
    pub(crate) header_timeout: Duration,
    /// The time that open requests have to end once it stops.
    pub(crate) grace: Duration,
}

impl Api {
    /// Serves until `shutdown`, then lets open requests end within the grace time. Events that are being written are
    /// written to their end.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Listener)?;
        let tracker = TaskTracker::new();
        let stop = CancellationToken::new();
        let shared = self.start(&tracker, &shutdown, &stop);
        let bounds = Bounds {
            connections: shared.settings.max_connections,
            header_timeout: shared.settings.header_timeout,
            grace: shared.settings.grace,
        };
        tracing::info!(%address, "the API listens");
        serve(listener, routes::router(shared), &bounds, &shutdown).await;
        stop.cancel();
        tracker.close();
        tracker.wait().await;
        tracing::info!("the API has stopped");
        Ok(())
    }
}

/// Serves a router until `shutdown`, then lets open requests end within the grace time.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: &Bounds, shutdown: &CancellationToken) {
    let service = TowerToHyperService::new(router);
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout);
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let slots = Arc::new(Semaphore::new(bounds.connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let accepting = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok();
            (slot, accept(&listener).await)
        };
        let (slot, stream) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accepting => accepted,
        };
        let connection = server.serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        let cut = cut.clone();
        connections.spawn(async move {
            let _slot = slot;
            tokio::select! {
                () = cut.cancelled() => {}
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                },
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            grace_s = bounds.grace.as_secs(),
            "requests were cut off at the end of the grace time"
        );
    }
    cut.cancel();
    connections.close();
    connections.wait().await;
}

/// The next connection. What fails is tried again.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone at once");
                    continue;
                }
                return stream;
            }
            Err(error) if is_the_peers(&error) => tracing::debug!(%error, "a peer went away before it was accepted"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
