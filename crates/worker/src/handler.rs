//! What a user writes: a handler takes an event and returns a meaning.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::Event;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

/// Does the work that an event asks for.
///
/// An event may be handled more than once: after a crash, a time-out or a lost connection. Make the work safe to repeat,
/// for example by using `event.key` as the idempotency key of what it does elsewhere.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one event. Dropped at its time-out. A panic counts as a failed attempt.
    ///
    /// Work that blocks its thread belongs into `tokio::task::spawn_blocking`: no time-out can cut it here, it keeps its slot, and
    /// once all threads are blocked the worker's leases lapse.
    async fn handle(&self, event: &Event, context: &Context) -> Outcome;
}

/// What came of handling an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// It failed and may succeed later. Counts an attempt.
    Retry {
        /// What went wrong.
        error: String,
        /// Not before then; the handler's retry policy where absent.
        after: Option<Duration>,
    },
    /// It can never succeed: a dead letter. Counts an attempt.
    Dead {
        /// What is wrong with it.
        error: String,
    },
    /// What the handler depends on is away. Counts nothing; the handler's breaker opens, and its events wait.
    Unavailable {
        /// What is away.
        error: String,
        /// Not before then; a pause that doubles where absent.
        after: Option<Duration>,
    },
}

impl Outcome {
    /// It failed and may succeed later.
    pub fn retry(error: impl Display) -> Self {
        Self::Retry {
            error: error.to_string(),
            after: None,
        }
    }

    /// It can never succeed.
    pub fn dead(error: impl Display) -> Self {
        Self::Dead {
            error: error.to_string(),
        }
    }

    /// What the handler depends on is away.
    pub fn unavailable(error: impl Display) -> Self {
        Self::Unavailable {
            error: error.to_string(),
            after: None,
        }
    }

    /// The same, not before `wait` has passed. Changes nothing of `Done` and `Dead`.
    #[must_use]
    pub fn not_before(mut self, wait: Duration) -> Self {
        if let Self::Retry { after, .. } | Self::Unavailable { after, .. } = &mut self {
            *after = Some(wait);
        }
        self
    }
}

/// `Ok` is done, an `Err` is the outcome it carries: lets a handler's body use `?`.
impl From<Result<(), Outcome>> for Outcome {
    fn from(result: Result<(), Outcome>) -> Self {
        result.err().unwrap_or(Self::Done)
    }
}

/// What a handler may want to know beside the event.
#[derive(Clone, Debug)]
pub struct Context {
    /// The number of this attempt, from 1. Goes on after a requeue.
    pub attempt: u32,
    /// The last number the budget allows; after a failure there the event is a dead letter.
    pub last_attempt: u32,
    /// Who runs it.
    pub worker: String,
    /// Cancelled when the attempt ends early: its time-out, a lost lease, the end of the grace time.
    pub cancelled: CancellationToken,
}

impl Context {
    /// Whether a failure now makes the event a dead letter.
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.last_attempt
    }

    /// Reads the event's data as JSON. What does not fit can never succeed: the error is [`Outcome::Dead`].
    pub fn data<T: DeserializeOwned>(&self, event: &Event) -> Result<T, Outcome> {
        serde_json::from_slice(event.data.bytes())
            .map_err(|error| Outcome::dead(format_args!("the data does not fit: {error}")))
    }
}

/// A handler made of a function: `handler_fn(|event, context| async move { … })`.
pub fn handler_fn<F, R>(f: F) -> impl Handler
where
    F: Fn(Event, Context) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    FnHandler(f)
}

struct FnHandler<F>(F);

#[async_trait]
impl<F, R> Handler for FnHandler<F>
where
    F: Fn(Event, Context) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    async fn handle(&self, event: &Event, context: &Context) -> Outcome {
        (self.0)(event.clone(), context.clone()).await
    }
}
