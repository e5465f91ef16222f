//! The ledger's handle: what every port of this crate is implemented on.

use std::sync::Arc;
use std::time::Duration;

use crate::floor::Floors;
use crate::gate::Gate;
use crate::notices::Notices;
use crate::options::{ConnectError, PostgresOptions};
use crate::pool::Pool;
use crate::purge::Cursor;

/// A ledger on PostgreSQL. Cheap to clone; what it started ends with the last clone.
#[derive(Clone, Debug)]
pub struct Postgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    gate: Arc<Gate>,
    floors: Floors,
    purge: Cursor,
    notices: Notices,
}

impl Postgres {
    /// A handle. The server may be away: it is reached when it is first needed.
    ///
    /// # Errors
    /// A URL that cannot be read.
    pub fn connect(options: &PostgresOptions) -> Result<Self, ConnectError> {
        let connect = options.parse()?;
        let gate = Arc::new(Gate::new(options.durability, options.assume_durability));
        let pool = Arc::new(Pool::new(
            connect,
            options.session_setup.clone(),
            options.connections,
            Arc::clone(&gate),
        ));
        Ok(Self {
            inner: Arc::new(Inner {
                notices: Notices::new(Arc::clone(&pool)),
                pool,
                gate,
                floors: Floors::default(),
                purge: Cursor::default(),
            }),
        })
    }

    /// Ends what it started and closes its connections, waiting a few seconds for what is in use.
    pub async fn close(&self) {
        self.inner.notices.stop();
        self.inner.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    pub(crate) fn floors(&self) -> &Floors {
        &self.inner.floors
    }

    pub(crate) fn purge_cursor(&self) -> &Cursor {
        &self.inner.purge
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.inner.notices
    }
}

/// Microseconds for an interval of the server, at most a hundred years.
pub(crate) fn micros(duration: Duration) -> i64 {
    const LONGEST: i64 = 100 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(duration.as_micros()).map_or(LONGEST, |us| us.min(LONGEST))
}

/// A count as the server's `integer`.
pub(crate) fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A server's `integer` or `bigint` as a count.
pub(crate) fn count<T>(value: impl TryInto<T>) -> T
where
    T: Default,
{
    value.try_into().unwrap_or_default()
}
