//! A queue on a Redis of its own, and ways to hurt it.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Claimed, Durability, Entry, EntryBody, Event, Queue, QueueReader, Settlement, WorkerId};
use eventflow_redis::{RedisOptions, RedisQueue};
use eventflow_stack::{Redis, RedisSettings};
use eventflow_testkit::{QueueRig, event};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};
use tokio::time::Instant;

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a reader waits where something is there.
pub(crate) const WAIT: Duration = Duration::from_secs(5);
/// How long it waits where nothing should be.
pub(crate) const BRIEF: Duration = Duration::from_millis(30);

/// A server, a queue on it, and a connection for the test's own commands.
pub(crate) struct Rig {
    pub(crate) server: Redis,
    pub(crate) queue: Arc<RedisQueue>,
    pub(crate) partitions: u16,
    wire: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

/// What a test asks of a queue, unless it says otherwise.
pub(crate) fn options(url: String) -> RedisOptions {
    RedisOptions {
        url,
        partitions: NonZeroU16::MIN,
        durability: Durability::Disk,
        assume_durability: false,
        dedup_window: Duration::from_mins(10),
        dedup_marks: 2_000_000,
    }
}

impl Rig {
    /// One partition, everything as it should be, ensured.
    pub(crate) async fn start() -> Self {
        Self::with_partitions(1).await
    }

    pub(crate) async fn with_partitions(partitions: u16) -> Self {
        let partitions = NonZeroU16::new(partitions).expect("a number of partitions");
        let rig = Self::with(&RedisSettings::default(), |options| options.partitions = partitions);
        rig.queue.ensure().await.expect("the queue is made");
        rig
    }

    /// Not ensured yet.
    pub(crate) fn with(settings: &RedisSettings, set: impl FnOnce(&mut RedisOptions)) -> Self {
        let server = Redis::start(settings).expect("a Redis of our own starts");
        let mut options = options(server.url());
        set(&mut options);
        let partitions = options.partitions.get();
        let queue = Arc::new(RedisQueue::new(options).expect("good options"));
        Self {
            server,
            queue,
            partitions,
            wire: tokio::sync::Mutex::default(),
        }
    }

    /// Another queue on the same server, as another process would have it.
    pub(crate) fn another(&self, set: impl FnOnce(&mut RedisOptions)) -> RedisQueue {
        let mut options = options(self.server.url());
        options.partitions = NonZeroU16::new(self.partitions).expect("a number of partitions");
        set(&mut options);
        RedisQueue::new(options).expect("good options")
    }

    /// A command of the test's own.
    pub(crate) async fn run<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.run_bytes(&bytes).await
    }

    pub(crate) async fn run_bytes<T: FromRedisValue>(&self, words: &[&[u8]]) -> T {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        let mut slot = self.wire.lock().await;
        if slot.is_none() {
            let client = redis::Client::open(self.server.url()).expect("a URL");
            let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(WAIT));
            let wire = client.get_multiplexed_async_connection_with_config(&config).await;
            *slot = Some(wire.expect("Redis takes connections"));
        }
        let wire = slot.as_mut().expect("connected above");
        command.query_async(wire).await.expect("Redis obeys")
    }

    /// After the server was restarted.
    pub(crate) async fn reconnect(&self) {
        *self.wire.lock().await = None;
    }

    pub(crate) fn stream(&self, partition: u16) -> String {
        assert!(partition < self.partitions, "there is no partition {partition}");
        format!("ef:{{events:{partition}}}:stream")
    }

    pub(crate) fn mark(&self, event: &Event) -> String {
        let partitions = NonZeroU16::new(self.partitions).expect("a number of partitions");
        format!("ef:{{events:{}}}:mark:{}", event.key.partition(partitions), event.key)
    }

    /// The milliseconds that a mark still has, -1 without end, -2 without a mark.
    pub(crate) async fn mark_left(&self, event: &Event) -> i64 {
        self.run(&["PTTL", &self.mark(event)]).await
    }

    pub(crate) fn reader(&self) -> Box<dyn QueueReader> {
        self.queue.reader(WorkerId::new())
    }

    /// Appends events, all of which are new.
    pub(crate) async fn append_new(&self, events: &[Arc<Event>]) {
        for answer in self.queue.append(events).await {
            assert_eq!(answer.expect("appended"), eventflow_core::Appended::Accepted);
        }
    }

    pub(crate) async fn settle(&self, entries: &[Entry]) -> u64 {
        let settled = self.queue.settle(&settlements(entries)).await;
        settled.expect("settled")
    }

    /// Entries in all partitions, and how many of them are pending.
    pub(crate) async fn depth(&self) -> (u64, u64) {
        let depth = self.queue.depth().await.expect("measured");
        depth.iter().fold((0, 0), |(entries, pending), of| {
            (entries + of.entries, pending + of.pending)
        })
    }

    async fn marks(&self) -> Vec<String> {
        self.run(&["KEYS", "ef:{events:*}:mark:*"]).await
    }
}

