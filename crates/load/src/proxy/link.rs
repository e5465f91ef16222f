//! One connection: its two directions, what has hold of it, and how it ends.

use std::io;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::exchange::Exchange;
use super::flow::Flow;
use super::grip::Grips;
use super::way::Way;
use crate::scenario::Side;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order.
    Done,
    /// By a reset that is seen by the server ([`Side::Up`]), the client ([`Side::Down`]) or both. The other sees an end in
    /// order.
    Reset(Side),
}

/// A connection with its upstream.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    up: Flow,
    down: Flow,
    exchange: Exchange,
    grips: Grips,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream, grips: Grips) -> Self {
        Self {
            client,
            server,
            up: Flow::new(Way::Up),
            down: Flow::new(Way::Down),
            exchange: Exchange::default(),
            grips,
        }
    }

    /// Passes on until both directions are over, or a toxic ends it.
    pub(super) async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
            if self.up.is_over() && self.down.is_over() {
                break End::Done;
            }
            if self.wait().await.is_err() {
                break End::Done;
            }
        };
        leave(&self.client, Some(&self.server), end);
    }

    /// Does all that can be done without waiting.
    async fn turn(&mut self) -> Result<(), End> {
        let Self {
            client,
            server,
            up,
            down,
            exchange,
            grips,
        } = self;
        grips.refresh()?;
        if up.is_broken(grips) || down.is_broken(grips) {
            return Err(End::Reset(Side::Both));
        }
        let now = Instant::now();
        up.take_in(client, down.is_torn(), grips, now);
        up.let_out(server, grips, exchange, now).await?;
        down.take_in(server, up.is_torn(), grips, now);
        down.let_out(client, grips, exchange, now).await
    }

    /// Waits until something can be done.
    async fn wait(&mut self) -> io::Result<()> {
        let Self {
            client,
            server,
            up,
            down,
            grips,
            ..
        } = self;
        let due = match (up.due(), down.due()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        tokio::select! {
            ready = client.readable(), if up.is_hungry() => ready,
            ready = server.readable(), if down.is_hungry() => ready,
            ready = server.writable(), if up.is_blocked() => ready,
            ready = client.writable(), if down.is_blocked() => ready,
            () = until(due) => Ok(()),
            () = grips.changed() => Ok(()),
        }
    }
}

/// Waits for a moment, or for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Says how the sockets end; they do when they are dropped.
pub(super) fn leave(client: &TcpStream, server: Option<&TcpStream>, end: End) {
    let End::Reset(side) = end else { return };
    let sides = [
        Way::Down.is_in(side).then_some(client),
        server.filter(|_| Way::Up.is_in(side)),
    ];
    for stream in sides.into_iter().flatten() {
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "a connection of a fault proxy ends in order and not by a reset");
        }
    }
}
