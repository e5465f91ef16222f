//! Takes connections and gives each a number and a task.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arms::Arms;
use super::door;
use super::grip::Grips;
use super::link::{self, Link};

/// After a failure to take a connection, which is nearly always a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// What connections need.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) upstream: Arc<str>,
    pub(super) arms: Arc<Arms>,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Takes connections until it is stopped.
pub(super) async fn accept(listener: TcpListener, links: Links) {
    let mut number = 0;
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            () = links.stop.cancelled() => return,
        };
        match taken {
            Ok((client, _)) => {
                let link = serve(
                    client,
                    Arc::clone(&links.upstream),
                    Grips::new(links.arms.watch(number)),
                );
                let stop = links.stop.clone();
                links.tracker.spawn(async move {
                    // Stopped, it only drops its sockets, and both sides see the end.
                    stop.run_until_cancelled(link).await;
                });
                number += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "a fault proxy could not take a connection");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = links.stop.cancelled() => return,
                }
            }
        }
    }
}

/// One connection from its first moment to its end.
async fn serve(client: TcpStream, upstream: Arc<str>, mut grips: Grips) {
    // It fails only where the client has gone already, which is noticed soon enough.
    let _ = client.set_nodelay(true);
    match door::enter(&client, &upstream, &mut grips).await {
        Ok(server) => Link::new(client, server, grips).run().await,
        Err(end) => link::leave(&client, None, end),
    }
}
