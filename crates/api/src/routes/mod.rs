//! The routes, and what they have in common.

mod accept;
mod docs;
mod letters;
mod list;
mod lookup;
mod operate;
mod probes;
mod stats;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use eventflow_core::{EventKey, PortError};
use http::Uri;
use serde::de::DeserializeOwned;
use tower_http::catch_panic::CatchPanicLayer;

use crate::edge;
use crate::problem::{Refusal, Slug, unanswered};
use crate::shared::Shared;
use crate::watch::late;

/// Every route, with what happens around each.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/events", post(accept::accept).get(list::events))
        .route("/events/{key}", get(lookup::event))
        .route("/dead-letters", get(list::letters))
        .route("/dead-letters/{key}", get(lookup::letter))
        .route("/dead-letters/requeue", post(letters::requeue))
        .route("/dead-letters/discard", post(letters::discard))
        .route("/dead-letters/restore", post(letters::restore))
        .route("/dead-letters/jobs/{id}", get(letters::job))
        .route("/audit", get(list::audit))
        .route("/stats", get(stats::stats))
        .route("/workers", get(lookup::workers))
        .route("/handlers", get(lookup::handlers))
        .route("/handlers/retire", post(operate::retire))
        .route("/pause", post(operate::pause))
        .route("/resume", post(operate::resume))
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/health", get(probes::health))
        .merge(docs::routes())
        .fallback(|| async { Refusal::from(Slug::NotFound) })
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(from_fn_with_state(Arc::clone(&shared), edge::around))
        .with_state(shared)
}

/// What stands behind the question mark.
fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    // Nothing that is stored holds a NUL, and not every store can be asked for one.
    if uri.query().is_some_and(|query| query.contains("%00")) {
        return Err(Slug::InvalidQuery.into());
    }
    axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(query)| query)
        .map_err(|_| Slug::InvalidQuery.into())
}

fn key(text: &str) -> Result<EventKey, Refusal> {
    text.parse().map_err(|_| Slug::InvalidKey.into())
}

impl Shared {
    /// The answer of a backend, within the time for a question.
    async fn ask<T>(
        &self,
        doing: &'static str,
        question: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, Refusal> {
        self.answer(doing, question).await.map_err(|error| unanswered(&error))
    }

    async fn answer<T>(
        &self,
        doing: &'static str,
        question: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        tokio::time::timeout(self.settings.ask_deadline, question)
            .await
            .unwrap_or_else(|_| Err(late(doing)))
    }
}
