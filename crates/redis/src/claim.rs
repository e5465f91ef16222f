//! One worker's way to read: a connection of its own, since a blocking read stalls whatever shares it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Bug, Claimed, Entry, PortError, QueueReader, Settlement, WorkerId, planted};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::connection::REPLY;
use crate::ensure::ensure;
use crate::entry::entry;
use crate::error::{QueueError, spoils_connection};
use crate::keys;
use crate::queue::Inner;
use crate::settle::settle;
use crate::take_over::{self, Cursor, take_over};
use crate::value::{array, bytes, tuple};

/// One read asks for at most so many entries: a thousand of the largest events would be a reply of 262 MB.
const MOST: usize = 128;

const CLAIMING: &str = "reading from Redis";
const TAKING_OVER: &str = "taking over entries in Redis";

/// A reader. Dropped in the middle of a read, what that read was given is taken over like a dead worker's.
pub(crate) struct RedisReader {
    queue: Arc<Inner>,
    consumer: String,
    wire: Option<MultiplexedConnection>,
    /// Whether a read was left before its answer came: its connection may still be blocked.
    is_left: bool,
    /// After an error of any kind: who asks again at once is held up.
    failing: Backoff,
    remaking: Backoff,
    last_error: Option<QueueError>,
    /// Entries that came and were not given out yet.
    surplus: VecDeque<Entry>,
    /// Where the next read begins, of all partitions.
    first: usize,
    cursor: Cursor,
}

impl RedisReader {
    pub(crate) fn new(queue: Arc<Inner>, worker: WorkerId) -> Self {
        Self {
            queue,
            consumer: worker.to_string(),
            wire: None,
            is_left: false,
            failing: Backoff::default(),
            remaking: Backoff::default(),
            last_error: None,
            surplus: VecDeque::new(),
            first: 0,
            cursor: Cursor::default(),
        }
    }

    async fn read(&mut self, max: usize, wait: Duration) -> Result<Claimed, QueueError> {
        if self.surplus.is_empty() {
            match self.ask(max, wait).await {
                Ok(()) => self.remaking.worked(),
                // What came before the error is given out; the next call meets it again.
                Err(_) if !self.surplus.is_empty() => {}
                Err(error) if error.is_no_group() => return self.remake(wait).await,
                Err(error) => return Err(error),
            }
        }
        let entries = self.surplus.drain(..max.min(self.surplus.len())).collect();
        Ok(Claimed {
            entries,
            ..Claimed::default()
        })
    }

    /// Reads all partitions at once, as much of each as leaves the same to the others, then more of those that have
    /// more. Where there are more partitions than entries wanted, waiting for the first may give one of each.
    async fn ask(&mut self, max: usize, wait: Duration) -> Result<(), QueueError> {
        let all = self.rotated(max);
        if all.len() <= max {
            let rest = self.read_from(&all, max / all.len(), wait).await?;
            return self.fill(rest, max).await;
        }
        self.fill(all.clone(), max).await?;
        if self.surplus.is_empty() && !wait.is_zero() {
            self.read_from(&all, 1, wait).await?;
        }
        Ok(())
    }

    /// All partitions, beginning with another one each time, so that none is always the last.
    fn rotated(&mut self, by: usize) -> Vec<u16> {
        let mut all: Vec<u16> = self.queue.partitions().collect();
        let first = self.first % all.len();
        self.first = first + by;
        all.rotate_left(first);
        all
    }

    /// Reads from these partitions without waiting, until there are `max` entries or nothing is left.
    async fn fill(&mut self, mut partitions: Vec<u16>, max: usize) -> Result<(), QueueError> {
        while self.surplus.len() < max && !partitions.is_empty() {
            let room = max - self.surplus.len();
            let rest = partitions.split_off(room.min(partitions.len()));
            let more = self
                .read_from(&partitions, room / partitions.len(), Duration::ZERO)
                .await?;
            partitions = rest;
            partitions.extend(more);
        }
        Ok(())
    }

    /// One read. Returns the partitions that gave as much as was asked, and so may have more.
    async fn read_from(&mut self, partitions: &[u16], each: usize, wait: Duration) -> Result<Vec<u16>, QueueError> {
        let mut wire = self.connected(wait).await?;
        let call = self.xreadgroup(partitions, each, wait);
        wire.set_response_timeout(wait + REPLY);
        self.is_left = true;
        let answer = call.query_async(&mut wire).await;
        self.is_left = false;
        let answer = answer.map_err(|error| self.note(QueueError::Redis(error)))?;
        self.failing.worked();
        let mut with_more = Vec::new();
        for (partition, entries) in by_partition(answer)? {
            if entries.len() >= each {
                with_more.push(partition);
            }
            self.surplus.extend(entries);
        }
        Ok(with_more)
    }

    fn xreadgroup(&self, partitions: &[u16], each: usize, block: Duration) -> Cmd {
        let mut call = redis::cmd("XREADGROUP");
        call.arg("GROUP").arg(keys::GROUP).arg(&self.consumer);
        call.arg("COUNT").arg(each);
        let millis = u64::try_from(block.as_millis()).unwrap_or(u64::MAX);
        // To Redis, 0 means for ever.
        if millis > 0 {
            call.arg("BLOCK").arg(millis);
        }
        call.arg("STREAMS");
        for partition in partitions {
            call.arg(keys::stream(*partition));
        }
        for _ in partitions {
            call.arg(">");
        }
        call
    }

