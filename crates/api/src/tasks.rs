//! Loops that go on: one that panics is started again, and it is said aloud.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PAUSE: Duration = Duration::from_secs(1);

/// Runs a loop until it ends by itself, which it does at `stop`.
pub(crate) fn keep<F>(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    name: &'static str,
    run: impl Fn(CancellationToken) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = stop.clone();
    tracker.spawn(async move {
        while let Err(error) = tokio::spawn(run(stop.clone())).await {
            tracing::error!(name, %error, "a loop of the API broke, and is started again");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_started_again() {
        let tracker = TaskTracker::new();
        let runs = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&runs);
        keep(&tracker, &CancellationToken::new(), "test", move |_| {
            let counter = Arc::clone(&counter);
            async move { assert!(counter.fetch_add(1, SeqCst) > 0, "the first time it breaks") }
        });
        tracker.close();
        tracker.wait().await;
        assert_eq!(runs.load(SeqCst), 2);
    }
}
