//! What operators change.

use eventflow_core::{EventKey, LetterAction, Pattern};
use uuid::Uuid;

use super::{Call, Client, ClientError, write};
use crate::letters::{JobView, LetterKeys};
use crate::registry::{PauseRequest, PauseResult, RetireRequest, RetireResult};

impl Client {
    /// Requeues, discards or restores up to 1,000 dead letters. `job` names the order: the same name again changes
    /// nothing and returns the job as it was done. A name is made where none is given, so that repeats are safe.
    pub async fn change_letters(
        &self,
        action: LetterAction,
        keys: Vec<EventKey>,
        job: Option<Uuid>,
    ) -> Result<JobView, ClientError> {
        let job = job.unwrap_or_else(Uuid::now_v7);
        self.json(Call {
            idempotency_key: Some(job.to_string()),
            repeat: true,
            ..Call::post(&["dead-letters", action.as_str()], write(&LetterKeys { keys })?)
        })
        .await
    }

    /// Pauses one handler, or all running.
    pub async fn pause(&self, handler: Option<Pattern>) -> Result<PauseResult, ClientError> {
        self.json(Call {
            repeat: true,
            ..Call::post(&["pause"], write(&PauseRequest { handler })?)
        })
        .await
    }

    /// Ends the pause of one handler, or that of all running; single pauses stay.
    pub async fn resume(&self, handler: Option<Pattern>) -> Result<PauseResult, ClientError> {
        self.json(Call {
            repeat: true,
            ..Call::post(&["resume"], write(&PauseRequest { handler })?)
        })
        .await
    }

    /// Takes a handler that nobody carries off the list. [`ClientError::Problem`] with status 409 while a living worker
    /// carries it, 404 where there is none. Not repeated by itself: the second time there is none.
    pub async fn retire(&self, handler: Pattern) -> Result<RetireResult, ClientError> {
        self.json(Call::post(&["handlers", "retire"], write(&RetireRequest { handler })?))
            .await
    }
}
