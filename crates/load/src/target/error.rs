//! Why there is no target, said so that a person can act on it.

use std::error::Error;

use eventflow_stack as stack;
use eventflow_wire::ClientError;

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A program is not installed that the scenario cannot do without; with what to type.
    #[error("{0}")]
    Missing(String),
    /// What is asked for cannot be: a setting that the server refuses, an address that is none.
    #[error("{0}")]
    Refused(String),
    /// It was started, or found, and does not become ready.
    #[error("{0}")]
    NotReady(String),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// No token, or one that may not do this.
    #[error("{0}")]
    NotAllowed(String),
    /// A person has ended it.
    #[error("interrupted while the target was started")]
    Interrupted,
}

/// The exit code of a server whose configuration is wrong: `EX_CONFIG` of sysexits.h.
const CONFIG: i32 = 78;

impl TargetError {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Missing(_) | Self::Refused(_) => 2,
            Self::NotReady(_) | Self::Unreachable(_) => 69,
            Self::NotAllowed(_) => 77,
            Self::Interrupted => 130,
        }
    }
}

impl From<stack::Missing> for TargetError {
    fn from(missing: stack::Missing) -> Self {
        Self::Missing(missing.to_string())
    }
}

impl From<stack::Error> for TargetError {
    fn from(error: stack::Error) -> Self {
        match &error {
            stack::Error::Missing(missing) => Self::Missing(missing.to_string()),
            stack::Error::Ended { status, .. } | stack::Error::Failed { status, .. }
                if status.code() == Some(CONFIG) =>
            {
                Self::Refused(said(&error))
            }
            stack::Error::OnlyRoot => Self::Refused(said(&error)),
            _ => Self::NotReady(said(&error)),
        }
    }
}

impl From<ClientError> for TargetError {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Address(_) => Self::Refused(error.to_string()),
            ClientError::Unreachable { .. } => Self::Unreachable(format!(
                "{error}\nIs it running? `eventflow dev` starts one; --api or EVENTFLOW_API names another"
            )),
            ClientError::NotAllowed(_) => Self::NotAllowed(format!(
                "{error}\nPresent a token that may do this: --token or EVENTFLOW_TOKEN"
            )),
            _ => Self::NotReady(error.to_string()),
        }
    }
}

/// An error with its causes, in one text.
pub(crate) fn said(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said() {
        let source = std::io::Error::other("the disk is full");
        let error = stack::Error::Os {
            doing: "write a file".into(),
            source,
        };
        assert_eq!(said(&error), "could not write a file: the disk is full");
    }

    #[test]
    fn each_has_its_exit_code() {
        let missing = stack::Missing {
            what: "redis-server".into(),
            todo: "type apt-get install redis-tools".into(),
        };
        assert_eq!(TargetError::from(missing).code(), 2);
        let away = ClientError::Unreachable {
            address: "http://127.0.0.1:1/".into(),
            why: "refused".into(),
            before_sending: true,
        };
        assert_eq!(TargetError::from(away).code(), 69);
        assert_eq!(TargetError::Interrupted.code(), 130);
    }
}
