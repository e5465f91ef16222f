//! The contract for machines and for people, both served from the binary: nothing is fetched from elsewhere.

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{accept, letters, list, lookup, operate, probes, stats};
use crate::shared::Shared;

/// The document behind `/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "EventFlow",
        description = "Takes events over HTTP, keeps them safe, processes each with a pool of workers and stores the result. Every error is application/problem+json with a stable `type`."
    ),
    paths(
        accept::accept, list::events, lookup::event,
        list::letters, lookup::letter, letters::requeue, letters::discard, letters::restore, letters::job,
        list::audit, stats::stats, lookup::workers, lookup::handlers, operate::retire, operate::pause, operate::resume,
        probes::live, probes::ready, probes::health,
    ),
    components(schemas(eventflow_wire::Problem)),
    modifiers(&Bearer),
    security((), ("token" = [])),
    tags(
        (name = "events", description = "Send events, and see what became of them"),
        (name = "dead letters", description = "What died, and what to do about it"),
        (name = "operation", description = "Numbers, workers, handlers, changes by people"),
        (name = "probes", description = "For whoever watches the service"),
    )
)]
pub(super) struct Contract;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
    }
}

/// `/openapi.json` and `/docs`.
pub(super) fn routes() -> Router<Arc<Shared>> {
    // The viewer would send the contract to a validator on the net otherwise.
    let config = Config::default().validator_url("none");
    SwaggerUi::new("/docs")
        .url("/openapi.json", Contract::openapi())
        .config(config)
        .into()
}
