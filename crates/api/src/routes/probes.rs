//! `/livez`, `/readyz`, `/health`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use eventflow_wire::{
    BackendView, Check, HEALTH_MEDIA_TYPE, Health, HealthStatus, Liveness, Problem, Readiness, Taker,
};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::stats::backend;
use crate::problem::{Refusal, Slug, stalled_words};
use crate::shared::Shared;

/// Whether the process works: 503 while a loop of its worker is stalled.
#[utoipa::path(
    get, path = "/livez", tag = "probes",
    responses(
        (status = 200, body = Liveness),
        (status = 503, description = "A loop is stalled", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Result<Json<Liveness>, Refusal> {
    let stalled = shared.stalled();
    if !stalled.is_empty() {
        return Err(Refusal::saying(Slug::Stalled, stalled_words(&stalled)));
    }
    Ok(Json(Liveness {
        status: HealthStatus::Pass,
        version: shared.settings.version.clone(),
    }))
}

/// Whether an event can be taken durably now.
#[utoipa::path(
    get, path = "/readyz", tag = "probes",
    responses(
        (status = 200, body = Readiness),
        (status = 503, description = "No event can be taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Result<Json<Readiness>, Refusal> {
    match shared.taker() {
        Ok(taken_by) => Ok(Json(Readiness {
            status: HealthStatus::Pass,
            taken_by,
        })),
        Err(why) => Err(Refusal::saying(Slug::NotReady, why)),
    }
}

/// How everything is.
#[utoipa::path(
    get, path = "/health", tag = "probes",
    responses(
        (status = 200, description = "It works", body = Health, content_type = "application/health+json"),
        (status = 503, description = "Something fails", body = Health, content_type = "application/health+json"),
    )
)]
pub(super) async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let health = shared.health();
    let status = match health.status {
        HealthStatus::Pass | HealthStatus::Warn => StatusCode::OK,
        HealthStatus::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, Json(health)).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(HEALTH_MEDIA_TYPE));
    response
}

impl Shared {
    fn stalled(&self) -> Vec<String> {
        self.local_worker
            .as_ref()
            .map(|worker| worker.stalled())
            .unwrap_or_default()
    }

    fn health(&self) -> Health {
        let now = self.clock.now();
        let taker = self.taker();
        let mut checks = BTreeMap::new();
        let (status, output) = match taker {
            // Only half of what is configured takes events.
            Ok(Taker::Ledger) if self.queue.is_some() => (
                HealthStatus::Warn,
                Some("The queue is away: events go straight into the ledger.".to_owned()),
            ),
            Ok(_) => (HealthStatus::Pass, None),
            Err(why) => (HealthStatus::Fail, Some(why.to_owned())),
        };
        let mut worst = status;
        checks.insert("intake:ready".to_owned(), vec![Check::new(status, now, output)]);
        let stalled = self.stalled();
        if self.local_worker.is_some() {
            let status = if stalled.is_empty() {
                HealthStatus::Pass
            } else {
                HealthStatus::Fail
            };
            let output = (!stalled.is_empty()).then(|| stalled_words(&stalled));
            checks.insert("worker:progress".to_owned(), vec![Check::new(status, now, output)]);
            worst = worst.max(status);
        }
        for condition in self.inspector.conditions() {
            let holds = condition.holds(self.settings.durability);
            let view = backend(self, condition, Instant::now());
            let status = condition_status(&view, holds);
            worst = worst.max(status.min(HealthStatus::Warn));
            let round_trip = Check {
                observed_value: view
                    .round_trip_us
                    .and_then(|us| u32::try_from(us).ok())
                    .map(|us| f64::from(us) / 1000.0),
                observed_unit: Some("ms".to_owned()),
                ..Check::new(reachable_status(&view), now, view.error.clone())
            };
            checks.insert(format!("{}:round_trip", view.name), vec![round_trip]);
            let durability = Check {
                level_asked: Some(view.level_asked),
                level_in_force: view.level_in_force,
                assumed: Some(view.assumed),
                findings: view.findings,
                ..Check::new(status, now, view.error)
            };
            checks.insert(format!("{}:durability", view.name), vec![durability]);
        }
        Health {
            status: worst,
            version: self.settings.version.clone(),
            description: describe(worst).to_owned(),
            checks,
        }
    }
}

const fn describe(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Pass => "Everything works.",
        HealthStatus::Warn => "Events are taken, and somebody should look at the checks that warn.",
        HealthStatus::Fail => "Something does not work: see the checks that fail.",
    }
}

fn reachable_status(view: &BackendView) -> HealthStatus {
    match view.reachable {
        Some(true) => HealthStatus::Pass,
        Some(false) => HealthStatus::Fail,
        None => HealthStatus::Warn,
    }
}

fn condition_status(view: &BackendView, holds: bool) -> HealthStatus {
    match reachable_status(view) {
        HealthStatus::Pass if !holds => HealthStatus::Fail,
        HealthStatus::Pass if !view.findings.is_empty() || view.level_in_force < Some(view.level_asked) => {
            HealthStatus::Warn
        }
        status => status,
    }
}
