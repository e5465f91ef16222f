//! Batches side by side, a bounded number of them in flight.

use std::sync::Arc;
use std::time::Duration;

use eventflow_wire::Client;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;

use super::deliver::Sender;
use super::feed::{Fed, Source};
use super::patience::Patience;
use super::progress::Progress;
use crate::context::interrupted;
use crate::failure::Failure;

/// Batches in flight at most.
const IN_FLIGHT: usize = 8;
/// How long answers are waited for once sending is given up.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Sends everything, and says how it ended. What was acknowledged stands in `progress`.
pub(super) async fn run(
    client: Client,
    source: Source,
    patience: Arc<Patience>,
    progress: Arc<Progress>,
) -> Result<(), Failure> {
    let sender = Sender {
        client,
        patience,
        progress,
    };
    let input = source.start();
    tokio::select! {
        end = pump(input, &sender) => end,
        () = interrupted() => Err(Failure::Interrupted),
    }
}

async fn pump(mut input: Receiver<Fed>, sender: &Sender) -> Result<(), Failure> {
    let mut flights = FuturesUnordered::new();
    let mut broken = None;
    let mut open = true;
    let end = loop {
        tokio::select! {
            fed = input.recv(), if open && flights.len() < IN_FLIGHT => match fed {
                Some(Fed::Batch(items)) => {
                    sender.progress.sent(&items);
                    flights.push(sender.clone().deliver(items));
                }
                Some(Fed::Bad(rejection)) => sender.progress.malformed(rejection),
                Some(Fed::Broken(e)) => broken = Some(e),
                None => open = false,
            },
            Some(landed) = flights.next(), if !flights.is_empty() => {
                if landed.is_err() {
                    break landed;
                }
            },
            else => break Ok(()),
        }
    };
    if end.is_err() {
        // Their answers may be on the way, and are worth knowing.
        sender.patience.end();
        let rest = async { while flights.next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_ANSWERS, rest).await;
    }
    match broken {
        Some(e) => end.and(Err(Failure::No(format!("the input broke off: {e}")))),
        None => end,
    }
}
