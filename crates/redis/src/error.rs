//! What can go wrong with Redis. None of it is an event's fault: everything pauses, is probed, and costs no attempt.

use std::sync::Arc;

use eventflow_core::PortError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// An error of this crate. Cheap to clone, since one failed call answers for many events.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// Redis could not be reached, did not answer in time, or refused a command.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Redis cannot be reached, and the next attempt is not due yet.
    #[error("Redis is away, trying again shortly: {0}")]
    Away(Arc<QueueError>),
    /// Redis does not keep what it acknowledges as well as was asked.
    #[error("{0}")]
    Refused(Arc<str>),
    /// The queue was made with another number of partitions.
    #[error(
        "this queue was made with {found} partitions and is asked for {wanted}: set partitions to {found}, or empty the queue and delete the key {}",
        crate::keys::PARTITIONS
    )]
    Partitions {
        /// As it stands in Redis.
        found: String,
        /// As configured.
        wanted: u16,
    },
    /// An entry that is not this queue's.
    #[error("partition {0} is not one of this queue's")]
    NoSuchPartition(u16),
    /// An event that is queued, but that this version cannot read.
    #[error("the event is queued, but cannot be read: {0}")]
    Unreadable(String),
    /// Redis said something that no version is known to say.
    #[error("an answer of Redis does not look as expected: {0}")]
    Reply(&'static str),
    /// The deadline of the whole question passed.
    #[error("no answer within {0:?}")]
    Late(std::time::Duration),
}

impl QueueError {
    /// As the port says it, met while `doing` something.
    pub(crate) fn port(self, doing: &'static str) -> PortError {
        PortError::infrastructure(doing, self)
    }

    /// Whether the stream or its group is gone.
    pub(crate) fn is_no_group(&self) -> bool {
        self.has_code("NOGROUP") || self.has_code("UNBLOCKED")
    }

    /// Whether the group is there already.
    pub(crate) fn is_busy_group(&self) -> bool {
        self.has_code("BUSYGROUP")
    }

    fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some(code))
    }
}

/// Whether a connection that said this is better replaced: it is broken, silent, or leads to a server that does not take
/// writes any more.
pub(crate) fn spoils_connection(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::AuthenticationFailed
        | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        _ => matches!(error.code(), Some("NOAUTH" | "WRONGPASS")),
    }
}

/// Whether this user is not allowed the command, or the server does not know it: asking again is of no use.
pub(crate) fn is_forbidden(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::NoPerm) => true,
        ErrorKind::Server(ServerErrorKind::ResponseError) => error.detail().is_some_and(|detail| {
            let detail = detail.to_ascii_lowercase();
            detail.starts_with("unknown command") || detail.starts_with("unknown subcommand")
        }),
        _ => false,
    }
}
