//! What can be set. Every bound of the API stands here.

use std::time::Duration;

use eventflow_core::Durability;

use crate::auth::Tokens;

/// The API's settings; the defaults are those of the table of settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is shown as the version of the software.
    pub version: String,
    /// Who may call. None: everybody.
    pub tokens: Option<Tokens>,
    /// The level of durability that is asked for.
    pub durability: Durability,
    /// The longest body, in bytes.
    pub max_body: usize,
    /// The longest `data` of one event, in bytes.
    pub max_data: usize,
    /// The most events in one batch.
    pub max_batch: usize,
    /// From so many waiting events on nothing is taken.
    pub backlog_cap: u64,
    /// A worker is living while its last renewal is younger than this.
    pub lease: Duration,
    /// The most connections at once; others wait to be accepted.
    pub max_connections: usize,
    /// The most bytes of bodies at once.
    pub max_bytes_in_flight: usize,
    /// The time for the head of a request, for the first byte, and between two requests of a connection.
    pub header_timeout: Duration,
    /// The time for a body.
    pub body_timeout: Duration,
    /// The time that events wait for their durable reply.
    pub write_deadline: Duration,
    /// The time for one append to the queue. What missed it is admitted into the ledger.
    pub append_deadline: Duration,
    /// The time for one question to queue or ledger.
    pub ask_deadline: Duration,
    /// The most flushes to the queue at once.
    pub queue_flights: usize,
    /// The most admitting statements at once.
    pub ledger_flights: usize,
    /// How often the backlog and the handler list are read.
    pub watch_every: Duration,
    /// How often backends are inspected.
    pub inspect_every: Duration,
    /// The time that open requests have to end once the API stops.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tokens: None,
            durability: Durability::Disk,
            max_body: 1024 * 1024,
            max_data: 256 * 1024,
            max_batch: 1000,
            backlog_cap: 1_000_000,
            lease: Duration::from_secs(15),
            max_connections: 4096,
            max_bytes_in_flight: 64 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_deadline: Duration::from_secs(10),
            append_deadline: Duration::from_secs(2),
            ask_deadline: Duration::from_secs(5),
            queue_flights: 2,
            ledger_flights: 2,
            watch_every: Duration::from_secs(1),
            inspect_every: Duration::from_secs(10),
            grace: Duration::from_secs(20),
        }
    }
}
