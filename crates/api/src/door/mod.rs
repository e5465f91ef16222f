//! From the bytes of a request to events with an identity.

mod attributes;
mod binary;
mod body;
mod media;
mod negotiate;
mod parse;

pub(crate) use body::{drain, gauge, read};
pub(crate) use media::{Format, require_json};
pub(crate) use negotiate::negotiate;
pub(crate) use parse::{Door, Item, Parsed};

#[cfg(test)]
mod tests;
