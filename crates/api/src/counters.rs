//! What this process took in, as plain counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::problem::Slug;

/// Cumulative, since the process began.
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) direct: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    in_flight: AtomicU64,
    rejected: [AtomicU64; Slug::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            direct: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            rejected: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Counters {
    pub(crate) fn reject(&self, slug: Slug) {
        self.rejected[slug as usize].fetch_add(1, Relaxed);
    }

    /// Rejections that happened, by name.
    pub(crate) fn rejected(&self) -> BTreeMap<String, u64> {
        Slug::ALL
            .into_iter()
            .map(|slug| (slug, self.rejected[slug as usize].load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .map(|(slug, count)| (slug.as_str().to_owned(), count))
            .collect()
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Counts a request as in flight for as long as the guard lives.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self)
    }
}

/// A request in flight, also where its client goes away.
pub(crate) struct InFlight<'a>(&'a Counters);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
