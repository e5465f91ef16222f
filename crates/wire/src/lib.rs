//! The HTTP contract as types, and a typed client for it. What others see as JSON is here, once.
//!
//! | route | answer |
//! |---|---|
//! | `POST /events` with one event | 202 [`Accepted`] |
//! | `POST /events` with a JSON array; `?atomic=true` | 200 [`BatchResult`], aligned by index |
//! | `GET /events` with [`EventQuery`] | 200 [`EventPage`]; `Accept: application/x-ndjson`: every match, an [`EventLine`] a line |
//! | `GET /events/{key}` | 200 [`EventView`] |
//! | `GET /dead-letters` with [`LetterQuery`] | 200 [`LetterPage`]; `Accept: application/x-ndjson`: every match, a [`LetterView`] a line |
//! | `GET /dead-letters/{key}` | 200 [`EventView`], its `death` among it |
//! | `POST /dead-letters/requeue`, `/discard`, `/restore` with [`LetterKeys`] | 202 [`JobView`]; `Idempotency-Key` names the job |
//! | `GET /dead-letters/jobs/{id}` | 200 [`JobView`] |
//! | `GET /audit` with [`AuditQuery`] | 200 [`AuditPage`] |
//! | `GET /stats` | 200 [`Stats`] |
//! | `GET /workers` | 200 [`Workers`] |
//! | `GET /handlers` | 200 [`Handlers`] |
//! | `POST /handlers/retire` with [`RetireRequest`] | 200 [`RetireResult`]; 409 while a living worker carries it |
//! | `POST /pause`, `/resume` with [`PauseRequest`] | 200 [`PauseResult`] |
//! | `GET /livez` | 200 [`Liveness`]; 503 while a loop is stalled |
//! | `GET /readyz` | 200 [`Readiness`]; 503 while no event can be taken durably |
//! | `GET /health` | 200, or 503 where something fails: [`Health`] as `application/health+json` |
//! | `GET /openapi.json`, `/docs` | the contract for machines and for people |
//!
//! Every error is a [`Problem`] (RFC 9457) with a stable `type`. [`Client`] has a method for each route.

mod audit;
mod client;
mod events;
mod health;
mod letters;
mod line;
mod problem;
mod query;
mod registry;
pub mod schema;
mod stats;
mod view;

pub use audit::{AuditPage, AuditView};
pub use client::{Client, ClientError};
pub use events::{
    Acceptance, Accepted, BatchResult, CloudEvent, ItemError, ItemResult, ItemStatus, NewEvent, NewEvents,
};
pub use health::{Check, Health, HealthStatus, Liveness, Readiness, Taker};
pub use letters::{JobView, LetterKeys, LetterPage, LetterView, RefusedLetter};
pub use line::{EventLine, EventPage};
pub use problem::{MEDIA_TYPE as PROBLEM_MEDIA_TYPE, Problem, ProblemItem};
pub use query::{AuditQuery, EventFields, EventQuery, LetterQuery};
pub use registry::{
    HandlerView, Handlers, PauseRequest, PauseResult, RetireRequest, RetireResult, WorkerView, Workers,
};
pub use stats::{
    BackendView, BacklogStats, FindingView, IntakeStats, LedgerStats, LetterStats, PartitionView, QueueStats, Stats,
    WorkerStats,
};
pub use view::{AttemptView, DeathView, EventView, QueuePlace, WorkView};

/// The media type of a list that is streamed line by line.
pub const NDJSON: &str = "application/x-ndjson";
/// The media type of `/health`.
pub const HEALTH_MEDIA_TYPE: &str = "application/health+json";
/// Names a single event, or a job over dead letters.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Follows an event through logs, handlers and store.
pub const CORRELATION_ID: &str = "x-correlation-id";
