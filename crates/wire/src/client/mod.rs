//! A typed client: a method for each route, a deadline for each request, and repeats only where they are safe.

mod error;
mod lines;
mod operate;
mod produce;
mod read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventflow_core::RetryPolicy;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::problem::Problem;

pub use error::ClientError;

/// The default deadline of a request, its answer included.
const DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Shorter than the server keeps an idle connection, so that none is used as it closes.
const POOL_IDLE: Duration = Duration::from_secs(8);
/// The longest answer that is read into memory.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A client of one API. Cheap to clone; its clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<Url>,
    token: Option<HeaderValue>,
    deadline: Duration,
    retry: RetryPolicy,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A request that can be sent more than once.
struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Vec<(String, String)>,
    accept: &'static str,
    body: Option<(&'static str, Bytes)>,
    idempotency_key: Option<String>,
    repeat: bool,
}

impl<'a> Call<'a> {
    fn get(path: &'a [&'a str]) -> Self {
        Self {
            method: Method::GET,
            path,
            query: Vec::new(),
            accept: "application/json, application/problem+json",
            body: None,
            idempotency_key: None,
            repeat: false,
        }
    }

    fn post(path: &'a [&'a str], body: Bytes) -> Self {
        Self {
            method: Method::POST,
            body: Some(("application/json", body)),
            ..Self::get(path)
        }
    }

    fn with_query<Q: Serialize>(mut self, query: &Q) -> Result<Self, ClientError> {
        self.query = pairs(query)?;
        Ok(self)
    }
}

impl Client {
    /// A client of the API at `base`, which presents `token`, if there is one.
    ///
    /// Requests have 30 s each; what is safe to send again is, five times in all. Installs ring as the TLS provider of
    /// the process if it has none.
    ///
    /// # Errors
    /// [`ClientError::Address`] where `base` is not an http or https URL, or the token cannot stand in a header.
    pub fn new(base: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let address = || ClientError::Address(base.to_owned());
        let mut url: Url = base.parse().map_err(|_| address())?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(address());
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let token = token.map(bearer).transpose().map_err(|_| address())?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been faster, and its provider is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = builder(&url).build().map_err(ClientError::Setup)?;
        Ok(Self {
            http,
            base: Arc::new(url),
            token,
            deadline: DEADLINE,
            retry: RetryPolicy {
                attempts: 5,
                base: Duration::from_millis(200),
                cap: Duration::from_secs(5),
            },
        })
    }

    /// With another deadline for each request.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// With another policy for what is safe to send again. The API's own Retry-After is honoured up to the policy's cap.
    #[must_use]
    pub fn with_retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// The API's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ClientError> {
        let (status, body) = self.bytes(call).await?;
        serde_json::from_slice(&body).map_err(|e| self.unexpected(status, &e))
    }

    /// Sends, repeats where that is safe and of use, and reads the whole answer.
    async fn bytes(&self, call: Call<'_>) -> Result<(StatusCode, Bytes), ClientError> {
        let mut failed = 0;
        loop {
            let outcome = match self.send_once(&call, Some(self.deadline)).await {
                Ok(response) => self.collect(response).await,
                Err(e) => Err(e),
            };
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(e) => e,
            };
            failed += 1;
            if !call.repeat || !error.is_transient() || self.retry.is_spent(failed, 0) {
                return Err(error);
            }
            let asked = error.problem().and_then(|p| p.retry_after).map(Duration::from_secs);
            let wait = self
                .retry
                .wait(failed, asked.map(|a| a.min(self.retry.cap)), fastrand::f64());
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends once. Any status that is not a success is an error.
    async fn send_once(&self, call: &Call<'_>, deadline: Option<Duration>) -> Result<Response, ClientError> {
        let response = self
            .request(call, deadline)
            .send()
            .await
            .map_err(|e| self.unreachable(&e))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(response).await)
        }
    }

    fn request(&self, call: &Call<'_>, deadline: Option<Duration>) -> RequestBuilder {
        let mut url = Url::clone(&self.base);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url).header(ACCEPT, call.accept);
        if let Some(deadline) = deadline {
            request = request.timeout(deadline);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(name) = &call.idempotency_key {
            request = request.header(crate::IDEMPOTENCY_KEY, name);
        }
        if let Some((media_type, body)) = &call.body {
            request = request.header(CONTENT_TYPE, *media_type).body(body.clone());
        }
        request
    }

    async fn collect(&self, mut response: Response) -> Result<(StatusCode, Bytes), ClientError> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(self.unexpected(status, &"the answer is longer than 64 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.into()))
    }

    async fn refusal(&self, response: Response) -> ClientError {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.parse().ok());
        let (status, body) = match self.collect(response).await {
            Ok(answer) => answer,
            Err(e) => return e,
        };
        match serde_json::from_slice::<Problem>(&body) {
            Ok(mut problem) => {
                problem.retry_after = problem.retry_after.or(retry_after);
                match problem.status {
                    401 | 403 => ClientError::NotAllowed(Box::new(problem)),
                    _ => ClientError::Problem(Box::new(problem)),
                }
            }
            Err(_) => self.unexpected(status, &"the body is not a problem description"),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            address: self.base.to_string(),
            why: innermost(error),
            before_sending: error.is_connect(),
        }
    }

    fn unexpected(&self, status: StatusCode, why: &dyn fmt::Display) -> ClientError {
        ClientError::Unexpected {
            address: self.base.to_string(),
            status: status.as_u16(),
            why: why.to_string(),
        }
    }
}

fn builder(url: &Url) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_DEADLINE)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("eventflow/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none());
    if url.scheme() == "http" {
        // The machine's certificates are of no use here, take time to load, and may not be there.
        builder = builder.tls_certs_only([]);
    }
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    // A proxy cannot know what listens on this machine.
    if is_loopback { builder.no_proxy() } else { builder }
}

fn bearer(token: &str) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `None` where the API answers 404.
fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ClientError::Problem(problem)) if problem.status == 404 => Ok(None),
        Err(e) => Err(e),
    }
}

fn write<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, ClientError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(ClientError::Request)
}

/// The members of a query struct as pairs; absent ones are left out.
fn pairs<Q: Serialize>(query: &Q) -> Result<Vec<(String, String)>, ClientError> {
    let value = serde_json::to_value(query).map_err(ClientError::Request)?;
    let serde_json::Value::Object(members) = value else {
        return Ok(Vec::new());
    };
    let text = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(members.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// What happened, in the words of the innermost cause: the outer ones only say "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
