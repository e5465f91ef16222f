//! Whether all is done, by readings that are of different ages and come from clocks of different machines.
//!
//! An event is in the queue until it is in the ledger, and leaves the ledger's work only by its end. So all is done once
//! the queue was seen empty, a count of the ledger that began after that found nothing, and the queue is empty still. The
//! store's clock is not compared with ours: a count is new because it is another than the one that the API held when it had
//! read the ledger after the queue was empty.

use std::time::Duration;

use eventflow_core::Timestamp;
use tokio::time::Instant;

use super::Reading;

/// Between the reading that sees the queue empty and the one that says so for good.
const APART: Duration = Duration::from_secs(1);

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Drain {
    /// Nothing that was read before this counts.
    from: Instant,
    /// Since when the queue has been empty.
    empty: Option<Instant>,
    /// The count that the API held first after that.
    counted: Option<Count>,
}

/// When a count was made; none where there was none yet.
type Count = (Option<Timestamp>,);

impl Drain {
    /// Nothing has been sent any more since `from`.
    pub(super) fn new(from: Instant) -> Self {
        Self {
            from,
            empty: None,
            counted: None,
        }
    }

    /// Takes the next reading. True once all is done.
    pub(super) fn look(&mut self, reading: &Reading) -> bool {
        let (Some(queue_age), Some(ledger_age)) = (reading.queue_age, reading.ledger_age) else {
            return false;
        };
        let is_empty = [reading.lag, reading.pending, reading.queue_entries] == [Some(0); 3];
        // One that was read before we began says nothing.
        let is_fresh = self.from + queue_age <= reading.taken;
        if !is_empty || !is_fresh {
            *self = Self::new(self.from);
            return false;
        }
        let empty = *self.empty.get_or_insert(reading.taken);
        if reading.taken < empty + ledger_age {
            return false;
        }
        let is_apart = reading.taken >= empty + APART;
        // Without a handler no row ever waits, and nobody counts.
        if reading.handlers == 0 {
            return is_apart;
        }
        let (first,) = *self.counted.get_or_insert((reading.counted_at,));
        let is_new = reading.counted_at.is_some() && reading.counted_at != first;
        is_apart && is_new && [reading.due, reading.running] == [Some(0); 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading `at` milliseconds after `from`, the count made at `counted`; queue and list read 300 ms before.
    fn reading(from: Instant, at: u64, counted: i64) -> Reading {
        let age = Some(Duration::from_millis(300));
        Reading {
            lag: Some(0),
            pending: Some(0),
            queue_entries: Some(0),
            queue_age: age,
            ledger_age: age,
            due: Some(0),
            running: Some(0),
            counted_at: Some(Timestamp::from_micros(counted)),
            handlers: 1,
            ..Reading::blank(from + Duration::from_millis(at))
        }
    }

    #[tokio::test]
    async fn it_takes_a_count_made_after_the_queue_was_empty() {
        let from = Instant::now();
        let mut drain = Drain::new(from);
        // Read before we began, then fresh; the first count that is surely read after that is the one to be outlived.
        assert!(!drain.look(&reading(from, 100, 1)));
        assert!(!drain.look(&reading(from, 600, 1)));
        assert!(
            !drain.look(&reading(from, 800, 2)),
            "this list was read before the queue was seen empty"
        );
        assert!(!drain.look(&reading(from, 1_100, 2)));
        assert!(!drain.look(&reading(from, 4_000, 2)));
        assert!(drain.look(&reading(from, 5_000, 3)));
    }

    #[tokio::test]
    async fn what_comes_in_between_begins_it_anew() {
        let from = Instant::now();
        let mut drain = Drain::new(from);
        assert!(!drain.look(&reading(from, 600, 1)));
        assert!(!drain.look(&reading(from, 1_100, 1)));
        let queued = Reading {
            lag: Some(1),
            queue_entries: Some(1),
            ..reading(from, 2_000, 1)
        };
        assert!(!drain.look(&queued));
        assert!(!drain.look(&reading(from, 2_500, 2)));
        assert!(!drain.look(&reading(from, 3_000, 2)));
        assert!(drain.look(&reading(from, 7_500, 3)));
    }

    #[tokio::test]
    async fn rows_that_wait_or_run_are_not_done() {
        let from = Instant::now();
        let mut drain = Drain::new(from);
        assert!(!drain.look(&reading(from, 600, 1)));
        assert!(!drain.look(&reading(from, 1_100, 1)));
        for (due, running) in [(Some(1), Some(0)), (Some(0), Some(1)), (None, None)] {
            let left = Reading {
                due,
                running,
                ..reading(from, 6_000, 2)
            };
            assert!(!drain.look(&left));
        }
        assert!(drain.look(&reading(from, 11_000, 3)));
    }

    #[tokio::test]
    async fn what_nobody_knows_is_not_done() {
        let from = Instant::now();
        let mut drain = Drain::new(from);
        for at in 1..20 {
            assert!(!drain.look(&Reading::blank(from + Duration::from_secs(at))));
        }
        let unread = Reading {
            lag: None,
            ..reading(from, 30_000, 1)
        };
        assert!(!drain.look(&unread));
    }

    #[tokio::test]
    async fn without_handlers_nobody_counts() {
        let from = Instant::now();
        let mut drain = Drain::new(from);
        let bare = |at| Reading {
            handlers: 0,
            counted_at: None,
            ..reading(from, at, 0)
        };
        assert!(!drain.look(&bare(600)));
        assert!(!drain.look(&bare(1_100)));
        assert!(drain.look(&bare(1_700)));
    }
}
