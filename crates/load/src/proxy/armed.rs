//! The handle of what is armed, which undoes it.

use std::sync::Arc;

use super::arms::{Arm, Arms};
use crate::scenario::{Side, Toxic};

/// A toxic that acts until this is disarmed or dropped.
#[derive(Debug)]
pub struct Armed {
    arm: Arc<Arm>,
    arms: Arc<Arms>,
    /// The version of the list in which it came.
    since: u64,
}

impl Armed {
    pub(super) fn new(arms: &Arc<Arms>, toxic: Toxic, side: Side, share: f64, seed: u64) -> Self {
        let arm = Arc::new(Arm::new(toxic, side, share, seed));
        let since = arms.add(Arc::clone(&arm));
        Self {
            arm,
            arms: Arc::clone(arms),
            since,
        }
    }

    /// How many connections it has touched so far; of `drop_reply`, replies.
    pub fn touched(&self) -> u64 {
        self.arm.touched()
    }

    /// Undoes it, waits until no connection is under it any more, and says how many it touched in all. Those that lived
    /// when it was armed have been under it, also if that was a moment ago.
    pub async fn disarm(self) -> u64 {
        self.arms.acted_on(self.since).await;
        let version = self.arms.remove(&self.arm);
        self.arms.acted_on(version).await;
        self.touched()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.arms.remove(&self.arm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::grip::Grips;
    use crate::proxy::way::Way;

    #[tokio::test]
    async fn disarming_waits_until_connections_have_been_under_it_and_have_left() {
        let arms = Arc::new(Arms::default());
        let mut grips = Grips::new(arms.watch(0));
        grips.refresh().expect("nothing strikes");
        let armed = Armed::new(&arms, Toxic::BlackHole, Side::Both, 1.0, 7);
        let disarming = tokio::spawn(armed.disarm());
        grips.changed().await;
        grips.refresh().expect("nothing strikes");
        assert!(grips.swallows(Way::Up), "it cannot be missed");
        grips.changed().await;
        assert!(!disarming.is_finished(), "the connection is still under it");
        grips.swallowed(Way::Up);
        grips.refresh().expect("nothing strikes");
        assert!(!grips.swallows(Way::Up));
        assert_eq!(disarming.await.expect("it ends"), 1);
    }

    #[test]
    fn a_share_is_drawn_by_the_seed_and_the_number_of_the_connection() {
        let arms = Arc::new(Arms::default());
        let drawn = |seed| -> Vec<u64> {
            let armed = Armed::new(&arms, Toxic::Reset, Side::Both, 0.3, seed);
            let struck: Vec<u64> = (0..1_000)
                .filter(|link| Grips::new(arms.watch(*link)).refresh().is_err())
                .collect();
            assert_eq!(armed.touched(), struck.len() as u64);
            struck
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!((250..350).contains(&drawn(7).len()));
    }
}
