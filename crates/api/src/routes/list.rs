//! Lists: a page at a time, or every match line by line. No transaction outlives a page.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use eventflow_core::{Event, EventFilter, EventKey, EventState, LetterFilter, Page};
use eventflow_wire::{
    AuditPage, AuditQuery, AuditView, EventFields, EventLine, EventPage, EventQuery, LetterPage, LetterQuery,
    LetterView, NDJSON, Problem,
};
use futures_util::{Stream, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};
use serde::Serialize;

use super::lookup::Found;
use super::{key, query};
use crate::door::negotiate;
use crate::problem::{Refusal, Slug};
use crate::shared::Shared;

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// Events of the ledger in key order; with `id`, the one event of that name, the queue included.
#[utoipa::path(
    get, path = "/events", tag = "events", params(EventQuery),
    responses(
        (status = 200, description = "A page, or every match as a stream", content(
            (EventPage = "application/json"), (EventLine = "application/x-ndjson"),
        )),
        (status = "default", description = "Not answered", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked: EventQuery = query(&uri)?;
    let fields = match &asked.fields {
        Some(names) => EventFields::parse(names).ok_or_else(|| {
            Refusal::saying(
                Slug::InvalidQuery,
                format!("`fields` takes names of these: {}.", EventFields::NAMES),
            )
        })?,
        None => EventFields::default(),
    };
    let streams = wants_lines(&headers)?;
    if let Some(id) = &asked.id {
        let source = asked.source.as_deref().unwrap_or("/");
        let lines = named(&shared, &asked, source, id, fields).await?;
        return page_or_lines(lines, streams);
    }
    let walk = Walk::new(asked.cursor.as_deref(), asked.limit, streams)?;
    let list = Events {
        filter: EventFilter {
            source: asked.source,
            event_type: asked.event_type,
            state: asked.state,
            from: asked.from,
            until: asked.until,
        },
        fields,
        shared,
    };
    answer(list, walk, streams, |events, next| EventPage { events, next }).await
}

/// Dead letters in key order.
#[utoipa::path(
    get, path = "/dead-letters", tag = "dead letters", params(LetterQuery),
    responses(
        (status = 200, description = "A page, or every match as a stream", content(
            (LetterPage = "application/json"), (LetterView = "application/x-ndjson"),
        )),
        (status = "default", description = "Not answered", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn letters(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked: LetterQuery = query(&uri)?;
    let streams = wants_lines(&headers)?;
    let walk = Walk::new(asked.cursor.as_deref(), asked.limit, streams)?;
    let list = Letters {
        filter: LetterFilter {
            event_type: asked.event_type,
            source: asked.source,
            reason: asked.reason,
            cause: asked.cause,
            from: asked.from,
            until: asked.until,
            discarded: asked.discarded,
        },
        with_data: asked.data,
        shared,
    };
    answer(list, walk, streams, |letters, next| LetterPage { letters, next }).await
}

/// Changes by people, oldest first.
#[utoipa::path(
    get, path = "/audit", tag = "operation", params(AuditQuery),
    responses(
        (status = 200, body = AuditPage),
        (status = "default", description = "The store cannot be asked", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn audit(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<AuditPage>, Refusal> {
    let asked: AuditQuery = query(&uri)?;
    let limit = limit(asked.limit)?;
    let entries = shared.archive.audit(asked.after.unwrap_or(0), limit);
    let entries = shared.ask("listing the audit", entries).await?;
    let is_full = u32::try_from(entries.len()).unwrap_or(u32::MAX) >= limit;
    let next = entries.last().filter(|_| is_full).map(|entry| entry.seq);
    Ok(Json(AuditPage {
        entries: entries.into_iter().map(AuditView::from).collect(),
        next,
    }))
}

/// A list that is read page by page.
trait List: Send + Sync + 'static {
    type Line: Serialize + Send;

    fn shared(&self) -> &Shared;

    fn page(
        &self,
        after: Option<EventKey>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(EventKey, Self::Line)>, Refusal>> + Send;
}

struct Events {
    filter: EventFilter,
    fields: EventFields,
    shared: Arc<Shared>,
}

struct Letters {
    filter: LetterFilter,
    with_data: bool,
    shared: Arc<Shared>,
}

impl List for Events {
    type Line = EventLine;

    fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn page(&self, after: Option<EventKey>, limit: u32) -> Result<Vec<(EventKey, EventLine)>, Refusal> {
        let page = Page {
            after,
            limit,
            with_data: self.fields.data,
            with_runs: self.fields.of_runs(),
        };
        let lines = self.shared.archive.list(&self.filter, page);
        let lines = self.shared.ask("listing events", lines).await?;
        let show = |line: eventflow_core::EventLine| (line.event.key, EventLine::of(line, self.fields));
        Ok(lines.into_iter().map(show).collect())
    }
}

impl List for Letters {
    type Line = LetterView;

    fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn page(&self, after: Option<EventKey>, limit: u32) -> Result<Vec<(EventKey, LetterView)>, Refusal> {
        let page = Page {
            after,
            limit,
            with_data: self.with_data,
            with_runs: false,
        };
        let letters = self.shared.archive.letters(&self.filter, page);
        let letters = self.shared.ask("listing dead letters", letters).await?;
        Ok(letters
            .into_iter()
            .map(|letter| (letter.event.key, letter.into()))
            .collect())
    }
}

/// How far a list is read, and from where.
struct Walk {
    after: Option<EventKey>,
    left: Option<u32>,
}

impl Walk {
    fn new(cursor: Option<&str>, asked: Option<u32>, streams: bool) -> Result<Self, Refusal> {
        let left = match (asked, streams) {
            (None, true) => None,
            (Some(0), true) => return Err(Slug::InvalidQuery.into()),
            (Some(some), true) => Some(some),
            (asked, false) => Some(limit(asked)?),
        };
        Ok(Self {
            after: cursor.map(key).transpose()?,
            left,
        })
    }

    fn next_limit(&self) -> u32 {
        self.left.unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }
}

fn limit(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Refusal::saying(Slug::InvalidQuery, "`limit` is 1 to 1000.")),
    }
}

fn wants_lines(headers: &HeaderMap) -> Result<bool, Refusal> {
    Ok(negotiate(headers, &["application/json", NDJSON])? == NDJSON)
}

async fn answer<L: List, P: Serialize>(
    list: L,
    mut walk: Walk,
    streams: bool,
    into_page: impl FnOnce(Vec<L::Line>, Option<String>) -> P,
) -> Result<Response, Refusal> {
    let limit = walk.next_limit();
    // The first page is read before the status is sent, so that what cannot be answered is said with a problem.
    let first = list.page(walk.after, limit).await?;
    if streams {
        let chunk = walk.pass(first, limit)?;
        return Ok(lines_response(Body::from_stream(rest(list, walk, chunk))));
    }
    let is_full = u32::try_from(first.len()).unwrap_or(u32::MAX) >= limit;
    let next = first.last().filter(|_| is_full).map(|(key, _)| key.to_string());
    let lines = first.into_iter().map(|(_, line)| line).collect();
    Ok(Json(into_page(lines, next)).into_response())
}

impl Walk {
    /// Moves behind a page, and gives it as lines. None left where the page was the last.
    fn pass<T: Serialize>(&mut self, page: Vec<(EventKey, T)>, limit: u32) -> Result<Bytes, Refusal> {
        let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
        self.after = page.last().map(|(key, _)| *key).or(self.after);
        self.left = match self.left {
            _ if count < limit => Some(0),
            left => left.map(|left| left.saturating_sub(count)),
        };
        lines(page.into_iter().map(|(_, line)| line))
    }
}

/// The first chunk, then page after page. What fails breaks the stream off, so that nobody takes a part for the whole.
fn rest<L: List>(list: L, walk: Walk, first: Bytes) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
    stream::unfold(Some((list, walk, Some(first))), |state| async move {
        let (list, mut walk, ready) = state?;
        if let Some(chunk) = ready {
            return Some((Ok(chunk), Some((list, walk, None))));
        }
        let limit = walk.next_limit();
        if limit == 0 {
            return None;
        }
        let page = tokio::select! {
            () = list.shared().stopping.cancelled() => return Some((Err(io::Error::other("the API is stopping")), None)),
            page = list.page(walk.after, limit) => page,
        };
        match page.and_then(|page| walk.pass(page, limit)) {
            Ok(chunk) => Some((Ok(chunk), Some((list, walk, None)))),
            Err(refusal) => {
                tracing::warn!(problem = refusal.slug.as_str(), "a stream broke off");
                Some((Err(io::Error::other("the rest cannot be read")), None))
            }
        }
    })
}

/// The one event of a name, if the other filters fit it.
async fn named(
    shared: &Shared,
    asked: &EventQuery,
    source: &str,
    id: &str,
    fields: EventFields,
) -> Result<Vec<EventLine>, Refusal> {
    let found = shared.find(EventKey::of(source, id)).await?;
    let fits = |event: &Event, state: EventState| {
        asked.event_type.as_ref().is_none_or(|t| *t == event.event_type)
            && asked.state.is_none_or(|s| s == state)
            && asked.from.is_none_or(|from| event.received_at >= from)
            && asked.until.is_none_or(|until| event.received_at < until)
    };
    let line = match found {
        Some(Found::Admitted(record)) if fits(&record.event, record.state) => {
            Some(EventLine::of((*record).into(), fields))
        }
        Some(Found::Queued(queued)) if fits(&queued.event, EventState::Queued) => {
            Some(EventLine::of_queued(queued, fields))
        }
        _ => None,
    };
    Ok(line.into_iter().collect())
}

fn page_or_lines(events: Vec<EventLine>, streams: bool) -> Result<Response, Refusal> {
    if streams {
        return Ok(lines_response(Body::from(lines(events)?)));
    }
    Ok(Json(EventPage { events, next: None }).into_response())
}

fn lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<Bytes, Refusal> {
    let mut out = BytesMut::new().writer();
    for value in values {
        serde_json::to_writer(&mut out, &value).map_err(|_| Slug::Internal)?;
        out.get_mut().put_u8(b'\n');
    }
    Ok(out.into_inner().freeze())
}

fn lines_response(body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}
