//! `/livez` and `/readyz` of a process that is a worker and no API.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use eventflow_wire::{HealthStatus, Liveness};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::problem::{Refusal, Slug, stalled_words};
use crate::serve::{Bounds, serve};
use crate::shared::LocalWorker;

/// Probes need few connections, and have little to say.
const BOUNDS: Bounds = Bounds {
    connections: 64,
    header_timeout: Duration::from_secs(10),
    grace: Duration::from_secs(1),
};

/// Answers probes about a worker until `shutdown`.
pub async fn serve_worker_probes(listener: TcpListener, worker: Arc<dyn LocalWorker>, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .fallback(|| async { Refusal::from(Slug::NotFound) })
        .method_not_allowed_fallback(|| async { Refusal::from(Slug::MethodNotAllowed) })
        .with_state(worker);
    serve(listener, router, &BOUNDS, &shutdown).await;
}

async fn live(State(worker): State<Arc<dyn LocalWorker>>) -> Result<Json<Liveness>, Refusal> {
    let stalled = worker.stalled();
    if stalled.is_empty() {
        return Ok(passes());
    }
    Err(Refusal::saying(Slug::Stalled, stalled_words(&stalled)))
}

async fn ready(State(worker): State<Arc<dyn LocalWorker>>) -> Result<Json<Liveness>, Refusal> {
    if worker.is_ready() {
        return Ok(passes());
    }
    let why = "The worker has not joined the ledger's list yet, or is stopping.";
    Err(Refusal::saying(Slug::NotReady, why))
}

fn passes() -> Json<Liveness> {
    Json(Liveness {
        status: HealthStatus::Pass,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
