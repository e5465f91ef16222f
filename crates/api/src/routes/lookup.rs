//! Looking one thing up: an event, a dead letter, the workers, the handlers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use eventflow_core::{EventKey, EventRecord, EventState, Queued};
use eventflow_wire::{EventView, Handlers, Problem, WorkerView, Workers};

use super::key;
use crate::problem::{Refusal, Slug, unanswered};
use crate::shared::Shared;

/// Where an event was found.
pub(super) enum Found {
    /// In the ledger, whose answer wins.
    Admitted(Box<EventRecord>),
    /// In the queue only.
    Queued(Queued),
}

/// All about one event, the queue included.
#[utoipa::path(
    get, path = "/events/{key}", tag = "events",
    params(("key" = String, Path, format = "uuid", description = "The event's key, a UUID")),
    responses(
        (status = 200, body = EventView),
        (status = "default", description = "Unknown event, or a place that cannot be asked", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn event(
    State(shared): State<Arc<Shared>>,
    Path(text): Path<String>,
) -> Result<Json<EventView>, Refusal> {
    let found = shared.find(key(&text)?).await?;
    match found {
        Some(Found::Admitted(record)) => Ok(Json((*record).into())),
        Some(Found::Queued(queued)) => Ok(Json(queued.into())),
        None => Err(Slug::UnknownEvent.into()),
    }
}

/// All about one dead letter.
#[utoipa::path(
    get, path = "/dead-letters/{key}", tag = "dead letters",
    params(("key" = String, Path, format = "uuid", description = "The event's key, a UUID")),
    responses(
        (status = 200, body = EventView),
        (status = "default", description = "Neither dead nor discarded", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn letter(
    State(shared): State<Arc<Shared>>,
    Path(text): Path<String>,
) -> Result<Json<EventView>, Refusal> {
    let record = shared
        .ask("looking a dead letter up", shared.archive.get(key(&text)?))
        .await?;
    match record {
        Some(record) if matches!(record.state, EventState::Dead | EventState::Discarded) => Ok(Json(record.into())),
        _ => Err(Slug::UnknownLetter.into()),
    }
}

/// The workers on the list.
#[utoipa::path(
    get, path = "/workers", tag = "operation",
    responses(
        (status = 200, body = Workers),
        (status = "default", description = "The store cannot be asked", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn workers(State(shared): State<Arc<Shared>>) -> Result<Json<Workers>, Refusal> {
    let workers = shared.archive.workers(shared.settings.lease);
    let workers = shared.ask("listing workers", workers).await?;
    Ok(Json(Workers {
        workers: workers.into_iter().map(WorkerView::from).collect(),
    }))
}

/// The handler list.
#[utoipa::path(
    get, path = "/handlers", tag = "operation",
    responses(
        (status = 200, body = Handlers),
        (status = "default", description = "The store cannot be asked", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn handlers(State(shared): State<Arc<Shared>>) -> Result<Json<Handlers>, Refusal> {
    let registry = shared.watch.read_registry().await.map_err(|error| unanswered(&error))?;
    Ok(Json(Arc::unwrap_or_clone(registry).into()))
}

impl Shared {
    /// Asks the queue first, then the ledger: what moves between them is not missed. Where one cannot be asked and the
    /// other does not know the key, nobody can tell.
    pub(super) async fn find(&self, key: EventKey) -> Result<Option<Found>, Refusal> {
        let queued = match &self.queue {
            Some(queue) => self.answer("looking an event up in the queue", queue.find(key)).await,
            None => Ok(None),
        };
        let record = self
            .answer("looking an event up in the ledger", self.archive.get(key))
            .await;
        match (queued, record) {
            (_, Ok(Some(record))) => Ok(Some(Found::Admitted(Box::new(record)))),
            (Ok(Some(queued)), _) => Ok(Some(Found::Queued(queued))),
            (Ok(None), Ok(None)) => Ok(None),
            (Err(error), _) | (_, Err(error)) => Err(unanswered(&error)),
        }
    }
}
