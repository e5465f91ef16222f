//! Redis is full: its limit lies below what it needs for itself, so that it stays full however much is taken out.

use std::sync::Arc;

use eventflow_stack::{Redis, Result};

use super::refusals::{by_redis, info, number_after, setting};
use super::{Field, Struck, Undo, Undone};
use crate::target::blocking;

/// What Redis answers then.
const REFUSAL: &str = "OOM";

/// Sets the limit. Touched: commands that were refused for it.
pub(super) async fn redis(field: &Field) -> std::result::Result<Struck, String> {
    let redis = field.redis()?;
    let full = Arc::clone(&redis);
    let (before, refused) = blocking(move || fill(&full)).await?;
    let undo = async move {
        let touched = blocking(move || {
            redis.command(&["CONFIG", "SET", "maxmemory", &before])?;
            Ok(by_redis(&redis, REFUSAL)?.saturating_sub(refused))
        });
        Ok(Undone::touching(touched.await?))
    };
    Ok(Struck::until(0, Undo::new(undo)))
}

/// The former limit, and how many commands had been refused by then.
fn fill(redis: &Redis) -> Result<(String, u64)> {
    let before = setting(redis, "maxmemory")?.unwrap_or_else(|| "0".to_owned());
    let refused = by_redis(redis, REFUSAL)?;
    // What it took as it started is less than it takes with a single client.
    let startup = number_after(&info(redis, "memory")?, "used_memory_startup:").max(1);
    redis.command(&["CONFIG", "SET", "maxmemory", &startup.to_string()])?;
    Ok((before, refused))
}
