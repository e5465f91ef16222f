//! The laws of the queue, by what they are about.

pub mod door;
pub mod reading;
pub mod settling;
