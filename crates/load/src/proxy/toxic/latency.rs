//! Bytes arrive later, by a delay plus or minus at most a jitter; their order stays.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::draw::draw;
use crate::proxy::grip::{Grip, Piece, later};

/// What may be on the way at once: 80 MiB/s at 50 ms.
const ROOM: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Latency {
    delay: Duration,
    jitter: Duration,
    seed: u64,
    link: u64,
}

impl Latency {
    pub(super) const fn new(delay: Duration, jitter: Duration, seed: u64, link: u64) -> Self {
        Self {
            delay,
            jitter,
            seed,
            link,
        }
    }

    /// How much later what one read gave arrives. It is drawn by the read's number, so that it is the same whenever asked.
    fn of(&self, piece: &Piece) -> Duration {
        if self.jitter.is_zero() {
            return self.delay;
        }
        let drawn = draw(self.seed, &[self.link, piece.way.number(), piece.number]);
        let added = self.jitter.saturating_mul(2).mul_f64(drawn);
        self.delay.saturating_add(added).saturating_sub(self.jitter)
    }
}

impl Grip for Latency {
    fn room(&self) -> usize {
        ROOM
    }

    fn due(&self, piece: &Piece) -> Option<Instant> {
        Some(later(piece.arrived, self.of(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::way::Way;

    fn piece(number: u64, arrived: Instant) -> Piece {
        Piece {
            way: Way::Down,
            number,
            arrived,
            bytes: 10,
            answers: None,
        }
    }

    #[test]
    fn without_jitter_all_arrives_exactly_so_much_later() {
        let latency = Latency::new(Duration::from_millis(50), Duration::ZERO, 7, 0);
        let arrived = Instant::now();
        assert_eq!(
            latency.due(&piece(0, arrived)),
            Some(arrived + Duration::from_millis(50))
        );
        assert_eq!(
            latency.due(&piece(1, arrived)),
            Some(arrived + Duration::from_millis(50)),
            "it is a delay, not a rate: what was read together arrives together"
        );
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_uses_both_halves() {
        let latency = Latency::new(Duration::from_millis(50), Duration::from_millis(10), 7, 3);
        let arrived = Instant::now();
        let delays: Vec<Duration> = (0..200)
            .map(|number| latency.due(&piece(number, arrived)).expect("it always has a say") - arrived)
            .collect();
        for delay in &delays {
            assert!((Duration::from_millis(40)..=Duration::from_millis(60)).contains(delay));
        }
        assert!(delays.iter().any(|delay| *delay < Duration::from_millis(45)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_millis(55)));
        assert_eq!(latency.due(&piece(5, arrived)), latency.due(&piece(5, arrived)));
    }

    #[test]
    fn a_jitter_above_the_delay_never_goes_back_in_time() {
        let latency = Latency::new(Duration::from_millis(1), Duration::from_secs(1), 7, 3);
        let arrived = Instant::now();
        for number in 0..50 {
            assert!(latency.due(&piece(number, arrived)) >= Some(arrived));
        }
    }

    #[test]
    fn a_delay_beyond_all_clocks_is_no_panic() {
        let latency = Latency::new(Duration::MAX, Duration::from_secs(1), 7, 3);
        let arrived = Instant::now();
        assert!(latency.due(&piece(0, arrived)) > Some(arrived));
    }
}
