//! As much of Redis' protocol as it takes to ask a server of ours whether it lives, and to give it orders.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What Redis answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`, or a string.
    Text(String),
    /// An error, as `ERR …`.
    Error(String),
    /// A number.
    Number(i64),
    /// Nothing.
    Nil,
    /// Several replies.
    List(Vec<Reply>),
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Opens one. `within` bounds this, and each step of all that is asked later.
    pub(crate) fn open(port: u16, within: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), within)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends one command, and reads what it is answered.
    pub(crate) fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(&encode(words))?;
        read(&mut self.stream)
    }
}

fn encode(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

fn read(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").ok_or_else(|| broken("an unfinished line"))?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| broken("an empty line"))?;
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => Ok(Reply::Number(number(rest)?)),
        "$" => string(from, number(rest)?),
        "*" => list(from, number(rest)?),
        _ => Err(broken("a line of an unknown kind")),
    }
}

fn string(from: &mut impl BufRead, length: i64) -> io::Result<Reply> {
    let Ok(length) = usize::try_from(length) else {
        return Ok(Reply::Nil);
    };
    let mut bytes = Vec::new();
    from.take(length as u64 + 2).read_to_end(&mut bytes)?;
    if bytes.len() < length + 2 {
        return Err(broken("an unfinished string"));
    }
    bytes.truncate(length);
    Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn list(from: &mut impl BufRead, length: i64) -> io::Result<Reply> {
    if length < 0 {
        return Ok(Reply::Nil);
    }
    (0..length)
        .map(|_| read(from))
        .collect::<io::Result<_>>()
        .map(Reply::List)
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| broken("a number that is none"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("Redis sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_strings() {
        assert_eq!(
            encode(&["SET", "é", ""]),
            "*3\r\n$3\r\nSET\r\n$2\r\né\r\n$0\r\n\r\n".as_bytes()
        );
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        let text = b"*5\r\n+OK\r\n-ERR no\r\n:42\r\n$-1\r\n$4\r\na\r\nb\r\n";
        let wanted = Reply::List(vec![
            Reply::Text("OK".to_owned()),
            Reply::Error("ERR no".to_owned()),
            Reply::Number(42),
            Reply::Nil,
            Reply::Text("a\r\nb".to_owned()),
        ]);
        assert_eq!(read(&mut &text[..]).expect("it is a reply"), wanted);
    }

    #[test]
    fn a_reply_that_breaks_off_is_an_error() {
        for text in ["", "+OK", "$4\r\nab", "*2\r\n+OK\r\n", "?\r\n", ":x\r\n"] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
