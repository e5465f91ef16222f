//! Deadlocks over all lives of PostgreSQL, which forgets its counters when it is killed.

use std::sync::{Mutex, PoisonError};

/// What its former lives came to; none once a life has ended of which nobody knows.
#[derive(Debug)]
pub(super) struct Deadlocks(Mutex<Option<u64>>);

impl Default for Deadlocks {
    fn default() -> Self {
        Self(Mutex::new(Some(0)))
    }
}

impl Deadlocks {
    /// A life is about to end, of which the counter says this; none where it could not be read.
    pub(super) fn keep(&self, counted: Option<u64>) {
        let mut before = self.before();
        *before = before.zip(counted).map(|(before, counted)| before + counted);
    }

    /// Over all lives, where the counter of this one says `now`; none where one of them is not known.
    pub(super) fn total(&self, now: Option<u64>) -> Option<u64> {
        self.before().zip(now).map(|(before, now)| before + now)
    }

    fn before(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        // A number is whole whatever its holder was doing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_add_up_and_one_that_was_not_read_leaves_all_unknown() {
        let deadlocks = Deadlocks::default();
        assert_eq!(deadlocks.total(Some(2)), Some(2));
        deadlocks.keep(Some(2));
        assert_eq!(deadlocks.total(Some(1)), Some(3));
        assert_eq!(deadlocks.total(None), None);
        deadlocks.keep(None);
        deadlocks.keep(Some(5));
        assert_eq!(deadlocks.total(Some(0)), None);
    }
}
