//! SIGTERM and ^C: the first asks for a drain, the second ends the process at once.
//!
//! They are heard on a thread of their own, so that handlers that block every thread of the runtime do not make the process
//! deaf; and where such a drain cannot end, the process ends all the same.

use std::io;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long a drain may take beyond the grace time: the last outcomes are recorded and the backends closed.
const BEYOND_GRACE: Duration = Duration::from_secs(30);

/// A token that the first signal cancels.
pub(crate) fn shutdown_on_signal(grace: Duration) -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let asked = token.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(heed(signals, asked, grace)))?;
    Ok(token)
}

async fn heed(mut signals: Signals, asked: CancellationToken, grace: Duration) {
    let name = signals.next().await;
    tracing::info!(signal = name, "shutting down; a second signal ends the process at once");
    asked.cancel();
    let Ok(name) = tokio::time::timeout(grace + BEYOND_GRACE, signals.next()).await else {
        tracing::error!("the drain does not end, as where handlers block all threads; ended without it");
        std::process::exit(1);
    };
    tracing::warn!(signal = name, "ended without waiting");
    std::process::exit(if name == "SIGTERM" { 143 } else { 130 });
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "alike on every system")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "SIGINT",
            Err(_) => std::future::pending().await,
        }
    }
}
