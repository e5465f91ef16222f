//! What has been read in one direction and waits to be passed on: a first-in-first-out line of bounded size.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

/// What one read takes of the line beside its bytes, so that a flood of tiny reads is bounded too.
const OVERHEAD: usize = 64;

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// In order: nothing more will be sent.
    Fin,
    /// By a reset.
    Reset,
}

/// What stands in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// What one read gave.
    Bytes(Bytes),
    /// The end of the direction, always the last.
    End(Tail),
}

impl Load {
    /// Its bytes; an end has none.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::End(_) => 0,
        }
    }
}

/// The oldest of a line, or what is left of it.
#[derive(Debug)]
pub(super) struct Head {
    /// Which read it is from, counted from 0.
    pub(super) number: u64,
    /// When it was read.
    pub(super) arrived: Instant,
    /// What it is.
    pub(super) load: Load,
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Line {
    heads: VecDeque<Head>,
    held: usize,
    read: u64,
}

impl Line {
    /// The bytes that it holds, and something for each read.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// The oldest.
    pub(super) fn head(&self) -> Option<&Head> {
        self.heads.front()
    }

    /// One more at its end.
    pub(super) fn push(&mut self, load: Load, now: Instant) {
        self.held += OVERHEAD + load.len();
        self.heads.push_back(Head {
            number: self.read,
            arrived: now,
            load,
        });
        self.read += 1;
    }

    /// So many bytes of the oldest have gone on, at most all of them. An end, and what has no more bytes, leaves the line.
    pub(super) fn advance(&mut self, bytes: usize) {
        let Some(head) = self.heads.front_mut() else { return };
        if let Load::Bytes(left) = &mut head.load {
            let gone = bytes.min(left.len());
            left.advance(gone);
            self.held -= gone;
        }
        if head.load.len() == 0 {
            self.heads.pop_front();
            self.held -= OVERHEAD;
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_and_in_parts() {
        let now = Instant::now();
        let mut line = Line::default();
        line.push(Load::Bytes(Bytes::from_static(b"abc")), now);
        line.push(Load::Bytes(Bytes::from_static(b"de")), now);
        line.push(Load::End(Tail::Fin), now);
        assert_eq!(line.held(), 3 * OVERHEAD + 5);

        line.advance(1);
        let head = line.head().expect("two bytes are left of the first");
        assert_eq!(head.load, Load::Bytes(Bytes::from_static(b"bc")));
        assert_eq!(head.number, 0);
        line.advance(2);
        assert_eq!(line.head().map(|head| head.number), Some(1));
        line.advance(2);
        assert_eq!(line.head().map(|head| head.load.clone()), Some(Load::End(Tail::Fin)));
        line.advance(0);
        assert!(line.head().is_none());
        assert_eq!(line.held(), 0);
    }

    #[test]
    fn a_flood_of_tiny_reads_takes_room_too() {
        let mut line = Line::default();
        for _ in 0..1_000 {
            line.push(Load::Bytes(Bytes::from_static(b"x")), Instant::now());
        }
        assert_eq!(line.held(), 1_000 * (OVERHEAD + 1));
        line.clear();
        assert_eq!(line.held(), 0);
        assert!(line.head().is_none());
    }
}
