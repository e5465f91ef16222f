//! What a value is made of: where it stands, and the items of an array.

use std::slice;

use serde::de::{DeserializeSeed, IntoDeserializer, SeqAccess};
use toml::Spanned;
use toml::de::DeValue;

use super::Node;
use crate::scenario::flaw::{Flaws, Problem};

/// Begin, end, value; without a value where it cannot be read.
pub(super) struct Located<'a> {
    pub(super) step: u8,
    pub(super) node: Node<'a>,
}

impl<'de> SeqAccess<'de> for Located<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        self.step += 1;
        let at = self.node.spanned.span();
        match self.step {
            1 => seed.deserialize(at.start.into_deserializer()).map(Some),
            2 => seed.deserialize(at.end.into_deserializer()).map(Some),
            _ => Ok(seed
                .deserialize(self.node)
                .map_err(|problem| self.node.flaws.push(problem.or_at(at)))
                .ok()),
        }
    }
}

/// The items of an array.
pub(super) struct Items<'a> {
    pub(super) items: slice::Iter<'a, Spanned<DeValue<'a>>>,
    pub(super) flaws: &'a Flaws,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some(item) = self.items.next() else { return Ok(None) };
        seed.deserialize(Node::new(item, self.flaws)).map(Some)
    }
}
