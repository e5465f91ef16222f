//! So many bytes a second, at most, in each direction.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::grip::{Grip, Piece, later};
use crate::proxy::link::End;
use crate::proxy::way::Each;

/// What one piece takes, about, so that bytes trickle and do not come in gulps.
const PIECES_PER_S: u64 = 50;
/// The largest piece.
const LARGEST: u64 = 16 * 1024;
/// What a timer's lateness, or a destination that took nothing for a while, may be made up for.
const CREDIT: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Bandwidth {
    bytes_per_s: u64,
    piece: usize,
    /// When the line is free for the next piece.
    free_at: Each<Option<Instant>>,
}

impl Bandwidth {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        let bytes_per_s = bytes_per_s.max(1);
        let piece = (bytes_per_s / PIECES_PER_S).clamp(1, LARGEST);
        Self {
            bytes_per_s,
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
            free_at: Each::default(),
        }
    }

    /// How long so many bytes take.
    fn span(&self, bytes: usize) -> Duration {
        let nanos = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(self.bytes_per_s));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// When the last byte of the piece is through.
    fn through(&self, piece: &Piece) -> Instant {
        let begins = self
            .free_at
            .of(piece.way)
            .map_or(piece.arrived, |free_at| free_at.max(piece.arrived));
        later(begins, self.span(piece.bytes))
    }
}

impl Grip for Bandwidth {
    fn piece(&self) -> usize {
        self.piece
    }

    fn due(&self, piece: &Piece) -> Option<Instant> {
        (piece.bytes > 0).then(|| self.through(piece))
    }

    fn passed(&mut self, piece: &Piece, now: Instant) -> Option<End> {
        let through = self.through(piece);
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        *self.free_at.of_mut(piece.way) = Some(through.max(earliest));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::way::Way;

    fn piece(way: Way, arrived: Instant, bytes: usize) -> Piece {
        Piece {
            way,
            number: 0,
            arrived,
            bytes,
            answers: None,
        }
    }

    #[test]
    fn bytes_take_their_time_however_they_are_cut() {
        let mut bandwidth = Bandwidth::new(100_000);
        assert_eq!(bandwidth.piece(), 2_000);
        let arrived = Instant::now();
        let mut now = arrived;
        for _ in 0..50 {
            let piece = piece(Way::Up, arrived, bandwidth.piece());
            now = bandwidth.due(&piece).expect("it always has a say");
            assert_eq!(bandwidth.passed(&piece, now), None);
        }
        assert_eq!(
            now - arrived,
            Duration::from_secs(1),
            "100,000 bytes at 100,000 a second"
        );
    }

    #[test]
    fn each_direction_has_its_own() {
        let mut bandwidth = Bandwidth::new(1_000);
        let arrived = Instant::now();
        let up = piece(Way::Up, arrived, 20);
        bandwidth.passed(&up, arrived + Duration::from_millis(20));
        let down = bandwidth.due(&piece(Way::Down, arrived, 20));
        assert_eq!(down, Some(arrived + Duration::from_millis(20)));
        assert_eq!(bandwidth.due(&up), Some(arrived + Duration::from_millis(40)));
    }

    #[test]
    fn a_destination_that_slept_is_not_flooded_afterwards() {
        let mut bandwidth = Bandwidth::new(1_000);
        let arrived = Instant::now();
        let late = arrived + Duration::from_mins(1);
        let piece = piece(Way::Up, arrived, 20);
        bandwidth.passed(&piece, late);
        assert!(bandwidth.due(&piece) >= Some(late));
    }

    #[test]
    fn an_end_is_not_held_back() {
        let bandwidth = Bandwidth::new(1);
        assert_eq!(bandwidth.due(&piece(Way::Up, Instant::now(), 0)), None);
    }
}
