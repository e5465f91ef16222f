//! The longest stretch with a backlog and nothing finished, outside of the windows of faults.
//!
//! What is finished is what was taken in less what waits. The ledger's part of what waits is known by its counts alone,
//! which are five seconds apart: between two of them an event that leaves the queue looks finished though it only moved.
//! So two readings are compared only where the count is another.

use std::ops::Range;
use std::time::Duration;

use eventflow_core::Timestamp;

use super::Reading;

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Standstill {
    quiet: Vec<Range<Duration>>,
    /// Where the stretch began that is going on.
    since: Option<Duration>,
    last: Option<Last>,
    longest: Option<Duration>,
}

/// The last reading that was compared.
#[derive(Clone, Copy, Debug)]
struct Last {
    finished: i128,
    counted_at: Option<Timestamp>,
}

impl Standstill {
    /// Nothing that stands still within `quiet` counts.
    pub(super) fn new(quiet: Vec<Range<Duration>>) -> Self {
        Self {
            quiet,
            since: None,
            last: None,
            longest: None,
        }
    }

    /// Takes the next reading.
    pub(super) fn look(&mut self, reading: &Reading) {
        if self.quiet.iter().any(|window| window.contains(&reading.at)) {
            (self.since, self.last) = (None, None);
            return;
        }
        // Who is not seen may stand still: the stretch goes on.
        let (Some(accepted), Some(backlog)) = (reading.accepted, reading.backlog) else {
            return;
        };
        let now = Last {
            finished: i128::from(accepted) - i128::from(backlog),
            counted_at: reading.counted_at,
        };
        let moved = backlog == 0 || self.last.is_none_or(|last| now.is_ahead_of(last));
        if moved || self.last.is_none_or(|last| now.is_comparable_with(last)) {
            self.last = Some(now);
        }
        let since = *self.since.get_or_insert(reading.at);
        self.longest = self.longest.max(Some(reading.at.saturating_sub(since)));
        if moved {
            self.since = Some(reading.at);
        }
    }

    /// The longest stretch; none where none could be observed.
    pub(super) fn longest(&self) -> Option<Duration> {
        self.longest
    }
}

impl Last {
    /// Whether the count is another; where nobody counts, the queue is all there is.
    fn is_comparable_with(self, before: Self) -> bool {
        self.counted_at.is_none() || self.counted_at != before.counted_at
    }

    fn is_ahead_of(self, before: Self) -> bool {
        self.is_comparable_with(before) && self.finished > before.finished
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Feeds readings of second, accepted, backlog and second of the count.
    fn longest(quiet: Vec<Range<Duration>>, readings: &[(u64, u64, u64, i64)]) -> Option<Duration> {
        let mut standstill = Standstill::new(quiet);
        for (at, accepted, backlog, counted) in readings {
            standstill.look(&Reading {
                at: seconds(*at),
                accepted: Some(*accepted),
                backlog: Some(*backlog),
                counted_at: Some(Timestamp::from_micros(*counted)),
                ..Reading::blank(Instant::now())
            });
        }
        standstill.longest()
    }

    #[tokio::test]
    async fn what_goes_on_does_not_stand_still() {
        let readings: Vec<_> = (0..60)
            .map(|at| (at, 100 * at, 50, i64::try_from(at / 5).expect("small")))
            .collect();
        assert_eq!(longest(vec![], &readings), Some(seconds(5)));
    }

    #[tokio::test]
    async fn a_backlog_that_only_grows_stands_still() {
        let readings: Vec<_> = (0..60)
            .map(|at| {
                (
                    at,
                    100 * at,
                    if at < 10 { 0 } else { 100 * (at - 9) },
                    i64::try_from(at / 5).expect("small"),
                )
            })
            .collect();
        assert_eq!(longest(vec![], &readings), Some(seconds(50)));
    }

    #[tokio::test]
    async fn nothing_to_do_is_no_standstill() {
        let readings: Vec<_> = (0..60).map(|at| (at, 10, 0, 1)).collect();
        assert_eq!(longest(vec![], &readings), Some(seconds(1)));
    }

    #[tokio::test]
    async fn what_only_moves_from_queue_to_ledger_is_not_finished() {
        // The backlog shrinks between two counts, and the next count shows that nothing was finished.
        let readings = [
            (0, 100, 100, 0),
            (3, 100, 20, 0),
            (5, 100, 100, 1),
            (8, 100, 10, 1),
            (10, 100, 100, 2),
        ];
        assert_eq!(longest(vec![], &readings), Some(seconds(10)));
    }

    #[tokio::test]
    async fn windows_of_faults_do_not_count() {
        let readings: Vec<_> = (0..60)
            .map(|at| (at, 100, 50, i64::try_from(at / 5).expect("small")))
            .collect();
        assert_eq!(longest(vec![seconds(10)..seconds(40)], &readings), Some(seconds(19)));
        assert_eq!(longest(vec![seconds(0)..seconds(60)], &readings), None);
    }

    #[tokio::test]
    async fn who_is_not_seen_may_stand_still() {
        let mut standstill = Standstill::new(vec![]);
        let seen = |at: u64, finished: u64, counted: i64| Reading {
            at: seconds(at),
            accepted: Some(finished + 10),
            backlog: Some(10),
            counted_at: Some(Timestamp::from_micros(counted)),
            ..Reading::blank(Instant::now())
        };
        standstill.look(&seen(0, 0, 0));
        standstill.look(&Reading {
            at: seconds(20),
            ..Reading::blank(Instant::now())
        });
        standstill.look(&seen(30, 5, 6));
        assert_eq!(standstill.longest(), Some(seconds(30)));
    }
}
