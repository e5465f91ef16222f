//! The end of a connection is passed on later.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::grip::{Grip, Piece, later};

#[derive(Debug)]
pub(super) struct SlowClose {
    pub(super) delay: Duration,
}

impl Grip for SlowClose {
    fn due(&self, piece: &Piece) -> Option<Instant> {
        (piece.bytes == 0).then(|| later(piece.arrived, self.delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::way::Way;

    #[test]
    fn only_the_end_is_held_back() {
        let slow = SlowClose {
            delay: Duration::from_secs(3),
        };
        let arrived = Instant::now();
        let mut piece = Piece {
            way: Way::Up,
            number: 0,
            arrived,
            bytes: 1,
            answers: None,
        };
        assert_eq!(slow.due(&piece), None);
        piece.bytes = 0;
        assert_eq!(slow.due(&piece), Some(arrived + Duration::from_secs(3)));
    }
}
