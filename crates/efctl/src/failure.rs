//! Why a command did not end well, and the exit code that says so.

use std::io;

use eventflow_core::sanitize;
use eventflow_wire::{ClientError, Problem};

/// The end of a command that is not fine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The answer is no.
    #[error("{0}")]
    No(String),
    /// The answer is no, and everything about it has been said.
    #[error("")]
    Told,
    /// What was typed cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// The API cannot be reached, or says that it cannot serve now.
    #[error("{0}")]
    Unreachable(String),
    /// No token, or one that may not do this.
    #[error("{0}")]
    NotAllowed(String),
    /// The verdict on a load that did not pass, and everything about it has been said.
    #[error("")]
    Judged(u8),
    /// Nobody can say how a load ended.
    #[error("{0}")]
    Inconclusive(String),
    /// By ^C.
    #[error("interrupted")]
    Interrupted,
    /// Whoever read stdout has had enough, as `head` has. Nothing is wrong.
    #[error("")]
    Closed,
}

impl Failure {
    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::No(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            Self::Judged(code) => *code,
            Self::Inconclusive(_) => 4,
            Self::Unreachable(_) => 69,
            Self::NotAllowed(_) => 77,
            Self::Interrupted => 130,
        }
    }

    /// What is left to say.
    pub(crate) fn words(&self) -> Option<String> {
        let words = self.to_string();
        (!words.is_empty()).then_some(words)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

impl From<&ClientError> for Failure {
    fn from(error: &ClientError) -> Self {
        let said = match error.problem() {
            Some(problem) => explain(problem),
            None => sanitize(&error.to_string()).into_owned(),
        };
        match error {
            ClientError::Unreachable { .. } => Self::Unreachable(format!(
                "{said}\nIs it running? `eventflow dev` starts one; --api or EVENTFLOW_API names another"
            )),
            ClientError::NotAllowed(_) => Self::NotAllowed(format!(
                "not allowed: {said}\nPresent a token that may do this: --token or EVENTFLOW_TOKEN"
            )),
            ClientError::Problem(problem) if matches!(problem.status, 429 | 503) => Self::Unreachable(said),
            ClientError::Address(_) => Self::Usage(said),
            _ => Self::No(said),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::No(format!("cannot write the output: {error}")),
        }
    }
}

/// A problem in one sentence: what to do, its stable name, and how to find it in the logs where it is not the caller's.
pub(crate) fn explain(problem: &Problem) -> String {
    let slug = sanitize(problem.slug());
    let detail = sanitize(&problem.detail);
    match &problem.correlation_id {
        Some(id) if problem.status >= 500 => {
            format!("{detail} ({slug}; in the logs as {})", sanitize(id))
        }
        _ => format!("{detail} ({slug})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16) -> Box<Problem> {
        Box::new(Problem {
            kind: "/problems/too\u{1b}-deep".into(),
            title: "t".into(),
            status,
            detail: "Nest\u{9b}less.".into(),
            errors: Vec::new(),
            correlation_id: Some("abc".into()),
            retry_after: None,
        })
    }

    #[test]
    fn each_failure_of_the_client_has_its_code() {
        let unreachable = ClientError::Unreachable {
            address: "http://127.0.0.1:1/".into(),
            why: "refused".into(),
            before_sending: true,
        };
        assert_eq!(Failure::from(unreachable).code(), 69);
        assert_eq!(Failure::from(ClientError::NotAllowed(problem(401))).code(), 77);
        assert_eq!(Failure::from(ClientError::Problem(problem(503))).code(), 69);
        assert_eq!(Failure::from(ClientError::Problem(problem(422))).code(), 1);
        assert_eq!(Failure::from(ClientError::Address("x".into())).code(), 2);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).code(), 0);
    }

    #[test]
    fn what_the_api_says_cannot_steer_the_terminal() {
        let said = explain(&problem(500));
        assert_eq!(said, "Nest\\u{9b}less. (too\\u{1b}-deep; in the logs as abc)");
    }
}
