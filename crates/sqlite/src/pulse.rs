//! Notices within the one process that has the file.

use tokio::sync::Notify;

/// Wakes whoever waits, and leaves one notice for whoever is just about to wait, so that none falls between a look
/// that found nothing and the wait after it. Notices that nobody has taken yet are one.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    notify: Notify,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.notify.notify_waiters();
        self.notify.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.notify.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn a_notice_before_the_wait_is_not_lost_and_many_are_one() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        bell.rung().await;
        let second = bell.rung();
        tokio::pin!(second);
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context)))
                .await
                .is_pending()
        );
    }

    #[tokio::test]
    async fn everybody_who_waits_wakes() {
        let bell = Arc::new(Bell::default());
        let mut waiting = JoinSet::new();
        for _ in 0..3 {
            let bell = Arc::clone(&bell);
            waiting.spawn(async move { bell.rung().await });
        }
        tokio::task::yield_now().await;
        bell.ring();
        while let Some(woken) = waiting.join_next().await {
            woken.expect("no panic");
        }
    }
}
