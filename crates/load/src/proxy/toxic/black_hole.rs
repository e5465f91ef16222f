//! Bytes vanish, and nobody is told.

use crate::proxy::grip::Grip;

#[derive(Debug)]
pub(super) struct BlackHole;

impl Grip for BlackHole {
    fn swallows(&self) -> bool {
        true
    }
}
