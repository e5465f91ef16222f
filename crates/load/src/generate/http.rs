//! One try over HTTP.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Client, Response};
use rustix::io::Errno;
use url::Url;

use super::Failed;
use super::answer::{Loss, Tried};
use super::body::{abandoned, dribbled};
use crate::scenario::Behaviour;

/// Shorter than the server keeps an idle connection, so that none is used as it closes.
const POOL_IDLE: Duration = Duration::from_secs(8);
/// The longest answer that is read. No answer to one event comes near it.
const MAX_ANSWER: usize = 64 * 1024;

/// One try.
#[derive(Clone, Debug)]
pub(super) struct Try {
    /// Which of the APIs gets it: this number, counted round.
    pub(super) turn: u64,
    /// The event.
    pub(super) body: Bytes,
    /// How the client behaves.
    pub(super) client: Behaviour,
}

/// Whoever takes a try to the API, and tells what it came to.
pub(super) trait Post: Send + Sync + 'static {
    /// Returns within the deadline of a request.
    fn post(&self, one: Try) -> impl Future<Output = Tried> + Send;
}

/// Over connections that are kept.
pub(super) struct Http {
    client: Client,
    targets: Vec<Url>,
    deadline: Duration,
}

impl Http {
    /// For the APIs at `targets`, with so long for a request, its answer included.
    ///
    /// # Errors
    /// [`Failed::Setup`] where there is no target, or the token cannot stand in a header.
    pub(super) fn new(targets: &[Url], token: Option<&str>, deadline: Duration) -> Result<Self, Failed> {
        if targets.is_empty() {
            return Err(Failed::Setup("there is no API to send to".into()));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been faster, and its provider is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut builder = Client::builder()
            .default_headers(headers(token)?)
            .http1_only()
            .tcp_nodelay(true)
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE)
            .redirect(reqwest::redirect::Policy::none());
        if targets.iter().all(|url| url.scheme() == "http") {
            // The machine's certificates are of no use here, take time to load, and may not be there.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| Failed::Setup(e.to_string().into()))?;
        Ok(Self {
            client,
            targets: targets.iter().map(route).collect(),
            deadline,
        })
    }

    fn target(&self, turn: u64) -> Url {
        let place = usize::try_from(turn % self.targets.len() as u64).unwrap_or_default();
        self.targets[place].clone()
    }

    async fn exchange(&self, one: &Try) -> Result<Tried, reqwest::Error> {
        let request = self.client.post(self.target(one.turn)).timeout(self.deadline);
        let request = match one.client {
            Behaviour::Normal => request.body(one.body.clone()),
            Behaviour::Slow => request
                .header(CONTENT_LENGTH, one.body.len())
                .body(Body::wrap_stream(dribbled(&one.body, self.deadline))),
            Behaviour::Abandon => request
                .header(CONTENT_LENGTH, one.body.len())
                .body(Body::wrap_stream(abandoned(&one.body))),
        };
        let response = request.send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        Ok(Tried::read(status, retry_after, &whole(response).await?))
    }
}

impl Post for Http {
    async fn post(&self, one: Try) -> Tried {
        match self.exchange(&one).await {
            Ok(tried) => tried,
            Err(error) => Tried::Lost(loss(&error, one.client)),
        }
    }
}

/// Reads an answer to its end, so that its connection can be used again; what is too long to be one is cut off.
async fn whole(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(body)
}

fn headers(token: Option<&str>) -> Result<HeaderMap, Failed> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, application/problem+json"),
    );
    if let Some(token) = token {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut bearer = bearer.map_err(|_| Failed::Setup("the token cannot stand in a header".into()))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

/// Where an API takes events.
fn route(base: &Url) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("events");
    }
    url
}

/// Why there is no answer.
fn loss(error: &reqwest::Error, client: Behaviour) -> Loss {
    if error.is_timeout() {
        return Loss::Timeout;
    }
    let system = system_error(error);
    let errno = system.and_then(Errno::from_io_error);
    if matches!(errno, Some(Errno::MFILE | Errno::NFILE)) {
        return Loss::Descriptors;
    }
    let kind = system.map(io::Error::kind);
    if error.is_connect() {
        return match kind {
            Some(io::ErrorKind::ConnectionRefused) => Loss::Refused,
            _ => Loss::Unconnected,
        };
    }
    match (client, kind) {
        (Behaviour::Abandon, _) => Loss::Abandoned,
        (_, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted)) => {
            Loss::Reset
        }
        _ => Loss::Closed,
    }
}

/// The innermost error of the system among the causes.
fn system_error(error: &reqwest::Error) -> Option<&io::Error> {
    let mut found = None;
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(system) = error.downcast_ref::<io::Error>() {
            found = Some(system);
        }
        cause = error.source();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn events_are_taken_below_the_base() {
        assert_eq!(route(&url("http://a:1")).as_str(), "http://a:1/events");
        assert_eq!(route(&url("http://a:1/base/")).as_str(), "http://a:1/base/events");
        assert_eq!(route(&url("http://a:1/base")).as_str(), "http://a:1/base/events");
    }

    #[test]
    fn targets_take_turns() {
        let targets = [url("http://a:1"), url("http://b:1")];
        let http = Http::new(&targets, Some("secret"), Duration::from_secs(1)).expect("a client");
        let hosts: Vec<_> = (0..4)
            .map(|turn| http.target(turn).host_str().map(str::to_owned))
            .collect();
        assert_eq!(hosts.iter().flatten().collect::<Vec<_>>(), ["a", "b", "a", "b"]);
    }

    #[test]
    fn what_cannot_be_sent_with_is_said() {
        let none = Http::new(&[], None, Duration::from_secs(1))
            .err()
            .map(|e| e.to_string());
        assert!(none.is_some_and(|words| words.contains("no API")));
        let odd = Http::new(&[url("http://a:1")], Some("a\nb"), Duration::from_secs(1)).err();
        let words = odd.map(|e| e.to_string()).expect("an error");
        assert!(words.contains("token") && !words.contains("a\nb"), "{words}");
    }
}
