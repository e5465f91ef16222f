//! As much of HTTP as it takes to ask a process of ours whether it is ready.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest status line that is read, in bytes.
const LONGEST: u64 = 256;

/// The status that a GET of this path is answered with. `within` bounds each step on the way.
pub(crate) fn status(port: u16, path: &str, within: Duration) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), within)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    status_in(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP"))
}

/// `HTTP/1.1 200 OK`
fn status_in(line: &str) -> Option<u16> {
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_second_word() {
        assert_eq!(status_in("HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status_in("HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status_in("HTTP/1.1 503"), Some(503));
        assert_eq!(status_in("+PONG\r\n"), None);
        assert_eq!(status_in(""), None);
    }
}
