//! Waiting for what has to come.

use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take: far more than it needs, since a machine that is busy elsewhere is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(40);

/// Asks until there is an answer.
///
/// # Panics
/// With what was last seen, where there is none in time.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if Instant::now() >= deadline => panic!("{what}: not within {PATIENCE:?}; last seen: {seen}"),
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// A number that whoever starts the tests may set.
pub(crate) fn number(variable: &str, otherwise: u32) -> u32 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => otherwise,
    }
}

/// Runs a test to its end. Calls that block hold up one of its threads and no other.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}
