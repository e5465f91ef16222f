//! Looks events, lists and letters up.

use std::ops::Bound;
use std::sync::Arc;

use eventflow_core::{
    Event, EventFilter, EventKey, EventLine, EventRecord, EventState, Letter, LetterFilter, Page, Payload, Runs, Work,
};

use super::rows::{EventRow, State};

impl State {
    pub(crate) fn get(&self, key: EventKey) -> Option<EventRecord> {
        let row = self.events.get(&key)?;
        let mut attempts = row.attempts.clone();
        attempts.sort_by_key(|attempt| (attempt.ended_at, attempt.number));
        let is_reused = |(_, other): &(&EventKey, &EventRow)| {
            other.letter.as_ref().is_some_and(|letter| letter.original == Some(key))
        };
        Some(EventRecord {
            event: row.event.as_ref().clone(),
            state: row.state(),
            admitted_at: row.admitted_at,
            copies_seen: row.copies_seen,
            work: row.work.as_ref().map(|work| Work {
                handler: work.handler.clone(),
                due_at: work.due_at,
                worker: work.lease.map(|lease| lease.worker),
                attempt: work.attempt,
                base: work.base,
                crashes: work.crashes,
            }),
            attempts,
            death: row.letter.clone(),
            id_reused: self.events.iter().filter(is_reused).map(|(other, _)| *other).collect(),
        })
    }

    pub(crate) fn list(&self, filter: &EventFilter, page: Page) -> Vec<EventLine> {
        let lines = self.behind(page.after).filter(|row| {
            let event = &row.event;
            filter.source.as_ref().is_none_or(|source| *source == event.source)
                && filter
                    .event_type
                    .as_ref()
                    .is_none_or(|wanted| *wanted == event.event_type)
                && filter.state.is_none_or(|state| state == row.state())
                && filter.from.is_none_or(|from| event.received_at >= from)
                && filter.until.is_none_or(|until| event.received_at < until)
        });
        let line = |row: &EventRow| EventLine {
            event: shown(&row.event, page.with_data),
            state: row.state(),
            copies_seen: row.copies_seen,
            admitted_at: row.admitted_at,
            runs: page.with_runs.then(|| Runs::of(&row.attempts)),
        };
        lines.take(page.limit as usize).map(line).collect()
    }

    pub(crate) fn letters(&self, filter: &LetterFilter, page: Page) -> Vec<Letter> {
        let wanted_state = if filter.discarded {
            EventState::Discarded
        } else {
            EventState::Dead
        };
        let letters = self.behind(page.after).filter_map(|row| {
            let death = row.letter.as_ref().filter(|_| row.state() == wanted_state)?;
            let event = &row.event;
            let fits = filter.source.as_ref().is_none_or(|source| *source == event.source)
                && filter
                    .event_type
                    .as_ref()
                    .is_none_or(|wanted| *wanted == event.event_type)
                && filter.reason.is_none_or(|reason| reason == death.reason)
                && filter.cause.as_ref().is_none_or(|cause| *cause == death.cause)
                && filter.from.is_none_or(|from| death.died_at >= from)
                && filter.until.is_none_or(|until| death.died_at < until);
            fits.then(|| Letter {
                event: shown(event, page.with_data),
                death: death.clone(),
            })
        });
        letters.take(page.limit as usize).collect()
    }

    pub(crate) fn letter_counts(&self) -> (u64, u64) {
        let of = |state| self.events.values().filter(|row| row.state() == state).count() as u64;
        (of(EventState::Dead), of(EventState::Discarded))
    }

    fn behind(&self, after: Option<EventKey>) -> impl Iterator<Item = &EventRow> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.events.range((start, Bound::Unbounded)).map(|(_, row)| row)
    }
}

fn shown(event: &Arc<Event>, with_data: bool) -> Event {
    let mut event = event.as_ref().clone();
    if !with_data {
        event.data = Payload::Empty;
    }
    event
}
