//! `POST /events`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use eventflow_core::Event;
use eventflow_wire::{Acceptance, Accepted, BatchResult, CloudEvent, ItemResult, ItemStatus, NewEvents, Problem};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use super::query;
use crate::correlation::Correlation;
use crate::door::{Door, Format, Item, Parsed, drain, read};
use crate::edge::Echo;
use crate::intake::{NoPlace, Outcome};
use crate::problem::{Refusal, Slug};
use crate::shared::Shared;
use crate::watch::Pressure;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    atomic: bool,
}

/// Takes one event, or a batch. Every event that is answered for is durable.
#[utoipa::path(
    post, path = "/events", tag = "events",
    params(
        ("atomic" = Option<bool>, Query, description = "Of a batch: all or nothing"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Stands for `id` of a single event"),
        ("X-Correlation-Id" = Option<String>, Header, description = "Where the event names none itself"),
    ),
    request_body(content(
        (NewEvents = "application/json"),
        (CloudEvent = "application/cloudevents+json"),
        (Vec<CloudEvent> = "application/cloudevents-batch+json"),
    )),
    responses(
        (status = 202, description = "One event, durable", body = Accepted),
        (status = 200, description = "A batch, aligned by index", body = BatchResult),
        (status = "default", description = "Nothing was taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn accept(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let _in_flight = shared.counters.enter();
    let (head, body) = request.into_parts();
    let (format, atomic) = match early(&shared, &head) {
        Ok(known) => known,
        Err(refusal) => {
            let drained = drain(&head.headers, body).await;
            return refusal.closing_unless(drained).into_response();
        }
    };
    take(&shared, &head, body, format, atomic)
        .await
        .unwrap_or_else(Refusal::into_response)
}

/// All that can be refused before the body is read.
fn early(shared: &Shared, head: &Parts) -> Result<(Format, bool), Refusal> {
    let options: Options = query(&head.uri)?;
    if let Pressure::Full = shared.watch.pressure() {
        return Err(Slug::BacklogFull.into());
    }
    Ok((Format::of(&head.headers)?, options.atomic))
}

async fn take(shared: &Shared, head: &Parts, body: Body, format: Format, atomic: bool) -> Result<Response, Refusal> {
    let correlation = head.extensions.get::<Correlation>().ok_or(Slug::Internal)?;
    let payload = read(&head.headers, body, &shared.settings, &shared.bytes_in_flight).await?;
    let door = Door {
        settings: &shared.settings,
        headers: &head.headers,
        correlation,
        received_at: shared.clock.now(),
    };
    match door.parse(format, &payload)? {
        Parsed::One(item) => one(shared, item).await,
        Parsed::Batch(items) => batch(shared, items, atomic).await,
    }
}

async fn one(shared: &Shared, item: Item) -> Result<Response, Refusal> {
    let event = under_pressure(item, &shared.watch.pressure())?;
    tracing::Span::current().record("key", tracing::field::display(event.key));
    let outcomes = shared.intake.take(std::slice::from_ref(&event)).await?;
    let outcome = outcomes.first().copied().ok_or(Slug::Internal)?;
    let status = shared.count(&event, outcome)?;
    let accepted = Accepted {
        id: event.id.clone(),
        source: event.source.clone(),
        key: event.key,
        status,
        correlation_id: event.correlation_id.clone(),
    };
    let mut response = (StatusCode::ACCEPTED, Json(accepted)).into_response();
    response.extensions_mut().insert(Echo(event.correlation_id.clone()));
    Ok(response)
}

async fn batch(shared: &Shared, items: Vec<Item>, atomic: bool) -> Result<Response, Refusal> {
    let pressure = shared.watch.pressure();
    let mut items: Vec<Item> = items.into_iter().map(|item| under_pressure(item, &pressure)).collect();
    if atomic {
        refuse_reused(shared, &mut items).await?;
    }
    let refused = items.iter().filter(|item| item.is_err()).count();
    if refused > 0 && (atomic || refused == items.len()) {
        return Err(shared.rejected(&items, atomic));
    }
    let good: Vec<Arc<Event>> = items.iter().flatten().map(Arc::clone).collect();
    let mut outcomes = shared.intake.take(&good).await?.into_iter();
    let mut verdicts = Vec::with_capacity(items.len());
    for item in &items {
        verdicts.push(match item {
            Ok(event) => shared.count(event, outcomes.next().ok_or(Slug::Internal)?),
            Err(refusal) => {
                shared.counters.reject(refusal.slug);
                Err(refusal.clone())
            }
        });
    }
    if !verdicts.is_empty() && verdicts.iter().all(Result::is_err) {
        return Err(summary(&verdicts, false));
    }
    Ok(Json(result(&items, verdicts)).into_response())
}

fn result(items: &[Item], verdicts: Vec<Result<Acceptance, Refusal>>) -> BatchResult {
    let mut result = BatchResult::default();
    for (index, (item, verdict)) in items.iter().zip(verdicts).enumerate() {
        match &verdict {
            Ok(Acceptance::Accepted) => result.accepted += 1,
            Ok(Acceptance::Duplicate) => result.duplicates += 1,
            Err(_) => result.rejected += 1,
        }
        let event = item.as_ref().ok();
        let refusal = verdict.as_ref().err();
        result.results.push(ItemResult {
            index,
            status: verdict
                .as_ref()
                .map_or(ItemStatus::Rejected, |acceptance| (*acceptance).into()),
            id: event.map(|event| event.id.clone()),
            source: event.map(|event| event.source.clone()),
            key: event.map(|event| event.key),
            correlation_id: event.map(|event| event.correlation_id.clone()),
            error: refusal.map(Refusal::item),
            retryable: refusal.map(Refusal::is_retryable),
        });
    }
    result
}

fn under_pressure(item: Item, pressure: &Pressure) -> Item {
    match item {
        Ok(event) if pressure.refuses(&event.event_type) => Err(Refusal::saying(
            Slug::BacklogFull,
            "Too much waits for the handler of this type: send it again later.",
        )),
        item => item,
    }
}

/// Finds the items of an all-or-nothing batch whose name bears another payload, there or earlier in the batch.
async fn refuse_reused(shared: &Shared, items: &mut [Item]) -> Result<(), Refusal> {
    let good: Vec<Arc<Event>> = items.iter().flatten().map(Arc::clone).collect();
    let mut reused = shared.intake.reused(&good).await?.into_iter();
    let mut first: HashMap<_, _> = HashMap::with_capacity(items.len());
    for item in items {
        let Ok(event) = item else { continue };
        let leader = *first.entry(event.key).or_insert(event.fingerprint);
        if reused.next().unwrap_or(false) || leader != event.fingerprint {
            *item = Err(Refusal::at(Slug::IdReused, "/id"));
        }
    }
    Ok(())
}

/// The problem of a batch of which nothing was taken.
fn summary<T>(items: &[Result<T, Refusal>], atomic: bool) -> Refusal {
    let refusals = || items.iter().filter_map(|item| item.as_ref().err());
    let errors = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| Some(item.as_ref().err()?.problem_item(Some(index))));
    let refusal = if refusals().all(Refusal::is_retryable) {
        Slug::BacklogFull.into()
    } else if atomic {
        Refusal::saying(
            Slug::BatchRejected,
            "The batch is to be taken whole or not at all: mend the events listed under `errors` and send it again.",
        )
    } else {
        Slug::BatchRejected.into()
    };
    refusal.with_errors(errors.collect())
}

impl Shared {
    fn rejected(&self, items: &[Item], atomic: bool) -> Refusal {
        for refusal in items.iter().filter_map(|item| item.as_ref().err()) {
            self.counters.reject(refusal.slug);
        }
        summary(items, atomic)
    }

    /// Counts and logs what became of an event, and says it in the contract's words.
    fn count(&self, event: &Event, outcome: Outcome) -> Result<Acceptance, Refusal> {
        tracing::debug!(key = %event.key, correlation_id = %event.correlation_id, ?outcome, "an event came in");
        match outcome {
            Outcome::Accepted { direct } => {
                self.counters.accepted.fetch_add(1, Relaxed);
                self.counters.direct.fetch_add(u64::from(direct), Relaxed);
                Ok(Acceptance::Accepted)
            }
            Outcome::Duplicate => {
                self.counters.duplicates.fetch_add(1, Relaxed);
                Ok(Acceptance::Duplicate)
            }
            Outcome::Reused => Err(Refusal::at(Slug::IdReused, "/id")),
            Outcome::Unstorable => Err(Slug::Unstorable.into()),
        }
    }
}

impl From<NoPlace> for Refusal {
    fn from(_: NoPlace) -> Self {
        Slug::NoPlace.into()
    }
}
