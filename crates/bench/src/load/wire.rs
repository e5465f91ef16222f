//! One keep-alive connection: writes a prepared request and reads as much of HTTP/1.1 as its answer takes.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for the answer to a batch of a hundred.
const ROOM: usize = 64 * 1024;
/// An answer longer than this is none that we asked for.
const LONGEST: usize = 4 * 1024 * 1024;

pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) async fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to)
            .await
            .with_context(|| format!("connecting to {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; ROOM],
        })
    }

    /// Sends a request and awaits its answer. Whether that was 2xx.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<bool> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                bail!("the other side hung up");
            }
            filled += read;
            if let Some(answer) = answer(&self.buffer[..filled])? {
                match answer.length {
                    length if length == filled => return Ok(answer.accepted),
                    length if length < filled => bail!("the answer is longer than it says"),
                    length if length > self.buffer.len() => self.buffer.resize(length.min(LONGEST), 0),
                    _ => {}
                }
            }
            if filled == self.buffer.len() {
                bail!("the answer is too long");
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    accepted: bool,
    /// Of head and body together.
    length: usize,
}

/// The head of an answer, once it is complete.
fn answer(bytes: &[u8]) -> Result<Option<Answer>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = bytes.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).context("an answer that is no text")?;
    let mut lines = text.split("\r\n");
    let accepted = lines.next().unwrap_or_default().starts_with("HTTP/1.1 2");
    let length = lines.filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.next().context("an answer without a length")?;
    let body: usize = length.trim().parse().context("the length of an answer")?;
    Ok(Some(Answer {
        accepted,
        length: head + END.len() + body,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_once_its_head_is_there() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(answer(&text[..20]).expect("no error"), None);
        let whole = answer(text).expect("no error").expect("an answer");
        assert_eq!(
            whole,
            Answer {
                accepted: true,
                length: text.len()
            }
        );
        let refused = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        assert!(!answer(refused).expect("no error").expect("an answer").accepted);
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