/// The settlements of these entries, their marks kept where their producers chose the id.
pub(crate) fn settlements(entries: &[Entry]) -> Vec<Settlement> {
    let settlement = |entry: &Entry| {
        let (key, keep_mark) = match &entry.body {
            EntryBody::Event(event) => (Some(event.key), event.id_given),
            EntryBody::Unreadable { key, .. } => (*key, false),
            EntryBody::Newer { .. } => (None, false),
        };
        Settlement {
            id: entry.id.clone(),
            key,
            keep_mark,
        }
    };
    entries.iter().map(settlement).collect()
}

/// Events with ids of their own, as producers give them.
pub(crate) fn events(range: std::ops::Range<u32>) -> Vec<Arc<Event>> {
    range
        .map(|n| event("order.created", &format!("order-{n}"), &format!(r#"{{"n":{n}}}"#)).shared())
        .collect()
}

/// The events of these entries.
pub(crate) fn read(entries: &[Entry]) -> Vec<Arc<Event>> {
    let event = |entry: &Entry| match &entry.body {
        EntryBody::Event(event) => Arc::clone(event),
        other => panic!("no event: {other:?}"),
    };
    entries.iter().map(event).collect()
}

/// Reads until there are `n` entries. The rest of what the reads said is united.
pub(crate) async fn claim(reader: &mut Box<dyn QueueReader>, n: usize) -> Claimed {
    let mut all = Claimed::default();
    let deadline = Instant::now() + PATIENCE;
    while all.entries.len() < n {
        assert!(Instant::now() < deadline, "{} of {n} entries came", all.entries.len());
        let claimed = reader.claim(128, WAIT).await.expect("read");
        all.group_remade |= claimed.group_remade;
        all.destroyed += claimed.destroyed;
        all.entries.extend(claimed.entries);
    }
    all
}

/// Asks again until the answer is there.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl QueueRig for Rig {
    fn queue(&self) -> Arc<dyn Queue> {
        self.queue.clone()
    }

    async fn age(&self, by: Duration) {
        for partition in 0..self.partitions {
            let stream = self.stream(partition);
            let pending: Vec<(String, String, u128, u64)> =
                self.run(&["XPENDING", &stream, "workers", "-", "+", "100000"]).await;
            for (id, consumer, idle, _) in pending {
                // XCLAIM would drop what is pending and gone, and nobody would hear of it.
                let entry: Vec<Value> = self.run(&["XRANGE", &stream, &id, &id]).await;
                if entry.is_empty() {
                    continue;
                }
                let idle = (idle + by.as_millis()).to_string();
                let _: Value = self
                    .run(&[
                        "XCLAIM", &stream, "workers", &consumer, "0", &id, "IDLE", &idle, "JUSTID",
                    ])
                    .await;
            }
        }
    }

    async fn expire_marks(&self) {
        for mark in self.marks().await {
            if self.run::<i64>(&["PTTL", &mark]).await >= 0 {
                let _: i64 = self.run(&["DEL", &mark]).await;
            }
        }
    }

    async fn flush(&self) {
        let _: () = self.run(&["FLUSHALL"]).await;
    }

    async fn delete_streams(&self) {
        for partition in 0..self.partitions {
            let _: i64 = self.run(&["DEL", &self.stream(partition)]).await;
        }
    }

    async fn delete_entries(&self) {
        for partition in 0..self.partitions {
            let _: i64 = self.run(&["XTRIM", &self.stream(partition), "MAXLEN", "0"]).await;
        }
    }

    async fn forget_consumer(&self, worker: WorkerId) {
        for partition in 0..self.partitions {
            let consumer = worker.to_string();
            let _: i64 = self
                .run(&["XGROUP", "DELCONSUMER", &self.stream(partition), "workers", &consumer])
                .await;
        }
    }

    async fn set_full(&self, full: bool) {
        let limit = if full { "1" } else { "0" };
        let _: () = self.run(&["CONFIG", "SET", "maxmemory", limit]).await;
    }
}
