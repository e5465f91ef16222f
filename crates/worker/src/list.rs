//! The handler list as this worker last read it, shared by all its loops.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{PortError, Registry};
use tokio::sync::watch;

use crate::shared::Shared;
use crate::status::Loop;

pub(crate) struct List {
    current: watch::Sender<Arc<Registry>>,
    lease: Duration,
}

impl List {
    pub(crate) fn new(lease: Duration) -> Self {
        Self {
            current: watch::Sender::new(Arc::default()),
            lease,
        }
    }

    pub(crate) fn current(&self) -> Arc<Registry> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn set(&self, registry: Registry) {
        self.current.send_replace(Arc::new(registry));
    }

    /// Reads it again.
    pub(crate) async fn refresh(&self, shared: &Shared, of: Loop) -> Result<(), PortError> {
        let registry = shared.patiently(of, shared.store.probe().registry(self.lease)).await;
        let before = self.current();
        let registry = shared.store.report(registry)?;
        if before.paused != registry.paused {
            tracing::info!(paused = registry.paused, "all running is {}", word(registry.paused));
        }
        for handler in &registry.handlers {
            let was = before.get(&handler.pattern).is_some_and(|entry| entry.paused);
            if was != handler.paused {
                tracing::info!(handler = %handler.pattern, "a handler is {}", word(handler.paused));
            }
        }
        self.set(registry);
        Ok(())
    }

    /// Waits until running is not paused as a whole.
    pub(crate) async fn unpaused(&self) {
        let mut current = self.current.subscribe();
        // The sender lives as long as `self`.
        let _ = current.wait_for(|registry| !registry.paused).await;
    }
}

const fn word(paused: bool) -> &'static str {
    if paused { "paused" } else { "resumed" }
}
