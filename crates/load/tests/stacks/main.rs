//! Private stacks and their faults, on real processes: each fault does what it says, and nothing stays behind.

mod embedded;
mod found;
mod guarded;
mod network;
mod postgres;
mod power;
mod redis;
mod rig;
