//! The tests of this crate against real processes.

mod lifeline;
mod servers;
mod support;
