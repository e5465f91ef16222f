//! Why a call to the API brought no answer.

use crate::problem::Problem;

/// What stood between the caller and its answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What was given as the API's address is none.
    #[error("`{0}` is not the address of an API: write one like http://127.0.0.1:8000")]
    Address(String),
    /// No client could be made.
    #[error("cannot set up a client: {0}")]
    Setup(#[source] reqwest::Error),
    /// Nobody answered, or the connection broke before the answer was whole. Whether the API has carried out the request
    /// is unknown.
    #[error("cannot reach {address}: {why}")]
    Unreachable {
        /// The API's address.
        address: String,
        /// What happened, down to the innermost cause.
        why: String,
        /// Whether the request surely never left.
        before_sending: bool,
    },
    /// No token, a token that is not known, or one that may not do this.
    #[error("not allowed: {}", .0.detail)]
    NotAllowed(Box<Problem>),
    /// The API answers that it cannot or will not.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something answered that is not this API, or one of another version.
    #[error("{address} answered {status} with something that is not EventFlow's: {why}")]
    Unexpected {
        /// The API's address.
        address: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// What was to be sent cannot be written as JSON.
    #[error("cannot write the request: {0}")]
    Request(#[source] serde_json::Error),
}

impl ClientError {
    /// Whether the same request may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Unexpected { status, .. } => matches!(status, 502..=504),
            Self::Address(_) | Self::Setup(_) | Self::NotAllowed(_) | Self::Request(_) => false,
        }
    }

    /// The problem, where the API named one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::NotAllowed(problem) | Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
