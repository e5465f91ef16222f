//! The other half of the bare rig: reads from Redis, inserts, acknowledges, again and again.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use eventflow_stack::{Redis, Reply};
use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};
use tokio::time::Instant;
use uuid::Uuid;

use super::insert::{self, Columns};
use super::post::{STREAM, connect};
use crate::text::out;

const GROUP: &str = "rig";
/// Entries of one read.
const COUNT: usize = 500;
/// How long a read waits for the first, in milliseconds.
const BLOCK: usize = 1_000;

/// Makes the stream and its group.
pub(crate) fn make_group(redis: &Redis) -> Result<()> {
    redis.command(&["XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM"])?;
    Ok(())
}

/// Whether everything is read and acknowledged.
pub(crate) fn is_drained(redis: &Redis) -> Result<bool> {
    let Reply::List(groups) = redis.command(&["XINFO", "GROUPS", STREAM])? else {
        bail!("XINFO gave no list");
    };
    let Some(Reply::List(fields)) = groups.first() else {
        bail!("the rig's group is gone");
    };
    let field = |name: &str| {
        let at = fields.iter().position(|field| *field == Reply::Text(name.to_owned()));
        at.and_then(|at| fields.get(at + 1))
    };
    Ok(field("lag") == Some(&Reply::Number(0)) && field("pending") == Some(&Reply::Number(0)))
}

/// Works until the process ends.
pub(super) async fn run(redis: &str, postgres: &str) -> Result<()> {
    let mut queue = connect(redis).await?;
    let mut ledger = insert::connect(postgres).await?;
    out("ready")?;
    loop {
        turn(&mut queue, &mut ledger).await?;
    }
}

/// Takes what stands in the stream, `events` entries, and says how long that took.
pub(crate) async fn drain(redis: &str, postgres: &str, events: usize) -> Result<Duration> {
    let mut queue = connect(redis).await?;
    let mut ledger = insert::connect(postgres).await?;
    let began = Instant::now();
    let mut left = events;
    while left > 0 {
        let taken = turn(&mut queue, &mut ledger).await?;
        if taken == 0 {
            bail!("{left} entries are missing from the stream");
        }
        left = left.saturating_sub(taken);
    }
    Ok(began.elapsed())
}

/// One read, one insert, one acknowledgement. How many entries there were.
async fn turn(queue: &mut MultiplexedConnection, ledger: &mut sqlx::PgConnection) -> Result<usize> {
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg("one");
    read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK);
    read.arg("STREAMS").arg(STREAM).arg(">");
    let reply: Value = read.query_async(queue).await?;
    let entries = entries(reply)?;
    if entries.is_empty() {
        return Ok(0);
    }
    let mut acknowledge = cmd("XACK");
    acknowledge.arg(STREAM).arg(GROUP);
    let mut columns = Columns::default();
    for (id, fields) in &entries {
        acknowledge.arg(id);
        add(fields, &mut columns)?;
    }
    insert::insert(ledger, &columns).await?;
    acknowledge.exec_async(queue).await?;
    Ok(entries.len())
}

/// Ids and fields of a read's answer.
fn entries(reply: Value) -> Result<Vec<(Vec<u8>, Vec<Value>)>> {
    let streams = match reply {
        Value::Nil => return Ok(Vec::new()),
        reply => list(reply)?,
    };
    let stream = streams.into_iter().next().context("a read without its stream")?;
    let entries = list(stream)?.pop().context("a stream without entries")?;
    let parts = list(entries)?.into_iter().map(|entry| {
        let mut parts = list(entry)?.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Value::BulkString(id)), Some(fields)) => Ok((id, list(fields)?)),
            _ => bail!("an entry of another shape"),
        }
    });
    parts.collect()
}

fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        _ => bail!("an answer of another shape"),
    }
}

/// Adds an entry, whose fields stand in the order in which they were appended.
fn add(fields: &[Value], to: &mut Columns) -> Result<()> {
    let text = |field: usize| match fields.get(2 * field + 1) {
        Some(Value::BulkString(bytes)) => Ok(std::str::from_utf8(bytes)?),
        _ => bail!("an entry of another shape"),
    };
    to.keys.push(Uuid::parse_str(text(0)?)?);
    to.sources.push(text(1)?.to_owned());
    to.types.push(text(2)?.to_owned());
    to.times.push(text(3)?.to_owned());
    to.correlations.push(text(4)?.to_owned());
    to.data.push(text(5)?.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn an_entry_is_read_by_the_order_of_its_fields() {
        let id = Uuid::nil().to_string();
        let names = ["id", "source", "type", "time", "correlation", "data"];
        let values = [id.as_str(), "s", "t", "now", "c", "{}"];
        let fields = names
            .iter()
            .zip(values)
            .flat_map(|(name, value)| [text(name), text(value)])
            .collect();
        let entry = Value::Array(vec![text("1-0"), Value::Array(fields)]);
        let reply = Value::Array(vec![Value::Array(vec![text(STREAM), Value::Array(vec![entry])])]);
        let read = entries(reply).expect("entries");
        assert_eq!(read[0].0, b"1-0");
        let mut columns = Columns::default();
        add(&read[0].1, &mut columns).expect("an event");
        assert_eq!((columns.keys[0], columns.data[0].as_str()), (Uuid::nil(), "{}"));
        assert!(entries(Value::Nil).expect("nothing").is_empty());
    }
}
