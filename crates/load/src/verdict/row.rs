//! What the store says of one event.

use eventflow_core::{EventKey, EventState, Timestamp};

/// A row of the list, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: EventKey,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Where it is.
    pub state: EventState,
    /// When the API took it in, by the API's clock.
    pub received_at: Timestamp,
    /// When its row was written, by the store's clock; none while it is queued.
    pub admitted_at: Option<Timestamp>,
    /// When its last attempt or crash ended, by the store's clock; none without.
    pub ended_at: Option<Timestamp>,
    /// Attempts that ended as done.
    pub runs_done: u32,
}

impl Row {
    /// When it was stored, or dead, by the store's clock; none while it is neither.
    pub fn end(&self) -> Option<Timestamp> {
        self.admitted_at
            .filter(|_| self.is_finished())
            .map(|admitted_at| self.ended_at.map_or(admitted_at, |ended_at| ended_at.max(admitted_at)))
    }

    /// Stored: it is done.
    pub fn is_stored(&self) -> bool {
        self.state == EventState::Done
    }

    /// Dead, or given up by a person.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, EventState::Dead | EventState::Discarded)
    }

    /// Stored or dead.
    pub fn is_finished(&self) -> bool {
        self.is_stored() || self.is_dead()
    }

    /// Whether its key is not that of its source and id: so are those that came under an id that was taken.
    pub fn is_misnamed(&self) -> bool {
        self.key != self.true_key()
    }

    /// The key of its source and id.
    pub fn true_key(&self) -> EventKey {
        EventKey::of(&self.source, &self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::{at, row};

    #[test]
    fn an_event_ends_with_its_last_attempt_or_where_it_was_never_run_with_its_admission() {
        let unrun = row("a", EventState::Done);
        assert_eq!(unrun.end(), unrun.admitted_at);
        let run = Row {
            ended_at: Some(at(9.0)),
            ..row("a", EventState::Dead)
        };
        assert_eq!(run.end(), Some(at(9.0)));
        let retried = Row {
            state: EventState::Due,
            ..run
        };
        assert_eq!(retried.end(), None);
    }
}