    async fn take(&mut self, idle: Duration, max: usize) -> Result<Claimed, QueueError> {
        let mut wire = self.connected(Duration::ZERO).await?;
        wire.set_response_timeout(REPLY);
        let mut claimed = Claimed::default();
        let mut cursor = std::mem::take(&mut self.cursor);
        let wanted = take_over::Wanted {
            consumer: &self.consumer,
            partitions: self.queue.options.partitions.get(),
            idle,
            max,
        };
        let outcome = take_over(&mut wire, &mut cursor, &wanted, &mut claimed).await;
        self.cursor = cursor;
        if claimed.destroyed > 0 {
            self.queue.want_sweep();
        }
        match outcome {
            Ok(()) => {
                self.failing.worked();
                Ok(claimed)
            }
            Err(error) => {
                self.cursor = Cursor::default();
                let error = self.note(error);
                if error.is_no_group() {
                    let remade = self.remake(Duration::ZERO).await?;
                    claimed.destroyed += remade.destroyed;
                    claimed.group_remade |= remade.group_remade;
                } else if claimed.entries.is_empty() && claimed.destroyed == 0 {
                    return Err(error);
                }
                // What was taken is this worker's already: it is given out, and the next call meets the error again.
                Ok(claimed)
            }
        }
    }

    /// The group is gone, and perhaps all else. Made anew at the beginning, at most as often as the backoff allows.
    async fn remake(&mut self, wait: Duration) -> Result<Claimed, QueueError> {
        let left = self.remaking.left(Instant::now());
        if !left.is_zero() {
            tokio::time::sleep(left.min(wait)).await;
            if left > wait {
                return Ok(Claimed::default());
            }
        }
        self.remaking.failed(Instant::now(), fastrand::f64());
        self.cursor = Cursor::default();
        let group_remade = ensure(&self.queue).await?;
        let mut destroyed = 0;
        if group_remade {
            destroyed = self.queue.last_seen.swap(0, Relaxed);
            tracing::error!(
                entries_at_the_last_look = destroyed,
                "a consumer group was gone and was made anew: what was in the queue may be lost"
            );
        }
        Ok(Claimed {
            destroyed,
            group_remade,
            ..Claimed::default()
        })
    }

    /// The connection, made anew where there is none. After an error only once the backoff is over, for which it waits
    /// at most `wait`.
    async fn connected(&mut self, wait: Duration) -> Result<MultiplexedConnection, QueueError> {
        let left = self.failing.left(Instant::now());
        if let (false, Some(error)) = (left.is_zero(), &self.last_error) {
            let error = QueueError::Away(Arc::new(error.clone()));
            tokio::time::sleep(left.min(wait)).await;
            if left > wait {
                return Err(error);
            }
        }
        if self.is_left {
            self.wire = None;
            self.is_left = false;
        }
        if let Some(wire) = &self.wire {
            return Ok(wire.clone());
        }
        match self.queue.link.dedicated(REPLY).await {
            Ok(wire) => {
                self.wire = Some(wire.clone());
                Ok(wire)
            }
            Err(error) => Err(self.note(error)),
        }
    }

    /// A planted bug: what was given out is gone from the queue.
    async fn delete(&self, entries: &[Entry]) {
        let settlements: Vec<_> = entries
            .iter()
            .map(|entry| Settlement {
                id: entry.id.clone(),
                key: None,
                keep_mark: false,
            })
            .collect();
        drop(settle(&self.queue, &settlements).await);
    }

    /// Remembers a failure, and lets go of a connection that is spoilt. A missing group is mended at once.
    fn note(&mut self, error: QueueError) -> QueueError {
        if error.is_no_group() {
            return error;
        }
        if matches!(&error, QueueError::Redis(error) if spoils_connection(error)) {
            self.wire = None;
        }
        self.failing.failed(Instant::now(), fastrand::f64());
        self.last_error = Some(error.clone());
        error
    }
}

#[async_trait]
impl QueueReader for RedisReader {
    async fn claim(&mut self, max: usize, wait: Duration) -> Result<Claimed, PortError> {
        if max == 0 {
            return Ok(Claimed::default());
        }
        let claimed = self.read(max.min(MOST), wait).await;
        if let (true, Ok(claimed)) = (planted(Bug::DeleteOnClaim), &claimed) {
            self.delete(&claimed.entries).await;
        }
        claimed.map_err(|error| error.port(CLAIMING))
    }

    async fn take_over(&mut self, idle: Duration, max: usize) -> Result<Claimed, PortError> {
        let claimed = self.take(idle, max.min(MOST)).await;
        claimed.map_err(|error| error.port(TAKING_OVER))
    }
}

/// The entries of a read, by partition. They were given to somebody for the first time.
fn by_partition(answer: Value) -> Result<Vec<(u16, Vec<Entry>)>, QueueError> {
    if answer == Value::Nil {
        return Ok(Vec::new());
    }
    array(answer)?
        .into_iter()
        .map(|stream| {
            let [name, list] = tuple(stream)?;
            let partition = keys::partition_of(&bytes(name)?).ok_or(QueueError::Reply("an unknown stream"))?;
            let entries = array(list)?.into_iter().map(|item| {
                let [id, fields] = tuple(item)?;
                entry(partition, id, 1, fields)
            });
            Ok((partition, entries.collect::<Result<_, _>>()?))
        })
        .collect()
}
