//! The way to Redis: one shared connection for all that does not block, made when it is needed and made anew when it is
//! spoilt. What is appended goes over a connection that was inspected first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::{QueueError, spoils_connection};
use crate::gate::Gate;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take.
pub(crate) const REPLY: Duration = Duration::from_secs(5);

/// The shared connection and what is known of the server behind it.
pub(crate) struct Link {
    client: Client,
    gate: Arc<Gate>,
    state: Mutex<State>,
}

struct State {
    now: Stand,
    /// Counts attempts, so that a late failure does not take down a newer connection.
    generation: u64,
    backoff: Backoff,
    last_error: Option<QueueError>,
}

enum Stand {
    Down,
    Connecting(Attempt),
    Up(Connection),
}

type Attempt = Shared<BoxFuture<'static, Result<Connection, QueueError>>>;

/// A connection that many may use at a time.
#[derive(Clone)]
pub(crate) struct Connection {
    wire: MultiplexedConnection,
    generation: u64,
}

impl Link {
    pub(crate) fn new(client: Client, gate: Arc<Gate>) -> Self {
        Self {
            client,
            gate,
            state: Mutex::new(State {
                now: Stand::Down,
                generation: 0,
                backoff: Backoff::default(),
                last_error: None,
            }),
        }
    }

    /// The database that the URL names.
    pub(crate) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Whether Redis keeps what it acknowledges as well as was asked.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A command over the shared connection.
    pub(crate) async fn send(&self, command: &Cmd) -> Result<Value, QueueError> {
        let connection = self.live().await?;
        self.send_over(connection, command).await
    }

    /// The same for what will be acknowledged: only where Redis keeps it as well as was asked.
    pub(crate) async fn send_to_keep(&self, command: &Cmd) -> Result<Value, QueueError> {
        let connection = self.live().await?;
        self.gate.pass()?;
        self.send_over(connection, command).await
    }

    async fn send_over(&self, mut connection: Connection, command: &Cmd) -> Result<Value, QueueError> {
        let reply = command.query_async(&mut connection.wire).await;
        reply.map_err(|error| self.note(connection.generation, error))
    }

    /// Inspects the server over the shared connection.
    pub(crate) async fn inspect(&self) -> Result<crate::gate::Report, QueueError> {
        let mut connection = self.live().await?;
        let report = self.gate.inspect(&mut connection.wire).await;
        report.map_err(|error| self.note(connection.generation, error))
    }

    /// A connection of its own for a reader. `reply` bounds each answer until it is set otherwise.
    pub(crate) async fn dedicated(&self, reply: Duration) -> Result<MultiplexedConnection, QueueError> {
        Ok(open(&self.client, reply).await?)
    }

    async fn live(&self) -> Result<Connection, QueueError> {
        let (attempt, generation) = {
            let mut state = self.lock();
            match &state.now {
                Stand::Up(connection) => return Ok(connection.clone()),
                Stand::Connecting(attempt) => (attempt.clone(), state.generation),
                Stand::Down => {
                    if let (false, Some(error)) = (state.backoff.left(Instant::now()).is_zero(), &state.last_error) {
                        return Err(QueueError::Away(Arc::new(error.clone())));
                    }
                    self.begin(&mut state)
                }
            }
        };
        let outcome = attempt.await;
        self.finish(generation, &outcome);
        outcome
    }

    fn begin(&self, state: &mut State) -> (Attempt, u64) {
        state.generation += 1;
        let generation = state.generation;
        let (client, gate) = (self.client.clone(), Arc::clone(&self.gate));
        let attempt = async move {
            let mut wire = open(&client, REPLY).await?;
            gate.inspect(&mut wire).await?;
            Ok(Connection { wire, generation })
        }
        .boxed()
        .shared();
        state.now = Stand::Connecting(attempt.clone());
        (attempt, generation)
    }

    fn finish(&self, generation: u64, outcome: &Result<Connection, QueueError>) {
        let mut state = self.lock();
        if state.generation != generation || !matches!(state.now, Stand::Connecting(_)) {
            return;
        }
        match outcome {
            Ok(connection) => {
                state.now = Stand::Up(connection.clone());
                state.backoff.worked();
                state.last_error = None;
            }
            Err(error) => {
                state.now = Stand::Down;
                state.backoff.failed(Instant::now(), fastrand::f64());
                state.last_error = Some(error.clone());
            }
        }
    }

    /// Lets go of a connection that is spoilt, unless a newer one stands already.
    fn note(&self, generation: u64, error: RedisError) -> QueueError {
        if spoils_connection(&error) {
            let mut state = self.lock();
            if state.generation == generation && matches!(state.now, Stand::Up(_)) {
                state.now = Stand::Down;
                tracing::warn!(error = %error, "the connection to Redis is given up");
            }
        }
        QueueError::Redis(error)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(client: &Client, reply: Duration) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(reply));
    client.get_multiplexed_async_connection_with_config(&config).await
}
