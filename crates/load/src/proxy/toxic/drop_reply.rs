//! A request goes through, its answer is lost, and the connection ends.

use crate::proxy::draw::draw;
use crate::proxy::grip::{Grip, Piece};
use crate::proxy::link::End;
use crate::scenario::Side;

#[derive(Debug)]
pub(super) struct DropReply {
    /// The part of replies that is lost.
    pub(super) share: f64,
    pub(super) seed: u64,
    pub(super) link: u64,
}

impl Grip for DropReply {
    fn cuts(&self, piece: &Piece) -> Option<End> {
        let request = piece.answers.filter(|_| piece.bytes > 0)?;
        (draw(self.seed, &[self.link, request]) < self.share).then_some(End::Reset(Side::Down))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::proxy::way::Way;

    fn piece(bytes: usize, answers: Option<u64>) -> Piece {
        Piece {
            way: Way::Down,
            number: 0,
            arrived: Instant::now(),
            bytes,
            answers,
        }
    }

    #[test]
    fn only_answers_are_dropped() {
        let drop = DropReply {
            share: 1.0,
            seed: 7,
            link: 0,
        };
        assert_eq!(drop.cuts(&piece(5, Some(1))), Some(End::Reset(Side::Down)));
        assert_eq!(drop.cuts(&piece(5, None)), None, "nobody asked for it");
        assert_eq!(drop.cuts(&piece(0, Some(1))), None, "an end is no answer");
    }

    #[test]
    fn the_share_is_of_replies() {
        let drop = DropReply {
            share: 0.1,
            seed: 7,
            link: 4,
        };
        let dropped = (0..10_000)
            .filter(|request| drop.cuts(&piece(5, Some(*request))).is_some())
            .count();
        assert!((900..1_100).contains(&dropped), "{dropped}");
    }
}
