//! The closed model: so many clients, each of which sends when it has its answer.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::exchange::Exchanges;
use super::http::Post;
use crate::plan::{self, Plan};
use crate::scenario::{Scenario, Stretch};

/// A phase that sends.
struct Sending {
    span: Range<Duration>,
    sends: Mutex<Box<dyn Iterator<Item = plan::Send> + Send>>,
}

/// Starts the clients. They end with the last phase that sends, or when the load is halted.
pub(super) fn start<P: Post>(
    exchanges: &Arc<Exchanges<P>>,
    plan: &Plan,
    scenario: &Scenario,
    clients: usize,
    running: &TaskTracker,
) {
    let phases = scenario.phases.iter().enumerate();
    let sending = phases.filter_map(|(place, phase)| match phase.what {
        Stretch::Send { lasts, .. } => Some(Sending {
            span: phase.begins..phase.begins + lasts,
            sends: Mutex::new(Box::new(plan.stream(place))),
        }),
        Stretch::Drain { .. } => None,
    });
    let sending: Arc<[Sending]> = sending.collect();
    for _ in 0..clients {
        running.spawn(client(Arc::clone(exchanges), Arc::clone(&sending)));
    }
}

async fn client<P: Post>(exchanges: Arc<Exchanges<P>>, phases: Arc<[Sending]>) {
    while let Some(phase) = phases.iter().find(|phase| exchanges.now() < phase.span.end) {
        if !await_moment(&exchanges, phase.span.start).await {
            return;
        }
        let Some(mut send) = phase.next() else { return };
        // Nobody planned its moment: it is due when its client is free.
        send.at = exchanges.now();
        if !exchanges.announce([&send]) {
            return;
        }
        exchanges.meter().planned(&send, send.at);
        if !exchanges.run(send, None, false).await {
            // Who was refused, or found nobody, does not come back at once: a load that fails is no busy loop.
            exchanges.pause().await;
        }
    }
}

/// False once halted.
async fn await_moment<P: Post>(exchanges: &Exchanges<P>, at: Duration) -> bool {
    let halt = exchanges.halt();
    if exchanges.has_come(at) {
        return !halt.is_cancelled();
    }
    tokio::select! {
        () = halt.cancelled() => false,
        () = tokio::time::sleep_until(exchanges.begin() + at) => true,
    }
}

impl Sending {
    fn next(&self) -> Option<plan::Send> {
        // Between two sends a stream is valid, whatever its last holder was doing.
        self.sends.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}
