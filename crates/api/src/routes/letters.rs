//! What people do to dead letters.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use eventflow_core::{EventKey, LetterAction, LetterOrder};
use eventflow_wire::{IDEMPOTENCY_KEY, JobView, LetterKeys, Problem};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use super::operate::{actor, order};
use crate::problem::{Refusal, Slug};
use crate::shared::Shared;

const MAX_KEYS: usize = 1000;

/// Runs dead letters again, each with a new budget of attempts.
#[utoipa::path(
    post, path = "/dead-letters/requeue", tag = "dead letters", request_body = LetterKeys,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Names the job: a UUID, or any text")),
    responses(
        (status = 202, description = "The job as it was done", body = JobView),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn requeue(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    change(&shared, LetterAction::Requeue, request).await
}

/// Gives dead letters up; their payload stays until retention.
#[utoipa::path(
    post, path = "/dead-letters/discard", tag = "dead letters", request_body = LetterKeys,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Names the job: a UUID, or any text")),
    responses(
        (status = 202, description = "The job as it was done", body = JobView),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn discard(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    change(&shared, LetterAction::Discard, request).await
}

/// Takes a discard back.
#[utoipa::path(
    post, path = "/dead-letters/restore", tag = "dead letters", request_body = LetterKeys,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Names the job: a UUID, or any text")),
    responses(
        (status = 202, description = "The job as it was done", body = JobView),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn restore(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    change(&shared, LetterAction::Restore, request).await
}

/// A job over dead letters.
#[utoipa::path(
    get, path = "/dead-letters/jobs/{id}", tag = "dead letters",
    params(("id" = String, Path, format = "uuid", description = "The job's id, a UUID")),
    responses(
        (status = 200, body = JobView),
        (status = "default", description = "Unknown job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn job(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Json<JobView>, Refusal> {
    let id = id.parse::<Uuid>().map_err(|_| Slug::InvalidKey)?;
    let job = shared.ask("looking a job up", shared.archive.job(id)).await?;
    job.map(|job| Json(job.into())).ok_or_else(|| Slug::UnknownJob.into())
}

async fn change(shared: &Shared, action: LetterAction, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let LetterKeys { keys } = order(shared, &head.headers, body).await?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        let words = format!("Send 1 to {MAX_KEYS} keys.");
        return Err(Refusal::saying(Slug::InvalidRequest, words));
    }
    let order = LetterOrder {
        job: job_name(&head.headers)?,
        action,
        keys,
        actor: actor(&head),
    };
    let job = shared
        .ask("changing dead letters", shared.archive.change_letters(order))
        .await?;
    if job.action != action {
        return Err(Slug::JobNameTaken.into());
    }
    tracing::info!(job = %job.id, action = action.as_str(), actor = %eventflow_core::sanitize(&job.actor),
        applied = job.applied, refused = job.refused.len(), "dead letters were changed");
    if action == LetterAction::Requeue {
        shared.intake.wake_workers();
    }
    Ok((StatusCode::ACCEPTED, Json(JobView::from(job))).into_response())
}

/// The job's id: a UUID stands for itself, any other text for the one that is made of it, none for a new one.
fn job_name(headers: &HeaderMap) -> Result<Uuid, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(Uuid::now_v7());
    };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if text.is_empty() || text.len() > 255 {
        let words = "Name the job with 1 to 255 visible ASCII characters, or leave Idempotency-Key out.";
        return Err(Refusal::saying(Slug::IdempotencyKey, words));
    }
    Ok(text
        .parse()
        .unwrap_or_else(|_| EventKey::of("/dead-letters/jobs", text).uuid()))
}
