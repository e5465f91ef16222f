//! Appends: one script call for each partition and each 256 events or 4 MiB.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventflow_core::{Appended, Bug, Event, PortError, planted};
use futures_util::future::join_all;
use redis::{Cmd, Value};

use crate::error::QueueError;
use crate::queue::Inner;
use crate::script::APPEND;
use crate::value::array;
use crate::{encode, keys};

/// Events of one call, at most. Redis does nothing else while a script runs: with a thousand in each, a saturated API starves
/// the workers beside it, and from end to end a seventh less is stored.
const MOST_EVENTS: usize = 256;
/// Bytes of one call, roughly at most; one event is always taken.
const MOST_BYTES: usize = 4 << 20;

const DOING: &str = "appending to Redis";

/// Appends events, each aligned with its answer.
pub(crate) async fn append(queue: &Inner, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>> {
    let mut by_partition: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        by_partition.entry(queue.partition_of(event.key)).or_default().push(i);
    }
    let calls = by_partition
        .iter()
        .map(|(partition, places)| append_to(queue, *partition, places, events));
    let mut answers: Vec<Option<Result<Appended, PortError>>> = events.iter().map(|_| None).collect();
    for (places, outcomes) in by_partition.values().zip(join_all(calls).await) {
        for (place, outcome) in places.iter().zip(outcomes) {
            answers[*place] = Some(outcome.map_err(|error| error.port(DOING)));
        }
    }
    let unanswered = || Err(QueueError::Reply("an event has no answer").port(DOING));
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(unanswered))
        .collect()
}

/// One partition's events in their order. After a failure the rest is not tried: it would fail alike, or out of order.
async fn append_to(
    queue: &Inner,
    partition: u16,
    places: &[usize],
    events: &[Arc<Event>],
) -> Vec<Result<Appended, QueueError>> {
    let mut outcomes = Vec::with_capacity(places.len());
    while outcomes.len() < places.len() {
        let batch = next_batch(&places[outcomes.len()..], events);
        match append_batch(queue, partition, batch, events).await {
            Ok(appended) => outcomes.extend(appended.into_iter().map(Ok)),
            Err(error) => outcomes.resize_with(places.len(), || Err(error.clone())),
        }
    }
    outcomes
}

fn next_batch<'a>(places: &'a [usize], events: &[Arc<Event>]) -> &'a [usize] {
    let mut size = 0;
    let fits = |place: &&usize| {
        size += encode::size(&events[**place]);
        size <= MOST_BYTES
    };
    let n = places.iter().take(MOST_EVENTS).take_while(fits).count();
    &places[..n.max(1)]
}

async fn append_batch(
    queue: &Inner,
    partition: u16,
    batch: &[usize],
    events: &[Arc<Event>],
) -> Result<Vec<Appended>, QueueError> {
    let call = call(partition, batch, events);
    let answers = array(APPEND.run_to_keep(&queue.link, &call).await?)?;
    if planted(Bug::TrimByLength) {
        trim(queue, partition).await?;
    }
    if answers.len() != batch.len() {
        return Err(QueueError::Reply("not every event has an answer"));
    }
    answers.iter().map(appended).collect()
}

/// A planted bug: what is beyond a length goes, read or unread.
async fn trim(queue: &Inner, partition: u16) -> Result<(), QueueError> {
    let mut trim = redis::cmd("XTRIM");
    trim.arg(keys::stream(partition)).arg("MAXLEN").arg(1_000);
    queue.link.send(&trim).await.map(drop)
}

fn call(partition: u16, batch: &[usize], events: &[Arc<Event>]) -> Cmd {
    let size = batch.iter().map(|place| encode::size(&events[*place])).sum();
    let mut call = APPEND.call(1 + batch.len(), encode::ARGUMENTS * batch.len(), size);
    call.arg(keys::stream(partition));
    for place in batch {
        call.arg(keys::mark(partition, events[*place].key));
    }
    for place in batch {
        encode::write(&events[*place], &mut call);
    }
    call
}

fn appended(answer: &Value) -> Result<Appended, QueueError> {
    match answer {
        Value::Int(1) => Ok(Appended::Accepted),
        Value::Int(0) => Ok(Appended::Duplicate),
        Value::Int(2) => Ok(Appended::OtherPayload),
        _ => Err(QueueError::Reply("an append said something unknown")),
    }
}
