//! What is known of all attempts of one event together.

use std::iter::Peekable;
use std::time::Duration;

use eventflow_core::{EventKey, Timestamp};

use crate::journal::{Heard, JournalError, Record};

/// All attempts that bear one key.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    /// The key.
    pub(super) key: EventKey,
    /// When the first that may have been kept was to be sent.
    pub(super) intended: Duration,
    /// Its kind.
    pub(super) kind: u16,
    /// Its phase.
    pub(super) phase: u16,
    /// When the last one that was acknowledged was sent.
    acked: Option<Timestamp>,
    /// When a fault of the run last destroyed the key.
    destroyed: Option<Timestamp>,
    /// One of them was left without an answer.
    nothing: bool,
    /// One of them was refused as something failed.
    failed: bool,
    /// One of them was refused at the door.
    refused: bool,
}

impl Attempts {
    fn new(first: Record) -> Self {
        let mut attempts = Self {
            key: first.key,
            intended: first.intended,
            kind: first.kind,
            phase: first.phase,
            acked: None,
            destroyed: None,
            nothing: false,
            failed: false,
            refused: false,
        };
        attempts.add(first);
        attempts
    }

    fn add(&mut self, record: Record) {
        let is_possible = matches!(record.heard, Heard::Acked | Heard::Nothing | Heard::Failed);
        if is_possible && !self.may_be_there() {
            (self.intended, self.kind, self.phase) = (record.intended, record.kind, record.phase);
        }
        match record.heard {
            Heard::Acked => self.acked = self.acked.max(Some(record.sent_at)),
            Heard::Destroyed => self.destroyed = self.destroyed.max(Some(record.sent_at)),
            Heard::Nothing => self.nothing = true,
            Heard::Failed => self.failed = true,
            Heard::Refused => self.refused = true,
            Heard::NotSent => {}
        }
    }

    /// Acknowledged at least once.
    pub(super) fn is_acked(&self) -> bool {
        self.acked.is_some()
    }

    /// Not acknowledged, and of one attempt nobody knows.
    pub(super) fn is_unknown(&self) -> bool {
        !self.is_acked() && self.nothing
    }

    /// Refused each time.
    pub(super) fn is_rejected(&self) -> bool {
        !self.is_acked() && !self.nothing && (self.failed || self.refused)
    }

    /// Whether it may have been kept.
    pub(super) fn may_be_there(&self) -> bool {
        self.is_acked() || self.nothing || self.failed
    }

    /// Whether it was destroyed, and not acknowledged of an attempt that was made after that.
    pub(super) fn is_destroyed(&self) -> bool {
        self.destroyed >= self.acked && self.destroyed.is_some()
    }
}

/// Puts records of one key together. They come by key.
pub(super) struct Keys<I: Iterator<Item = Result<Record, JournalError>>> {
    records: Peekable<I>,
}

impl<I: Iterator<Item = Result<Record, JournalError>>> Keys<I> {
    pub(super) fn new(records: I) -> Self {
        Self {
            records: records.peekable(),
        }
    }

    /// The next key; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Attempts>, JournalError> {
        let Some(first) = self.records.next().transpose()? else {
            return Ok(None);
        };
        let mut attempts = Attempts::new(first);
        while let Some(more) = self
            .records
            .next_if(|next| next.as_ref().is_ok_and(|next| next.key == first.key))
        {
            attempts.add(more?);
        }
        Ok(Some(attempts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::{at, key, record};

    fn together(records: &[Record]) -> Attempts {
        let mut keys = Keys::new(records.iter().copied().map(Ok));
        keys.next().expect("no error").expect("a key")
    }

    #[test]
    fn one_acknowledgement_among_many_attempts_is_enough() {
        for other in [Heard::Refused, Heard::Failed, Heard::Nothing, Heard::NotSent] {
            let attempts = together(&[record("a", 1.0, other), record("a", 2.0, Heard::Acked)]);
            assert!(
                attempts.is_acked() && !attempts.is_unknown() && !attempts.is_rejected(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn it_is_counted_from_the_first_attempt_that_may_have_been_kept() {
        let second = Record {
            phase: 1,
            ..record("a", 2.0, Heard::Nothing)
        };
        let attempts = together(&[record("a", 1.0, Heard::Refused), second, record("a", 3.0, Heard::Acked)]);
        assert_eq!((attempts.intended, attempts.phase), (Duration::from_secs(2), 1));
    }

    #[test]
    fn what_is_unknown_is_not_rejected_and_what_was_not_sent_is_neither() {
        let unknown = together(&[record("a", 1.0, Heard::Nothing), record("a", 2.0, Heard::Refused)]);
        assert!(unknown.is_unknown() && unknown.may_be_there());
        let failed = together(&[record("a", 1.0, Heard::Failed)]);
        assert!(failed.is_rejected() && failed.may_be_there());
        let refused = together(&[record("a", 1.0, Heard::Refused)]);
        assert!(refused.is_rejected() && !refused.may_be_there());
        let not_sent = together(&[record("a", 1.0, Heard::NotSent)]);
        assert!(!not_sent.is_rejected() && !not_sent.is_unknown() && !not_sent.may_be_there());
    }

    #[test]
    fn a_flush_excuses_what_was_sent_before_it_and_nothing_that_came_after() {
        let flushed = |when| Record {
            sent_at: at(when),
            ..record("a", f64::from(u32::MAX), Heard::Destroyed)
        };
        assert!(together(&[record("a", 1.0, Heard::Acked), flushed(2.0)]).is_destroyed());
        assert!(
            !together(&[
                record("a", 1.0, Heard::Acked),
                record("a", 3.0, Heard::Acked),
                flushed(2.0)
            ])
            .is_destroyed()
        );
        assert!(!together(&[record("a", 1.0, Heard::Acked)]).is_destroyed());
    }

    #[test]
    fn keys_are_told_apart() {
        let mut records = vec![
            record("a", 1.0, Heard::Acked),
            record("b", 1.0, Heard::Acked),
            record("a", 2.0, Heard::Acked),
        ];
        records.sort_unstable();
        let mut keys = Keys::new(records.into_iter().map(Ok));
        let mut seen = Vec::new();
        while let Some(attempts) = keys.next().expect("no error") {
            seen.push(attempts.key);
        }
        let mut expected = vec![key("a"), key("b")];
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }
}
