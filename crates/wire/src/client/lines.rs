//! Lists that come line by line.

use std::collections::VecDeque;
use std::marker::PhantomData;

use futures_util::{Stream, stream};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::{Call, Client, ClientError};

/// The longest line that is read.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Sends the call, and gives what it answers line by line. Each chunk has the client's deadline, the whole has none.
pub(super) fn stream<T: DeserializeOwned + Send>(
    client: Client,
    call: Result<Call<'static>, ClientError>,
) -> impl Stream<Item = Result<T, ClientError>> + Send {
    let start = State::Start(client, call);
    stream::unfold(start, |state| async move {
        let mut lines = match state {
            State::Start(client, call) => match Lines::open(client, call).await {
                Ok(lines) => lines,
                Err(e) => return Some((Err(e), State::End)),
            },
            State::Open(lines) => lines,
            State::End => return None,
        };
        match lines.next().await {
            Ok(Some(value)) => Some((Ok(value), State::Open(lines))),
            Ok(None) => None,
            Err(e) => Some((Err(e), State::End)),
        }
    })
}

enum State<T> {
    Start(Client, Result<Call<'static>, ClientError>),
    Open(Lines<T>),
    End,
}

struct Lines<T> {
    client: Client,
    response: Option<Response>,
    status: reqwest::StatusCode,
    rest: Vec<u8>,
    ready: VecDeque<T>,
    of: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    async fn open(client: Client, call: Result<Call<'static>, ClientError>) -> Result<Self, ClientError> {
        let call = call?;
        let answer = tokio::time::timeout(client.deadline, client.send_once(&call, None)).await;
        let response = answer.unwrap_or_else(|_| Err(timed_out(&client)))?;
        Ok(Self {
            client,
            status: response.status(),
            response: Some(response),
            rest: Vec::new(),
            ready: VecDeque::new(),
            of: PhantomData,
        })
    }

    async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(value) = self.ready.pop_front() {
                return Ok(Some(value));
            }
            let Some(response) = &mut self.response else {
                return Ok(None);
            };
            let chunk = tokio::time::timeout(self.client.deadline, response.chunk()).await;
            let chunk = chunk.map_err(|_| timed_out(&self.client))?;
            if let Some(chunk) = chunk.map_err(|e| self.client.unreachable(&e))? {
                self.take(&chunk)?;
            } else {
                self.response = None;
                let last = std::mem::take(&mut self.rest);
                self.parse(&last)?;
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        self.rest.extend_from_slice(chunk);
        let Some(end) = self.rest.iter().rposition(|b| *b == b'\n') else {
            if self.rest.len() > MAX_LINE {
                return Err(self.client.unexpected(self.status, &"a line is longer than 4 MiB"));
            }
            return Ok(());
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        whole.split(|b| *b == b'\n').try_for_each(|line| self.parse(line))
    }

    fn parse(&mut self, line: &[u8]) -> Result<(), ClientError> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let value = serde_json::from_slice(line).map_err(|e| self.client.unexpected(self.status, &e))?;
        self.ready.push_back(value);
        Ok(())
    }
}

fn timed_out(client: &Client) -> ClientError {
    ClientError::Unreachable {
        address: client.base.to_string(),
        why: "no answer in time".to_owned(),
        before_sending: false,
    }
}
