//! Connections are reset.

use crate::proxy::grip::Grip;
use crate::proxy::link::End;
use crate::scenario::Side;

#[derive(Debug)]
pub(super) struct Reset {
    /// The server, the client, or both.
    pub(super) seen_by: Side,
}

impl Grip for Reset {
    fn strike(&self) -> Option<End> {
        Some(End::Reset(self.seen_by))
    }
}
