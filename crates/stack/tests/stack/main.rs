//! The tests of this crate against real processes.

mod held;
mod lifeline;
mod servers;
mod support;
