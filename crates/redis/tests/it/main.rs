//! The queue on Redis against a server of its own: the laws of every queue, and what is Redis' alone.

mod append;
mod damage;
mod depth;
mod durability;
mod entries;
mod forbidden;
mod laws;
mod marks;
mod outage;
mod reading;
mod rig;
