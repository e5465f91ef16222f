//! Pause, resume, retire.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use eventflow_core::{PauseOrder, RetireOrder, Retired};
use eventflow_wire::{PauseRequest, PauseResult, Problem, RetireRequest, RetireResult};
use http::HeaderMap;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::auth::ANONYMOUS;
use crate::door::{drain, read, require_json};
use crate::edge::Actor;
use crate::problem::{Refusal, Slug};
use crate::shared::Shared;

/// Pauses one handler, or all running.
#[utoipa::path(
    post, path = "/pause", tag = "operation", request_body = PauseRequest,
    responses(
        (status = 200, body = PauseResult),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn pause(State(shared): State<Arc<Shared>>, request: Request) -> Result<Json<PauseResult>, Refusal> {
    set_paused(&shared, request, true).await
}

/// Ends the pause of one handler, or that of all running; single pauses stay.
#[utoipa::path(
    post, path = "/resume", tag = "operation", request_body = PauseRequest,
    responses(
        (status = 200, body = PauseResult),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resume(State(shared): State<Arc<Shared>>, request: Request) -> Result<Json<PauseResult>, Refusal> {
    set_paused(&shared, request, false).await
}

/// Takes a handler off the list that nobody carries. What waits for it is matched anew.
#[utoipa::path(
    post, path = "/handlers/retire", tag = "operation", request_body = RetireRequest,
    responses(
        (status = 200, body = RetireResult),
        (status = 409, description = "Living workers carry it", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn retire(State(shared): State<Arc<Shared>>, request: Request) -> Result<Json<RetireResult>, Refusal> {
    let (head, body) = request.into_parts();
    let RetireRequest { handler } = order(&shared, &head.headers, body).await?;
    let retire = shared.ledger.retire(RetireOrder {
        handler: handler.clone(),
        lease_time: shared.settings.lease,
        actor: actor(&head),
    });
    match shared.ask("retiring a handler", retire).await? {
        Retired::Gone => {}
        Retired::Unknown => return Err(Slug::UnknownHandler.into()),
        Retired::Carried(count) => {
            let words = format!("{count} living workers carry this handler: stop or redeploy them first.");
            return Err(Refusal::saying(Slug::HandlerCarried, words));
        }
    }
    tracing::info!(%handler, "a handler was retired");
    shared.intake.wake_workers();
    Ok(Json(RetireResult { handler }))
}

async fn set_paused(shared: &Shared, request: Request, paused: bool) -> Result<Json<PauseResult>, Refusal> {
    let (head, body) = request.into_parts();
    let PauseRequest { handler } = order(shared, &head.headers, body).await?;
    let pause = shared.ledger.pause(PauseOrder {
        handler: handler.clone(),
        paused,
        actor: actor(&head),
    });
    if !shared.ask("pausing or resuming", pause).await? {
        return Err(Slug::UnknownHandler.into());
    }
    let name = handler.as_ref().map_or("*", |handler| handler.as_str());
    tracing::info!(handler = name, paused, "pause was set");
    if !paused {
        shared.intake.wake_workers();
    }
    Ok(Json(PauseResult { handler, paused }))
}

/// The body of an operator's request.
pub(super) async fn order<T: DeserializeOwned>(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    if let Err(refusal) = require_json(headers) {
        let drained = drain(headers, body).await;
        return Err(refusal.closing_unless(drained));
    }
    let held = read(headers, body, &shared.settings, &shared.bytes_in_flight).await?;
    serde_json::from_slice(&held.bytes).map_err(|error| {
        let slug = match error.classify() {
            serde_json::error::Category::Data => Slug::InvalidRequest,
            _ => Slug::MalformedJson,
        };
        slug.into()
    })
}

/// Who acts, for the audit.
pub(super) fn actor(head: &Parts) -> String {
    head.extensions
        .get::<Actor>()
        .map_or_else(|| ANONYMOUS.to_owned(), |Actor(name)| name.to_string())
}
