//! Reading a body: within its cap, its time, and the bytes that may be in flight.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Refusal, Slug};
use crate::settings::Settings;

/// So much of an unwanted body is read, so that its sender gets to see the answer.
const DRAINED: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// The semaphore for bytes in flight counts in these.
const UNIT: usize = 1024;

/// A body that was read; it holds its share of the bytes in flight.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
impl Held {
    pub(crate) const fn of(bytes: Bytes) -> Self {
        Self { bytes, _share: None }
    }
}

/// The semaphore of bytes in flight.
pub(crate) fn gauge(max_bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((max_bytes / UNIT).min(Semaphore::MAX_PERMITS)))
}

/// Reads a body whole. Its announced length is looked at first.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    settings: &Settings,
    in_flight: &Arc<Semaphore>,
) -> Result<Held, Refusal> {
    if announced(headers).is_some_and(|length| length > settings.max_body) {
        let drained = drain(headers, body).await;
        return Err(too_large(settings).closing_unless(drained));
    }
    tokio::time::timeout(settings.body_timeout, collect(headers, body, settings, in_flight))
        .await
        .unwrap_or_else(|_| Err(Refusal::from(Slug::RequestTimeout).closing_unless(false)))
}

async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    settings: &Settings,
    in_flight: &Arc<Semaphore>,
) -> Result<Held, Refusal> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Slug::IncompleteBody)?;
        let Ok(chunk) = frame.into_data() else { continue };
        if first.len() + rest.len() + chunk.len() > settings.max_body {
            let drained = drain(headers, body).await;
            return Err(too_large(settings).closing_unless(drained));
        }
        let units = u32::try_from(chunk.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
        let more = Arc::clone(in_flight).try_acquire_many_owned(units);
        let more = more.map_err(|_| Slug::Overloaded)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        if first.is_empty() && rest.is_empty() {
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.reserve(
                    announced(headers)
                        .unwrap_or(first.len() + chunk.len())
                        .min(settings.max_body),
                );
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&chunk);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Held { bytes, _share: share })
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(settings: &Settings) -> Refusal {
    Refusal::saying(
        Slug::BodyTooLarge,
        format!("Send at most {} bytes in one request.", settings.max_body),
    )
}

/// Reads and forgets up to 64 kB of a body that is refused. What waits to be told to send it is told nothing.
/// False where something of it is left: the answer has to say that the connection closes, lest its client use it again.
pub(crate) async fn drain(headers: &HeaderMap, mut body: Body) -> bool {
    if headers.contains_key(EXPECT) {
        return false;
    }
    let reading = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DRAINED {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DRAIN_TIME, reading).await.unwrap_or(false)
}
