//! Bytes arrive in small pieces, some time apart.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::grip::{Grip, Piece, later};
use crate::proxy::link::End;
use crate::proxy::way::Each;

#[derive(Debug)]
pub(super) struct Slice {
    bytes: usize,
    delay: Duration,
    /// When the last piece went.
    last: Each<Option<Instant>>,
}

impl Slice {
    pub(super) fn new(bytes: usize, delay: Duration) -> Self {
        Self {
            bytes: bytes.max(1),
            delay,
            last: Each::default(),
        }
    }
}

impl Grip for Slice {
    fn piece(&self) -> usize {
        self.bytes
    }

    fn due(&self, piece: &Piece) -> Option<Instant> {
        let last = self.last.of(piece.way).filter(|_| piece.bytes > 0)?;
        Some(later(last, self.delay))
    }

    fn passed(&mut self, piece: &Piece, now: Instant) -> Option<End> {
        *self.last.of_mut(piece.way) = Some(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::way::Way;

    #[test]
    fn the_first_piece_goes_at_once_and_each_other_one_delay_after_the_last() {
        let mut slice = Slice::new(3, Duration::from_millis(5));
        assert_eq!(slice.piece(), 3);
        let arrived = Instant::now();
        let piece = |way, bytes| Piece {
            way,
            number: 0,
            arrived,
            bytes,
            answers: None,
        };
        assert_eq!(slice.due(&piece(Way::Up, 3)), None);
        slice.passed(&piece(Way::Up, 3), arrived);
        assert_eq!(slice.due(&piece(Way::Up, 3)), Some(arrived + Duration::from_millis(5)));
        let late = arrived + Duration::from_millis(9);
        slice.passed(&piece(Way::Up, 3), late);
        assert_eq!(slice.due(&piece(Way::Up, 2)), Some(late + Duration::from_millis(5)));
        assert_eq!(slice.due(&piece(Way::Down, 3)), None, "the other direction has its own");
        assert_eq!(slice.due(&piece(Way::Up, 0)), None, "an end is no piece");
    }
}
