//! What each toxic does to a connection, one kind a file.

mod bandwidth;
mod black_hole;
mod cut_after;
mod drop_reply;
mod latency;
mod refuse;
mod reset;
mod slice;
mod slow_close;

use super::arms::Arm;
use super::grip::Grip;
use crate::scenario::Toxic;

/// The hold of what is armed on the connection of this number.
pub(super) fn grip(arm: &Arm, link: u64) -> Box<dyn Grip> {
    match arm.toxic {
        Toxic::Latency { delay, jitter } => Box::new(latency::Latency::new(delay, jitter, arm.seed, link)),
        Toxic::Bandwidth { bytes_per_s } => Box::new(bandwidth::Bandwidth::new(bytes_per_s)),
        Toxic::Slice { bytes, delay } => Box::new(slice::Slice::new(bytes, delay)),
        Toxic::SlowClose { delay } => Box::new(slow_close::SlowClose { delay }),
        Toxic::BlackHole => Box::new(black_hole::BlackHole),
        Toxic::Reset => Box::new(reset::Reset { seen_by: arm.side }),
        Toxic::CutAfter { bytes } => Box::new(cut_after::CutAfter { left: bytes }),
        Toxic::Refuse => Box::new(refuse::Refuse),
        Toxic::DropReply => Box::new(drop_reply::DropReply {
            share: arm.share,
            seed: arm.seed,
            link,
        }),
    }
}
