//! Looking things up.

use eventflow_core::EventKey;
use futures_util::Stream;
use serde_json::Value;
use uuid::Uuid;

use super::{Call, Client, ClientError, found, lines};
use crate::audit::AuditPage;
use crate::health::{Health, Liveness, Readiness};
use crate::letters::{JobView, LetterPage, LetterView};
use crate::line::{EventLine, EventPage};
use crate::query::{AuditQuery, EventQuery, LetterQuery};
use crate::registry::{Handlers, Workers};
use crate::stats::Stats;
use crate::view::EventView;
use crate::{HEALTH_MEDIA_TYPE, NDJSON};

impl Client {
    /// All about one event; none where nobody knows it.
    pub async fn event(&self, key: EventKey) -> Result<Option<EventView>, ClientError> {
        found(self.json(Call::get(&["events", &key.to_string()])).await)
    }

    /// A page of events.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage, ClientError> {
        self.json(Call::get(&["events"]).with_query(query)?).await
    }

    /// Every event that matches, as it comes. Ends with an error where the stream breaks off; what came before it is true.
    pub fn stream_events(
        &self,
        query: &EventQuery,
    ) -> impl Stream<Item = Result<EventLine, ClientError>> + Send + use<> {
        let call = Call::get(&["events"])
            .with_query(query)
            .map(|call| Call { accept: NDJSON, ..call });
        lines::stream(self.clone(), call)
    }

    /// A page of dead letters.
    pub async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, ClientError> {
        self.json(Call::get(&["dead-letters"]).with_query(query)?).await
    }

    /// Every dead letter that matches, as it comes. Ends with an error where the stream breaks off.
    pub fn stream_letters(
        &self,
        query: &LetterQuery,
    ) -> impl Stream<Item = Result<LetterView, ClientError>> + Send + use<> {
        let call = Call::get(&["dead-letters"])
            .with_query(query)
            .map(|call| Call { accept: NDJSON, ..call });
        lines::stream(self.clone(), call)
    }

    /// All about one dead letter; none where the event is unknown, or neither dead nor discarded.
    pub async fn letter(&self, key: EventKey) -> Result<Option<EventView>, ClientError> {
        found(self.json(Call::get(&["dead-letters", &key.to_string()])).await)
    }

    /// A job over dead letters; none where there is none of that name.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobView>, ClientError> {
        found(self.json(Call::get(&["dead-letters", "jobs", &id.to_string()])).await)
    }

    /// A page of changes by people.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, ClientError> {
        self.json(Call::get(&["audit"]).with_query(query)?).await
    }

    /// What the API process knows now.
    pub async fn stats(&self) -> Result<Stats, ClientError> {
        self.json(Call::get(&["stats"])).await
    }

    /// The workers on the list.
    pub async fn workers(&self) -> Result<Workers, ClientError> {
        self.json(Call::get(&["workers"])).await
    }

    /// The handler list.
    pub async fn handlers(&self) -> Result<Handlers, ClientError> {
        self.json(Call::get(&["handlers"])).await
    }

    /// Whether the process works: [`ClientError::Problem`] with status 503 where a loop is stalled.
    pub async fn live(&self) -> Result<Liveness, ClientError> {
        self.json(Call::get(&["livez"])).await
    }

    /// Whether an event can be taken durably now: [`ClientError::Problem`] with status 503 where not.
    pub async fn ready(&self) -> Result<Readiness, ClientError> {
        self.json(Call::get(&["readyz"])).await
    }

    /// How everything is, also where something fails.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let call = Call {
            accept: HEALTH_MEDIA_TYPE,
            ..Call::get(&["health"])
        };
        let response = self
            .request(&call, Some(self.deadline))
            .send()
            .await
            .map_err(|e| self.unreachable(&e))?;
        let speaks_health = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .is_some_and(|v| v.as_bytes().starts_with(HEALTH_MEDIA_TYPE.as_bytes()));
        if !speaks_health && !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let (status, body) = self.collect(response).await?;
        serde_json::from_slice(&body).map_err(|e| self.unexpected(status, &e))
    }

    /// The contract as `OpenAPI` 3.1.
    pub async fn openapi(&self) -> Result<Value, ClientError> {
        self.json(Call::get(&["openapi.json"])).await
    }
}
