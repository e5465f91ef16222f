//! Where an event is, and why, in one sentence; and what to type next.

use eventflow_core::{AttemptResult, EventState, Pattern, SUSPECT_CRASHES, sanitize};
use eventflow_wire::{EventView, HandlerView, WorkView};
use std::fmt::Write as _;

use super::Around;
use crate::moment::{plural, span};

/// The sentence behind the state. Safe to show.
pub(super) fn of(view: &EventView, around: &Around) -> String {
    match (view.state, &view.work) {
        (EventState::Queued, _) => queued(view),
        (EventState::Due, Some(work)) => due(work, around),
        (EventState::Running, Some(work)) => running(work, around),
        (EventState::Done, _) => done(view),
        (EventState::Dead | EventState::Discarded, _) => died(view),
        (EventState::Due | EventState::Running, None) => "what it waits for is not known".to_owned(),
    }
}

fn queued(view: &EventView) -> String {
    match &view.queue {
        Some(place) => format!(
            "durable in the queue (partition {}, entry {}); no worker has admitted it yet",
            place.partition,
            sanitize(&place.entry)
        ),
        None => "durable in the queue; no worker has admitted it yet".to_owned(),
    }
}

fn due(work: &WorkView, around: &Around) -> String {
    let handler = quoted(&work.handler);
    let attempt = work.attempt + 1;
    if let Some(obstacle) = obstacle(work, around) {
        return format!("waits for {handler}, attempt {attempt}: {obstacle}");
    }
    if work.due_at > around.now {
        let wait = span(work.due_at.since(around.now));
        return format!("waits for {handler}: attempt {attempt} in about {wait}");
    }
    let late = span(around.now.since(work.due_at));
    let mut said = format!("waits for a free slot of {handler}: attempt {attempt}, due for about {late}");
    if work.crashes >= SUSPECT_CRASHES {
        let _ = write!(
            said,
            "; after {} it runs alone in its process when its turn comes",
            plural(work.crashes.into(), "crash", "crashes")
        );
    }
    said
}

/// What stands in the way of a due event, as far as the handler list says.
fn obstacle(work: &WorkView, around: &Around) -> Option<&'static str> {
    let list = around.handlers.as_ref()?;
    if list.paused {
        return Some("all running is paused (`efctl resume`)");
    }
    match list.handlers.iter().find(|h| h.pattern == work.handler) {
        None => Some("that handler was retired; it will be matched anew"),
        Some(HandlerView { paused: true, .. }) => Some("that handler is paused"),
        Some(HandlerView { carriers: 0, .. }) => Some("no living worker carries that handler"),
        Some(_) => None,
    }
}

fn running(work: &WorkView, around: &Around) -> String {
    let attempt = work.attempt + 1;
    let place = match work.worker {
        Some(worker) => format!(" on {}", around.worker(worker)),
        None => String::new(),
    };
    let handler = quoted(&work.handler);
    if work.due_at > around.now {
        let left = span(work.due_at.since(around.now));
        format!("{handler} runs attempt {attempt}{place}; its lease is good for about {left}")
    } else {
        let ago = span(around.now.since(work.due_at));
        format!("{handler}, attempt {attempt}{place}: the lease lapsed about {ago} ago; another worker takes over")
    }
}

fn done(view: &EventView) -> String {
    let last = view.attempts.iter().rev().find(|a| a.result == AttemptResult::Done);
    match last {
        Some(attempt) if attempt.number == 1 => "stored, and handled at the first attempt".to_owned(),
        Some(attempt) => format!("stored, and handled at attempt {}", attempt.number),
        None => "stored; no handler takes its type".to_owned(),
    }
}

fn died(view: &EventView) -> String {
    match &view.death {
        Some(death) if death.message.is_empty() => death.reason.to_string(),
        Some(death) => format!("{}: {}", death.reason, sanitize(&death.message)),
        None => "of what is not known".to_owned(),
    }
}

fn quoted(pattern: &Pattern) -> String {
    format!("`{}`", sanitize(pattern.as_str()))
}

/// What the reader will want to type next, where there is something.
pub(super) fn next(view: &EventView) -> Option<String> {
    let key = view.key;
    match view.state {
        EventState::Dead => {
            let death = view.death.as_ref()?;
            Some(match death.original {
                Some(original) => format!("efctl why {original} (the first payload), efctl dlq discard {key}"),
                None if !death.reason.can_requeue() => format!("efctl dlq discard {key}"),
                None => format!("efctl dlq requeue {key} (once the cause is gone)"),
            })
        }
        EventState::Discarded => Some(format!("efctl dlq restore {key}")),
        EventState::Due => Some("efctl handlers, efctl status".to_owned()),
        EventState::Queued => Some("efctl status, efctl workers".to_owned()),
        EventState::Running | EventState::Done => None,
    }
}
