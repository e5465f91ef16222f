//! The limit of appending: XADD in pipelines over one connection.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use uuid::Uuid;

use super::post::{Incoming, connect, xadd};
use crate::event::{Kind, Request};

/// Entries of one pipeline.
const PIPELINE: usize = 64;

/// Appends so many orders, and says how long that took.
pub(crate) async fn append(redis: &str, events: usize) -> Result<Duration> {
    let mut queue = connect(redis).await?;
    let request = Request::single(Kind::Stored, ([127, 0, 0, 1], 80).into());
    let event: Incoming<'_> = serde_json::from_slice(request.body())?;
    let began = Instant::now();
    let mut left = events;
    while left > 0 {
        let count = left.min(PIPELINE);
        let mut pipeline = redis::pipe();
        for _ in 0..count {
            pipeline.add_command(xadd(&event, Uuid::now_v7())).ignore();
        }
        pipeline.exec_async(&mut queue).await?;
        left -= count;
    }
    Ok(began.elapsed())
}
