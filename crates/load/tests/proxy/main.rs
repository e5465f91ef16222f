//! Every toxic of the fault proxy does what it says, seen by a plain TCP client and a plain TCP server.
//!
//! Nothing is proved by the time it takes: what is to be held back is held back for an hour, and arrives when the toxic is
//! disarmed. How long things take is a matter of the unit tests, whose time is simulated.

mod black_hole;
mod cutting;
mod drop_reply;
mod holding;
mod passing;
mod refusing;
mod resetting;
mod rig;
mod together;
