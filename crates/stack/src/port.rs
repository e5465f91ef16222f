//! Loopback ports that stay ours while the server behind them is down.
//!
//! Two things go wrong with the usual "bind port 0, close it, use it". Such a port lies in the range of outgoing
//! connections, where a client that retries a dead server can connect to itself and then holds the port. And while a
//! server is down for a restart, somebody else can be given its port. So ports are taken from below that range, and
//! each is reserved by holding the UDP port of the same number, which every process that uses this module respects.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};

/// The lowest port taken: below it well-known services live.
const LOWEST: u16 = 12_000;
/// Where outgoing connections begin on Linux, and hardly anywhere lower.
const USUAL_LOWEST_OUTGOING: u16 = 32_768;
/// How many ports are tried before giving up.
const TRIES: u32 = 2_000;
/// A port where nobody answers at once is not free: a server behind it may be busy, or frozen.
const KNOCK_WAIT: Duration = Duration::from_millis(200);

/// A reserved loopback port. Dropping it gives the port back; the server behind it must have ended by then.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    /// The number of the port.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:NUMBER`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

/// Reserves a free TCP port on 127.0.0.1.
///
/// # Errors
/// [`Error::NoPort`] when none was found.
pub fn free_port() -> Result<Port> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let span = u32::from(lowest_outgoing().max(LOWEST + 1_000) - LOWEST);
    // Processes start apart from each other by their pid, so that they seldom try the same port.
    let base = std::process::id().wrapping_mul(7_919);
    for _ in 0..TRIES {
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let offset = u16::try_from(base.wrapping_add(turn) % span).unwrap_or(0);
        if let Some(port) = reserve(LOWEST + offset) {
            return Ok(port);
        }
    }
    Err(Error::NoPort { tries: TRIES })
}

/// The port, if neither a reservation nor a server has it.
///
/// Whether a server has it is asked by knocking, not by listening for a moment: a process that another thread starts in
/// that moment would have the listening socket too, and would hold the port a little longer than we do.
fn reserve(number: u16) -> Option<Port> {
    let reservation = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
    let knock = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, number)), KNOCK_WAIT);
    let refused = knock.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    refused.then_some(Port {
        number,
        _reservation: reservation,
    })
}

/// The first port that the system gives to outgoing connections.
fn lowest_outgoing() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL_LOWEST_OUTGOING)
        .min(USUAL_LOWEST_OUTGOING)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn ports_held_at_once_differ_and_can_be_listened_on() {
        let ports: Vec<Port> = (0..20).map(|_| free_port().expect("a port is free")).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
        for port in &ports {
            TcpListener::bind(port.address()).expect("a reserved port can be listened on");
        }
    }

    #[test]
    fn a_reserved_port_is_not_given_again_while_nobody_listens() {
        let port = free_port().expect("a port is free");
        assert!(reserve(port.number()).is_none());
    }

    #[test]
    fn a_port_with_a_listener_is_not_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port");
        let number = listener.local_addr().expect("it has an address").port();
        assert!(reserve(number).is_none());
    }
}
