//! The door: a new connection comes in, is turned away, or falls into a black hole before it has an upstream.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;

use super::grip::Grips;
use super::link::End;
use super::way::Way;
use crate::scenario::Side;

/// An upstream that has not answered by then does not answer.
const DIAL: Duration = Duration::from_secs(10);
/// Bytes that fall into the hole at once.
const WASTE: usize = 4 * 1024;

/// The connection to the upstream, or how the client's ends.
pub(super) async fn enter(client: &TcpStream, upstream: &str, grips: &mut Grips) -> Result<TcpStream, End> {
    grips.refresh()?;
    if grips.refuse() {
        return Err(End::Reset(Side::Down));
    }
    fall(client, grips).await?;
    let server = dial(upstream, grips).await?;
    // It fails only where the server has gone already, which is noticed soon enough.
    let _ = server.set_nodelay(true);
    Ok(server)
}

/// While a black hole lies on the way to the server, no connection gets there.
async fn fall(client: &TcpStream, grips: &mut Grips) -> Result<(), End> {
    let mut lost = false;
    let mut waste = Vec::new();
    while grips.swallows(Way::Up) {
        waste.resize(WASTE, 0);
        tokio::select! {
            () = grips.changed() => grips.refresh()?,
            ready = client.readable() => match ready.and_then(|()| client.try_read(&mut waste)) {
                // Nobody is left to be told.
                Ok(0) => return Err(End::Done),
                Ok(_) => {
                    lost = true;
                    grips.swallowed(Way::Up);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Err(End::Done),
            },
        }
    }
    if lost { Err(End::Reset(Side::Down)) } else { Ok(()) }
}

/// Connects, while what is armed in the meantime strikes at once.
async fn dial(upstream: &str, grips: &mut Grips) -> Result<TcpStream, End> {
    let dialling = tokio::time::timeout(DIAL, TcpStream::connect(upstream));
    tokio::pin!(dialling);
    loop {
        tokio::select! {
            dialled = &mut dialling => {
                let failed = match dialled {
                    Ok(Ok(server)) => return Ok(server),
                    Ok(Err(error)) => error.to_string(),
                    Err(late) => late.to_string(),
                };
                tracing::debug!(upstream, error = failed, "the upstream of a fault proxy cannot be reached");
                return Err(End::Reset(Side::Down));
            }
            () = grips.changed() => grips.refresh()?,
        }
    }
}
