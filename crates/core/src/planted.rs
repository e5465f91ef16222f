//! Bugs planted on purpose: the test of the test. Each is a mistake that somebody could make here, and a scenario must catch
//! it (`cargo xtask planted`).
//!
//! Only the feature `planted` builds them in, which no release has; the variable [`PLANTED`] chooses one. Without the
//! feature [`planted`] is constantly false, and the compiler leaves out what stands behind it.

/// The variable of the environment that chooses a bug by its name.
pub const PLANTED: &str = "EVENTFLOW_PLANTED";

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Entries of the queue are settled before the ledger has committed them.
    SettleBeforeCommit,
    /// Events are acknowledged before the queue has said that they are durable.
    AckBeforeDurable,
    /// The queue is trimmed by its length.
    TrimByLength,
    /// A consumer group that is gone is made anew at the end of its stream.
    GroupAtEnd,
    /// Entries are deleted from the queue as they are given to a worker.
    DeleteOnClaim,
    /// An outage of the ledger makes dead letters of the events that met it.
    DeadLetterOnOutage,
    /// An outcome counts though its row bears another lease, or none.
    OutcomeWithoutLease,
    /// A copy of an event is run again.
    CopyIsRun,
    /// The loop that reads the queue ends at an error, and nobody is told.
    ReaderEndsSilently,
    /// Batches go into the ledger in any order.
    UnsortedBatches,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 10] = [
        Self::SettleBeforeCommit,
        Self::AckBeforeDurable,
        Self::TrimByLength,
        Self::GroupAtEnd,
        Self::DeleteOnClaim,
        Self::DeadLetterOnOutage,
        Self::OutcomeWithoutLease,
        Self::CopyIsRun,
        Self::ReaderEndsSilently,
        Self::UnsortedBatches,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SettleBeforeCommit => "settle-before-commit",
            Self::AckBeforeDurable => "ack-before-durable",
            Self::TrimByLength => "trim-by-length",
            Self::GroupAtEnd => "group-at-end",
            Self::DeleteOnClaim => "delete-on-claim",
            Self::DeadLetterOnOutage => "dead-letter-on-outage",
            Self::OutcomeWithoutLease => "outcome-without-lease",
            Self::CopyIsRun => "copy-is-run",
            Self::ReaderEndsSilently => "reader-ends-silently",
            Self::UnsortedBatches => "unsorted-batches",
        }
    }
}

/// Whether this bug is planted.
#[cfg(not(feature = "planted"))]
#[inline]
pub const fn planted(_bug: Bug) -> bool {
    false
}

/// The bug that is planted.
#[cfg(not(feature = "planted"))]
pub const fn planted_bug() -> Option<Bug> {
    None
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
pub fn planted(bug: Bug) -> bool {
    planted_bug() == Some(bug)
}

/// The bug that is planted.
///
/// # Panics
/// Where the variable names none: whoever misspells a bug must not believe that it was not caught.
#[cfg(feature = "planted")]
pub fn planted_bug() -> Option<Bug> {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var(PLANTED).ok().filter(|name| !name.is_empty())?;
        let bug = Bug::ALL.into_iter().find(|bug| bug.name() == name);
        assert!(bug.is_some(), "{PLANTED}: there is no bug `{name}`");
        bug
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_unless_somebody_asks_for_it() {
        assert_eq!(planted_bug(), None);
        assert!(Bug::ALL.into_iter().all(|bug| !planted(bug)));
    }

    #[test]
    fn every_bug_has_a_name_of_its_own() {
        let mut names = Bug::ALL.map(Bug::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
