//! The two directions of a connection.

use crate::scenario::Side;

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

impl Way {
    /// Whether `side` has this direction.
    pub(super) const fn is_in(self, side: Side) -> bool {
        matches!(
            (self, side),
            (_, Side::Both) | (Self::Up, Side::Up) | (Self::Down, Side::Down)
        )
    }

    /// This direction alone.
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Up => Side::Up,
            Self::Down => Side::Down,
        }
    }

    /// Its number, for draws.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Up => 0,
            Self::Down => 1,
        }
    }
}

/// A value for each direction.
#[derive(Debug, Default)]
pub(super) struct Each<T> {
    up: T,
    down: T,
}

impl<T> Each<T> {
    pub(super) const fn of(&self, way: Way) -> &T {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    pub(super) const fn of_mut(&mut self, way: Way) -> &mut T {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}
