//! Redis comes back empty: FLUSHALL. What it destroys is read in the same MULTI, so that it can be told from what is lost.

use std::str::FromStr as _;

use eventflow_core::EventKey;
use eventflow_stack::{Error, Redis, Reply, Result};

use super::{Field, Struck};
use crate::target::blocking;

/// Holds the number of partitions, as crates/redis makes it.
const PARTITIONS: &str = "ef:{events}:partitions";
/// A queue has at most so many.
const MOST_PARTITIONS: u16 = 128;

/// KEYS: streams. The field `key` of every entry; then all is deleted. In one script, so that nothing is deleted whose keys
/// could not be read.
const READ_AND_DELETE: &str = "\
local found = {}
for _, stream in ipairs(KEYS) do
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do
    local fields = entry[2]
    for i = 1, #fields, 2 do
      if fields[i] == 'key' then found[#found + 1] = fields[i + 1] end
    end
  end
end
redis.call('FLUSHALL')
return found";

/// Deletes all. Touched: keys of Redis that there were.
pub(super) async fn redis(field: &Field) -> std::result::Result<Struck, String> {
    let redis = field.redis()?;
    let (touched, destroyed) = blocking(move || flush(&redis)).await?;
    let note = format!(
        "{touched} keys of Redis are gone, among them {} entries of the queue",
        destroyed.len()
    );
    let struck = Struck {
        destroyed,
        ..Struck::over(touched)
    };
    Ok(struck.saying(note))
}

fn flush(redis: &Redis) -> Result<(u64, Vec<EventKey>)> {
    let partitions = match redis.command(&["GET", PARTITIONS])? {
        Reply::Text(text) => text.parse().unwrap_or(1).min(MOST_PARTITIONS),
        _ => 1,
    };
    let streams: Vec<String> = (0..partitions)
        .map(|partition| format!("ef:{{events:{partition}}}:stream"))
        .collect();
    let count = streams.len().to_string();
    let mut read = vec!["EVAL", READ_AND_DELETE, &count];
    read.extend(streams.iter().map(String::as_str));
    let replies = redis.session()?.transaction(&[&["DBSIZE"], &read])?;
    let mut replies = replies.into_iter();
    let size = match replies.next() {
        Some(Reply::Number(size)) => u64::try_from(size).unwrap_or(0),
        _ => 0,
    };
    let keys = match replies.next() {
        Some(Reply::List(keys)) => keys.into_iter().filter_map(key).collect(),
        other => {
            return Err(Error::Refused {
                server: "Redis",
                request: "FLUSHALL, in a script".to_owned(),
                message: format!("{other:?}"),
            });
        }
    };
    Ok((size, keys))
}

fn key(reply: Reply) -> Option<EventKey> {
    match reply {
        Reply::Text(text) => EventKey::from_str(&text).ok(),
        _ => None,
    }
}
