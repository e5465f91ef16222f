//! The handlers that a worker carries, each under its pattern with its limits.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{InvalidPattern, Pattern, RetryPolicy, first_tie};

use crate::handler::Handler;

/// The limits of one handler in one worker process. What is not set is the worker's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HandlerOptions {
    /// Events at once.
    pub concurrency: Option<u32>,
    /// Events a second.
    pub rate: Option<f64>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// When a failed attempt is made again.
    pub retry: Option<RetryPolicy>,
}

/// Why handlers cannot be registered so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// Not a pattern.
    #[error("`{0}` is no pattern for a handler: {1}")]
    Pattern(String, InvalidPattern),
    /// The same one twice.
    #[error("two handlers are registered under `{0}`: an event has one handler")]
    Twice(Pattern),
    /// Nothing decides between two.
    #[error("`{0}` and `{1}` are equally specific and some type matches both: make one of them more specific")]
    Tie(Pattern, Pattern),
    /// A limit that lets nothing through.
    #[error("the {1} of handler `{0}` must be greater than 0")]
    Limit(Pattern, &'static str),
}

/// One registered handler.
pub(crate) struct Registered {
    pub(crate) pattern: Pattern,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) options: HandlerOptions,
}

/// What a worker carries.
#[derive(Default)]
pub struct Handlers {
    entries: Vec<Registered>,
}

impl Handlers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a handler under a pattern as `order.*`.
    pub fn add(&mut self, pattern: &str, handler: impl Handler, options: HandlerOptions) -> Result<(), HandlerError> {
        let parsed: Pattern = pattern
            .parse()
            .map_err(|error| HandlerError::Pattern(pattern.to_owned(), error))?;
        if options.concurrency == Some(0) {
            return Err(HandlerError::Limit(parsed, "concurrency"));
        }
        if options.rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return Err(HandlerError::Limit(parsed, "rate"));
        }
        if options.timeout == Some(Duration::ZERO) {
            return Err(HandlerError::Limit(parsed, "time-out"));
        }
        if self.entries.iter().any(|entry| entry.pattern == parsed) {
            return Err(HandlerError::Twice(parsed));
        }
        self.entries.push(Registered {
            pattern: parsed,
            handler: Arc::new(handler),
            options,
        });
        let patterns: Vec<_> = self.entries.iter().map(|entry| &entry.pattern).collect();
        match first_tie(&patterns) {
            Some((a, b)) => Err(HandlerError::Tie(a.clone(), b.clone())),
            None => Ok(()),
        }
    }

    /// Under which patterns.
    pub fn patterns(&self) -> Vec<Pattern> {
        self.entries.iter().map(|entry| entry.pattern.clone()).collect()
    }

    pub(crate) fn into_entries(self) -> Vec<Registered> {
        self.entries
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|entry| &entry.pattern))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{Outcome, handler_fn};

    fn add(handlers: &mut Handlers, pattern: &str, options: HandlerOptions) -> Result<(), HandlerError> {
        handlers.add(pattern, handler_fn(|_, _| async { Outcome::Done }), options)
    }

    #[test]
    fn what_cannot_work_is_refused_at_once() {
        let mut handlers = Handlers::new();
        let plain = HandlerOptions::default();
        add(&mut handlers, "a.*", plain).expect("the first");
        assert!(matches!(add(&mut handlers, "a.*", plain), Err(HandlerError::Twice(_))));
        assert!(matches!(
            add(&mut handlers, "a*", plain),
            Err(HandlerError::Pattern(..))
        ));
        for options in [
            HandlerOptions {
                concurrency: Some(0),
                ..plain
            },
            HandlerOptions {
                rate: Some(0.0),
                ..plain
            },
            HandlerOptions {
                rate: Some(f64::NAN),
                ..plain
            },
            HandlerOptions {
                timeout: Some(Duration::ZERO),
                ..plain
            },
        ] {
            assert!(matches!(add(&mut handlers, "b", options), Err(HandlerError::Limit(..))));
        }
        assert!(matches!(add(&mut handlers, "*.a", plain), Err(HandlerError::Tie(..))));
    }
}
