//! No new connection is taken.

use crate::proxy::grip::Grip;

#[derive(Debug)]
pub(super) struct Refuse;

impl Grip for Refuse {
    fn refuses(&self) -> bool {
        true
    }
}
