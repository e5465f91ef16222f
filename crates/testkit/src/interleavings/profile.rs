//! What a run is about: each profile makes other collisions likely.

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Advance,
    Admit,
    Lease,
    Suspect,
    Renew,
    Live,
    Crash,
    Record,
    Zombie,
    Restart,
    Leave,
    Register,
    Pause,
    Retire,
    Rematch,
    Count,
    Letters,
    Purge,
}

use Kind::{
    Admit, Advance, Count, Crash, Lease, Leave, Letters, Live, Pause, Purge, Record, Register, Rematch, Renew, Restart,
    Retire, Suspect, Zombie,
};

type Weights = &'static [(Kind, u32)];

const GENERAL: Weights = &[
    (Advance, 16),
    (Admit, 16),
    (Lease, 16),
    (Suspect, 6),
    (Renew, 12),
    (Live, 4),
    (Crash, 1),
    (Record, 16),
    (Zombie, 6),
    (Restart, 2),
    (Leave, 1),
    (Register, 1),
    (Pause, 4),
    (Retire, 1),
    (Rematch, 2),
    (Count, 1),
    (Letters, 8),
    (Purge, 3),
];

/// Leases lapse, again and again.
const CRASHES: Weights = &[
    (Advance, 4),
    (Admit, 6),
    (Lease, 6),
    (Suspect, 4),
    (Renew, 2),
    (Live, 2),
    (Crash, 12),
    (Record, 4),
    (Zombie, 3),
    (Restart, 2),
    (Pause, 1),
    (Rematch, 1),
    (Letters, 4),
];

/// Operators at work.
const OPERATORS: Weights = &[
    (Advance, 14),
    (Admit, 16),
    (Lease, 16),
    (Suspect, 2),
    (Renew, 6),
    (Live, 2),
    (Record, 18),
    (Zombie, 6),
    (Pause, 4),
    (Letters, 26),
    (Purge, 8),
];

/// Handlers come and go.
const HANDLERS: Weights = &[
    (Advance, 18),
    (Admit, 18),
    (Lease, 12),
    (Suspect, 3),
    (Renew, 8),
    (Live, 5),
    (Crash, 3),
    (Record, 8),
    (Zombie, 3),
    (Restart, 3),
    (Leave, 5),
    (Register, 8),
    (Pause, 4),
    (Retire, 14),
    (Rematch, 10),
    (Count, 3),
    (Letters, 6),
    (Purge, 2),
];

/// What a run of this seed is about.
pub(super) const fn weights(seed: u64) -> Weights {
    match seed % 4 {
        0 => HANDLERS,
        1 => GENERAL,
        2 => CRASHES,
        _ => OPERATORS,
    }
}
