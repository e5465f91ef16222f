//! What happens to every request before its route and after: correlation, tokens, negotiation, counting, and the words
//! for what the router refuses.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use eventflow_wire::{CORRELATION_ID, HEALTH_MEDIA_TYPE, NDJSON};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::auth::ANONYMOUS;
use crate::correlation::Correlation;
use crate::door::{drain, negotiate};
use crate::problem::{Counted, Refusal, Slug, method_not_allowed};
use crate::shared::Shared;

/// The name under which the caller acts.
#[derive(Clone, Debug)]
pub(crate) struct Actor(pub(crate) Arc<str>);

/// In a response: the correlation id of its event, which is echoed instead of the request's.
#[derive(Clone, Debug)]
pub(crate) struct Echo(pub(crate) String);

/// Around every route.
pub(crate) async fn around(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let correlation = Correlation::of(request.headers());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!("request", method = %request.method(), path,
        correlation_id = %correlation.id, key = tracing::field::Empty);
    request.extensions_mut().insert(correlation.clone());
    let id = correlation.id.clone();
    let answer = async {
        let mut response = match admit(&shared, path, &mut request) {
            Ok(()) => next.run(request).await,
            Err(refusal) => {
                let (head, body) = request.into_parts();
                let drained = drain(&head.headers, body).await;
                refusal.closing_unless(drained).into_response()
            }
        };
        if lacks_words(&response) {
            response = reworded(&response);
        }
        finish(&shared, &mut response, &id);
        tracing::debug!(
            status = response.status().as_u16(),
            took_us = begun.elapsed().as_micros(),
            "answered"
        );
        response
    };
    correlation.scope(answer).instrument(span).await
}

fn admit(shared: &Shared, path: &str, request: &mut Request) -> Result<(), Refusal> {
    let actor = match &shared.settings.tokens {
        Some(tokens) if !is_open(path) => tokens.who(request.headers())?,
        _ => Arc::from(ANONYMOUS),
    };
    request.extensions_mut().insert(Actor(actor));
    let offers: &[&str] = match path {
        // What no route takes gets its 404, whatever was asked for.
        "" => return Ok(()),
        path if path.starts_with("/docs") => return Ok(()),
        "/events" | "/dead-letters" if request.method() == http::Method::GET => &["application/json", NDJSON],
        "/health" => &[HEALTH_MEDIA_TYPE, "application/json"],
        _ => &["application/json"],
    };
    negotiate(request.headers(), offers).map(|_| ())
}

/// Routes that a probe or a browser calls, and that tell nothing about events.
fn is_open(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/openapi.json") || path.starts_with("/docs")
}

fn finish(shared: &Shared, response: &mut Response, correlation_id: &str) {
    if let Some(Counted(slug)) = response.extensions().get::<Counted>().copied() {
        shared.counters.reject(slug);
        if slug == Slug::Internal {
            tracing::error!("a request failed through a fault of our own");
        }
    }
    let echo = response.extensions_mut().remove::<Echo>();
    let id = echo.as_ref().map_or(correlation_id, |Echo(id)| id);
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(CORRELATION_ID, value);
    }
    response
        .headers_mut()
        .entry(http::header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
}

/// Whether the router, or a part that is not ours, refused the request in no words of the contract.
fn lacks_words(response: &Response) -> bool {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_health = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|t| t == HEALTH_MEDIA_TYPE);
    is_error && !is_health && response.extensions().get::<Counted>().is_none()
}

fn reworded(response: &Response) -> Response {
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(response),
        StatusCode::NOT_FOUND => Refusal::from(Slug::NotFound).into_response(),
        // The router's word for a name in the path that is not UTF-8 once decoded; every such name is a key.
        StatusCode::BAD_REQUEST => Refusal::from(Slug::InvalidKey).into_response(),
        _ => Refusal::from(Slug::Internal).into_response(),
    }
}

/// The answer to a panic.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The words of the panic are in the output of the panic hook; the caller gets none of them.
    Refusal::from(Slug::Internal).into_response()
}
