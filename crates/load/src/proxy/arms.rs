//! What is armed on a proxy: the list that every connection has an eye on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::draw::draw;
use crate::scenario::{Side, Toxic};

/// A toxic that is armed.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) toxic: Toxic,
    pub(super) side: Side,
    pub(super) share: f64,
    pub(super) seed: u64,
    touched: AtomicU64,
}

impl Arm {
    pub(super) fn new(toxic: Toxic, side: Side, share: f64, seed: u64) -> Self {
        Self {
            // Replies come from the server, whatever the file says.
            side: if toxic == Toxic::DropReply { Side::Down } else { side },
            toxic,
            share,
            seed,
            touched: AtomicU64::new(0),
        }
    }

    /// Whether the connection of this number belongs to those that it acts on. A share of replies is drawn later.
    pub(super) fn takes(&self, link: u64) -> bool {
        self.toxic == Toxic::DropReply || draw(self.seed, &[link]) < self.share
    }

    /// One connection more that it touched.
    pub(super) fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// How many it touched.
    pub(super) fn touched(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }
}

/// All that is armed, and by which change it became so.
#[derive(Debug, Default)]
struct List {
    version: u64,
    arms: Vec<Arc<Arm>>,
}

/// The list of one proxy, and who has an eye on it.
#[derive(Debug, Default)]
pub(super) struct Arms {
    list: watch::Sender<List>,
    /// By its number, which version each connection has seen and acted on.
    eyes: Mutex<BTreeMap<u64, watch::Receiver<u64>>>,
}

impl Arms {
    /// Arms it. Returns the version in which it is.
    pub(super) fn add(&self, arm: Arc<Arm>) -> u64 {
        self.change(|arms| {
            arms.push(arm);
            true
        })
    }

    /// Disarms it, if it is armed. Returns a version in which it is not.
    pub(super) fn remove(&self, arm: &Arc<Arm>) -> u64 {
        self.change(|arms| {
            let before = arms.len();
            arms.retain(|other| !Arc::ptr_eq(other, arm));
            arms.len() != before
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Arm>>) -> bool) -> u64 {
        let mut version = 0;
        self.list.send_if_modified(|list| {
            let changed = change(&mut list.arms);
            list.version += u64::from(changed);
            version = list.version;
            changed
        });
        version
    }

    /// Waits until each connection that lives has acted on this version, or has ended.
    pub(super) async fn acted_on(&self, version: u64) {
        let eyes: Vec<_> = self.eyes().values().cloned().collect();
        for mut eye in eyes {
            // One that is closed belongs to a connection that has ended.
            let _ = eye.wait_for(|seen| *seen >= version).await;
        }
    }

    /// An eye for the connection of this number. It has seen nothing yet.
    pub(super) fn watch(self: &Arc<Self>, link: u64) -> Eye {
        let (seen, watched) = watch::channel(0);
        self.eyes().insert(link, watched);
        let mut list = self.list.subscribe();
        list.mark_changed();
        Eye {
            link,
            list,
            seen,
            arms: Arc::clone(self),
        }
    }

    fn eyes(&self) -> MutexGuard<'_, BTreeMap<u64, watch::Receiver<u64>>> {
        self.eyes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's eye on the list.
#[derive(Debug)]
pub(super) struct Eye {
    link: u64,
    list: watch::Receiver<List>,
    seen: watch::Sender<u64>,
    arms: Arc<Arms>,
}

impl Eye {
    /// The number of its connection.
    pub(super) const fn link(&self) -> u64 {
        self.link
    }

    /// Returns when the list is another than the one it acted on last.
    pub(super) async fn changed(&mut self) {
        match self.list.changed().await {
            Ok(()) => self.list.mark_changed(),
            // It does not come to this: the list lives as long as an eye on it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Acts on the list, where it is another than the last.
    ///
    /// # Errors
    /// What the act ends with.
    pub(super) fn act<E>(&mut self, act: impl FnOnce(&[Arc<Arm>]) -> Result<(), E>) -> Result<(), E> {
        if !self.list.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let version = {
            let list = self.list.borrow_and_update();
            act(&list.arms)?;
            list.version
        };
        self.seen.send_replace(version);
        Ok(())
    }
}

impl Drop for Eye {
    fn drop(&mut self) {
        self.arms.eyes().remove(&self.link);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_change_is_acted_on_when_all_that_live_have_done_so() {
        let arms = Arc::new(Arms::default());
        let mut one = arms.watch(0);
        let other = arms.watch(1);
        let arm = Arc::new(Arm::new(Toxic::Reset, Side::Both, 1.0, 7));
        let added = arms.add(Arc::clone(&arm));
        assert!(arms.acted_on(added).now_or_never().is_none());

        let seen = one.act(|list| Err(list.len()));
        assert_eq!(seen, Err(1), "it sees it, and fails to act on it");
        assert!(arms.acted_on(added).now_or_never().is_none());
        drop(one);
        assert!(
            arms.acted_on(added).now_or_never().is_none(),
            "the other has not looked"
        );

        let mut other = other;
        other.changed().await;
        other.act(|_| Ok::<_, ()>(())).expect("it acts");
        assert!(arms.acted_on(added).now_or_never().is_some());

        let removed = arms.remove(&arm);
        assert!(arms.acted_on(removed).now_or_never().is_none());
        drop(other);
        assert!(arms.acted_on(removed).now_or_never().is_some(), "nobody is left");
        assert!(arms.eyes().is_empty());
    }

    #[tokio::test]
    async fn what_has_been_acted_on_is_not_seen_again() {
        let arms = Arc::new(Arms::default());
        let mut eye = arms.watch(0);
        let mut acts = 0;
        for _ in 0..3 {
            eye.act(|_| {
                acts += 1;
                Ok::<_, ()>(())
            })
            .expect("it acts");
        }
        assert_eq!(acts, 1);
        assert!(eye.changed().now_or_never().is_none());
    }
}
