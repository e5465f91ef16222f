//! The API over the model in memory: every input of the table, every failure of its places, every bound.

mod docs;
mod inputs;
mod intake;
mod limits;
mod operate;
mod reads;
mod rig;
