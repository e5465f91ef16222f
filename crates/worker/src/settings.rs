//! What a worker is told.

use std::time::Duration;

use eventflow_core::RetryPolicy;

/// The settings of one worker process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a person calls it: host and process.
    pub name: String,
    /// Events run at once, all handlers together.
    pub concurrency: u32,
    /// How long a lease lasts without a renewal.
    pub lease: Duration,
    /// After how long an entry given to another worker is taken over.
    pub claim_idle: Duration,
    /// How long running handlers may go on once a drain has begun.
    pub grace: Duration,
    /// How long done and discarded events are kept.
    pub retention: Duration,
    /// The time-out of handlers that bring none.
    pub handler_timeout: Duration,
    /// The retry policy of handlers that bring none.
    pub retry: RetryPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "worker".into(),
            concurrency: 64,
            lease: Duration::from_secs(15),
            claim_idle: Duration::from_secs(15),
            grace: Duration::from_secs(20),
            retention: Duration::from_hours(24 * 30),
            handler_timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
        }
    }
}

/// Entries that one read asks for at most.
pub(crate) const READ_MAX: usize = 128;
/// Events in hand at most, beside one read.
pub(crate) const HAND_EVENTS: usize = 1_000;
/// Bytes in hand at most, beside one read.
pub(crate) const HAND_BYTES: usize = 8 * 1024 * 1024;
/// Events of one admission from the queue, at most: half a hand, so that the other half is read meanwhile.
pub(crate) const ADMIT_EVENTS: usize = 4 * READ_MAX;
/// Outcomes of one record, at most.
pub(crate) const BATCH_EVENTS: usize = 1_000;
/// Bytes of one admission, and of the rows of one lease, at most.
pub(crate) const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// An entry delivered more often than this is admitted alone.
pub(crate) const ALONE_AFTER: u32 = 5;
/// An entry delivered more often than this is a dead letter, unparsed.
pub(crate) const UNREADABLE_AFTER: u32 = 10;
/// The longest error text that is kept, in bytes.
pub(crate) const ERROR_BYTES: usize = 2 * 1024;
/// How long a call of a port may take. Adapters have shorter deadlines of their own; this is the net below them.
pub(crate) const CALL_TIME: Duration = Duration::from_mins(1);
/// A loop that has made no progress for so long is stalled.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(30);
