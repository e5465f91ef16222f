//! Steady traffic with a log of its own: the truth that the ledger is held against.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::EventState;
use eventflow_wire::{Client, ClientError, ItemStatus, NewEvent};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::stack::Stack;
use super::wait::eventually;

/// The pause between two batches of one sender.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one batch may take; what has no answer by then is unknown.
const DEADLINE: Duration = Duration::from_secs(20);

/// What was sent, and what was said to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Ids, written before they were sent.
    pub(crate) attempted: BTreeSet<String>,
    /// Ids that were acknowledged.
    pub(crate) acked: BTreeSet<String>,
    /// Batches that were refused, nothing acknowledged.
    pub(crate) refused: u64,
    /// Batches without an answer.
    pub(crate) unknown: u64,
}

/// Senders at work, one for each client.
pub(crate) struct Traffic {
    log: Arc<Mutex<Log>>,
    stop: CancellationToken,
    senders: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Sends batches of what `make` makes of an id, until it is ended.
    pub(crate) fn start(
        clients: impl IntoIterator<Item = Client>,
        make: impl Fn(u64, &str) -> NewEvent + Clone + Send + 'static,
    ) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let stop = CancellationToken::new();
        let senders = clients
            .into_iter()
            .enumerate()
            .map(|(sender, client)| {
                let (log, stop, make) = (Arc::clone(&log), stop.clone(), make.clone());
                let client = client.with_deadline(DEADLINE);
                tokio::spawn(async move {
                    let mut number = 0;
                    while !stop.is_cancelled() {
                        let events: Vec<NewEvent> = (number..number + 10)
                            .map(|n| make(n, &format!("s{sender}-{n}")))
                            .collect();
                        number += 10;
                        send(&client, events, &log).await;
                        tokio::time::sleep(PAUSE).await;
                    }
                })
            })
            .collect();
        Self { log, stop, senders }
    }

    /// Plain events and handled ones, some of which take their time.
    pub(crate) fn mixed(clients: impl IntoIterator<Item = Client>) -> Self {
        Self::start(clients, |number, id| match number % 10 {
            0..5 => super::event("order.created", id),
            5..9 => super::event("efctl.sim.order", id),
            _ => super::failing(id, "slow:200ms"),
        })
    }

    /// What was said so far.
    pub(crate) fn so_far(&self) -> Log {
        lock(&self.log).clone()
    }

    /// Waits until so many more are acknowledged than now.
    pub(crate) async fn acks(&self, more: usize) {
        let before = lock(&self.log).acked.len();
        eventually(&format!("{more} more are acknowledged"), async || {
            let now = lock(&self.log).acked.len();
            if now >= before + more {
                return Ok(());
            }
            let log = lock(&self.log);
            Err(format!(
                "{} more; refused {}, unknown {}",
                now - before,
                log.refused,
                log.unknown
            ))
        })
        .await;
    }

    /// Waits until more batches are refused than now.
    pub(crate) async fn is_refused(&self) {
        let before = lock(&self.log).refused;
        eventually("refused", async || {
            if lock(&self.log).refused > before {
                return Ok(());
            }
            Err("none more".to_owned())
        })
        .await;
    }

    /// Waits until some batch has been left without an answer.
    pub(crate) async fn is_cut_off(&self) {
        eventually("cut off", async || {
            if lock(&self.log).unknown > 0 {
                return Ok(());
            }
            Err("every batch had its answer".to_owned())
        })
        .await;
    }

    /// Ends it, once every sender has its last answer.
    pub(crate) async fn end(self) -> Log {
        self.stop.cancel();
        for sender in self.senders {
            sender.await.expect("a sender ends by itself");
        }
        lock(&self.log).clone()
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(client: &Client, events: Vec<NewEvent>, log: &Mutex<Log>) {
    let ids: Vec<String> = events.iter().filter_map(|event| event.id.clone()).collect();
    lock(log).attempted.extend(ids.iter().cloned());
    let answer = client.send_batch(events, false).await;
    let mut log = lock(log);
    match answer {
        Ok(batch) => {
            let taken = batch
                .results
                .iter()
                .filter(|result| result.status != ItemStatus::Rejected)
                .map(|result| ids[result.index].clone());
            log.acked.extend(taken);
        }
        Err(ClientError::Problem(problem)) => {
            assert_eq!(problem.status, 503, "{problem:?}");
            assert!(problem.retry_after.is_some(), "{problem:?}");
            log.refused += 1;
        }
        Err(ClientError::Unreachable { .. }) => log.unknown += 1,
        Err(error) => panic!("{error}"),
    }
}

impl Stack {
    /// Holds the ledger against the log: nothing acknowledged is lost, nothing is there that nobody sent, all of it is done.
    pub(crate) async fn answers_for(&self, log: &Log) {
        self.settled(log.acked.len() as u64).await;
        let states = eventually("listed", async || self.states().await).await;
        let lost: Vec<_> = log.acked.iter().filter(|id| !states.contains_key(*id)).collect();
        assert!(
            lost.is_empty(),
            "lost {}, such as {:?}",
            lost.len(),
            &lost[..lost.len().min(5)]
        );
        let strange: Vec<_> = states.keys().filter(|id| !log.attempted.contains(*id)).collect();
        assert!(strange.is_empty(), "nobody sent {strange:?}");
        let other: Vec<_> = states.iter().filter(|(_, state)| **state != EventState::Done).collect();
        assert!(other.is_empty(), "not done: {other:?}");
    }
}
