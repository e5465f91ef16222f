//! One turn of housekeeping, once a second by each worker process. Among it: how much stands in the queue, so that a loss
//! can be estimated.

use std::sync::atomic::Ordering::Relaxed;

use eventflow_core::Tended;
use futures_util::future::try_join_all;

use crate::error::{QueueError, is_forbidden};
use crate::info::Info;
use crate::queue::Inner;
use crate::value::text;
use crate::window::Pressure;
use crate::{consumers, depth, ghosts, marks};

/// Tunes the window, takes up ghosts, sweeps marks, and now and then consumers.
pub(crate) async fn tend(queue: &Inner) -> Result<Tended, QueueError> {
    if let Some(entries) = depth::entries(queue).await? {
        queue.last_seen.store(entries, Relaxed);
    }
    let window = queue.window.tune(&pressure(queue).await?);
    let steps = queue.partitions().map(|partition| ghosts::step(queue, partition));
    let ghosts: u64 = try_join_all(steps).await?.into_iter().sum();
    if ghosts > 0 {
        tracing::warn!(
            ghosts,
            "entries that nobody held were taken up again: a consumer was deleted"
        );
    }
    let stale_marks = marks::turn(queue).await?;
    if stale_marks > 0 {
        tracing::warn!(stale_marks, "marks whose entry is gone were removed");
    }
    consumers::turn(queue).await?;
    Ok(Tended {
        window,
        ghosts,
        stale_marks,
    })
}

/// Where INFO is not allowed, nothing is known to press, and the window is as long as was asked.
async fn pressure(queue: &Inner) -> Result<Pressure, QueueError> {
    let mut ask = redis::cmd("INFO");
    ask.arg("memory").arg("keyspace");
    let info = match queue.link.send(&ask).await {
        Ok(answer) => Info(text(answer)?),
        Err(QueueError::Redis(error)) if is_forbidden(&error) => Info::default(),
        Err(error) => return Err(error),
    };
    Ok(Pressure {
        marks: info.expires(queue.link.database()),
        used_memory: info.number("used_memory").unwrap_or(0),
        max_memory: info.number("maxmemory").unwrap_or(0),
    })
}
