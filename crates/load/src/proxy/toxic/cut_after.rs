//! Connections are reset once so many bytes have passed.

use tokio::time::Instant;

use crate::proxy::grip::{Grip, Piece};
use crate::proxy::link::End;
use crate::scenario::Side;

#[derive(Debug)]
pub(super) struct CutAfter {
    /// Bytes that may still pass.
    pub(super) left: u64,
}

impl CutAfter {
    fn end(&self) -> Option<End> {
        (self.left == 0).then_some(End::Reset(Side::Both))
    }
}

impl Grip for CutAfter {
    fn strike(&self) -> Option<End> {
        self.end()
    }

    fn piece(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX)
    }

    fn passed(&mut self, piece: &Piece, _now: Instant) -> Option<End> {
        self.left = self.left.saturating_sub(piece.bytes as u64);
        self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::way::Way;

    #[test]
    fn both_directions_count_together_and_the_last_byte_ends_it() {
        let mut cut = CutAfter { left: 10 };
        let piece = |way, bytes| Piece {
            way,
            number: 0,
            arrived: Instant::now(),
            bytes,
            answers: None,
        };
        assert_eq!(cut.strike(), None);
        assert_eq!(cut.passed(&piece(Way::Up, 4), Instant::now()), None);
        assert_eq!(cut.piece(), 6, "no piece goes beyond it");
        assert_eq!(
            cut.passed(&piece(Way::Down, 6), Instant::now()),
            Some(End::Reset(Side::Both))
        );
    }

    #[test]
    fn nothing_may_pass_where_nothing_is_left() {
        assert_eq!(CutAfter { left: 0 }.strike(), Some(End::Reset(Side::Both)));
    }
}
