//! Chooses what operators do: pauses, handlers retired, dead letters changed.

use eventflow_core::{EventKey, EventState, LetterAction, LetterOrder, PauseOrder, RetireOrder};

use super::chooser::{Chooser, PATTERNS, TYPES, uuid};
use super::step::{LEASE, Step};
use crate::build::pattern;

impl Chooser {
    /// Resumes more often than it pauses, so that a run does not stand still.
    pub(super) fn pause(&mut self) -> Step {
        let handler = PATTERNS[self.rng.usize(0..PATTERNS.len())];
        Step::Pause(PauseOrder {
            handler: (self.rng.u8(0..3) > 0).then(|| pattern(handler)),
            paused: self.rng.u8(0..4) == 0,
            actor: "operator".to_owned(),
        })
    }

    pub(super) fn retire(&mut self) -> Step {
        Step::Retire(RetireOrder {
            handler: pattern(PATTERNS[self.rng.usize(0..PATTERNS.len())]),
            lease_time: LEASE,
            actor: "operator".to_owned(),
        })
    }

    pub(super) fn letters(&mut self) -> Step {
        if !self.orders.is_empty() && self.rng.u8(0..8) == 0 {
            return Step::Letters(self.orders[self.rng.usize(0..self.orders.len())].clone());
        }
        let action = [
            LetterAction::Requeue,
            LetterAction::Requeue,
            LetterAction::Discard,
            LetterAction::Restore,
        ][self.rng.usize(0..4)];
        let mut keys = vec![self.any_key()];
        keys.extend(self.letter_key());
        if self.rng.u8(0..4) == 0 {
            keys.push(keys[0]);
        }
        let order = LetterOrder {
            job: uuid(&mut self.rng),
            action,
            keys,
            actor: "operator".to_owned(),
        };
        self.orders.push(order.clone());
        Step::Letters(order)
    }

    fn any_key(&mut self) -> EventKey {
        let place = self.rng.usize(0..TYPES.len());
        EventKey::of("/", &self.id(place))
    }

    /// A key that has a letter, if there is one.
    fn letter_key(&mut self) -> Option<EventKey> {
        let state = self.model.state();
        let ended = state
            .events
            .iter()
            .filter(|(_, row)| matches!(row.state(), EventState::Dead | EventState::Discarded));
        let keys: Vec<EventKey> = ended.map(|(key, _)| *key).collect();
        drop(state);
        self.rng.choice(keys)
    }
}
