//! As much of PostgreSQL's protocol as it takes to give a server of ours an order: a simple query, trusted log-in.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What PostgreSQL shows of the sessions of this crate in `pg_stat_activity`.
pub const APPLICATION: &str = "eventflow-stack";
/// Protocol version 3.0.
const VERSION: u32 = 3 << 16;
/// The longest message that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// A row: the text of each column, none for NULL.
pub(crate) type Row = Vec<Option<String>>;

/// Why there are no rows.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server refused, and says why.
    Refused(String),
    /// The connection failed.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
    from: BufReader<TcpStream>,
}

impl Session {
    /// Logs in. `within` bounds each step of this, and of all that is asked later.
    pub(crate) fn open(port: u16, user: &str, database: &str, within: Duration) -> Result<Self, Trouble> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), within)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        stream.write_all(&startup(user, database))?;
        let mut from = BufReader::new(stream.try_clone()?);
        rows_until_ready(&mut from)?;
        Ok(Self { stream, from })
    }

    /// Runs one or more statements, and returns the rows of all of them.
    pub(crate) fn query(&mut self, statements: &str) -> Result<Vec<Row>, Trouble> {
        self.stream
            .write_all(&message(b'Q', &[statements.as_bytes(), b"\0"].concat()))?;
        rows_until_ready(&mut self.from)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Terminate; that the server has gone first is fine.
        drop(self.stream.write_all(&message(b'X', b"")));
    }
}

fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    for text in ["user", user, "database", database, "application_name", APPLICATION, ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    // The first message alone has no letter.
    message(b' ', &body).split_off(1)
}

fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[letter][..], &length.to_be_bytes(), body].concat()
}

/// Reads messages until the server is ready for the next query.
fn rows_until_ready(from: &mut impl Read) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    let mut refusal = None;
    loop {
        let mut head = [0; 5];
        if let Err(error) = from.read_exact(&mut head) {
            // A refused log-in is an error message and the end of the connection.
            return Err(refusal.map_or(Trouble::Io(error), Trouble::Refused));
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(broken().into());
        }
        let mut body = vec![0; length - 4];
        from.read_exact(&mut body)?;
        match head[0] {
            b'D' => rows.push(row(&body).ok_or_else(broken)?),
            b'E' => refusal = Some(refusal_of(&body)),
            b'Z' => return refusal.map_or(Ok(rows), |said| Err(Trouble::Refused(said))),
            b'R' if body.get(..4) != Some(&[0; 4]) => {
                return Err(Trouble::Refused("it asks for a password".to_owned()));
            }
            _ => {}
        }
    }
}

fn row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let count = u16::from_be_bytes(count.try_into().ok()?);
    let mut columns = Row::new();
    for _ in 0..count {
        let (length, after) = rest.split_at_checked(4)?;
        let length = i32::from_be_bytes(length.try_into().ok()?);
        let (value, after) = after.split_at_checked(usize::try_from(length).unwrap_or(0))?;
        columns.push((length >= 0).then(|| String::from_utf8_lossy(value).into_owned()));
        rest = after;
    }
    Some(columns)
}

/// `CODE message`, from fields that are a letter and a text each.
fn refusal_of(body: &[u8]) -> String {
    let fields: Vec<&[u8]> = body.split(|byte| *byte == 0).collect();
    let field = |letter: u8| {
        let found = fields.iter().find_map(|field| field.strip_prefix(&[letter]));
        String::from_utf8_lossy(found.unwrap_or_default())
    };
    format!("{} {}", field(b'C'), field(b'M'))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "PostgreSQL sent a message that is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_nulls_are_read_until_the_server_is_ready() {
        let mut body = vec![0, 2, 0, 0, 0, 1, b'7'];
        body.extend_from_slice(&(-1i32).to_be_bytes());
        let bytes = [message(b'R', &[0; 4]), message(b'D', &body), message(b'Z', b"I")].concat();
        let rows = rows_until_ready(&mut &bytes[..]).expect("they are rows");
        assert_eq!(rows, [vec![Some("7".to_owned()), None]]);
    }

    #[test]
    fn a_refusal_carries_its_code_and_message() {
        let bytes = [
            message(b'E', b"SERROR\0C42P01\0Mno such table\0\0"),
            message(b'Z', b"I"),
        ]
        .concat();
        let Err(Trouble::Refused(said)) = rows_until_ready(&mut &bytes[..]) else {
            panic!("it was not refused")
        };
        assert_eq!(said, "42P01 no such table");
    }

    #[test]
    fn what_breaks_off_is_an_error() {
        let bytes = message(b'D', &[0, 2, 0, 0]);
        assert!(matches!(rows_until_ready(&mut &bytes[..]), Err(Trouble::Io(_))));
        assert!(matches!(rows_until_ready(&mut &bytes[..3]), Err(Trouble::Io(_))));
    }
}
