//! What has happened to an event, oldest first: a line a step, with its error below it.

use eventflow_core::{AttemptResult, Timestamp, sanitize};
use eventflow_wire::{AttemptView, DeathView, EventView};

use super::Around;
use crate::look::{Ink, Look};
use crate::moment::{date_and_time, plural, span_s};

/// Columns before what happened: two, the time, two.
const MARGIN: usize = 16;

/// Appends the history. Times are in UTC; the date stands where it changes.
pub(super) fn write(view: &EventView, around: &Around, look: Look, lines: &mut Vec<String>) {
    let mut story = Story {
        look,
        date: String::new(),
        used: 0,
        lines,
    };
    story.step(view.received_at, "received", Ink::Bold);
    if let Some(admitted_at) = view.admitted_at {
        story.step(admitted_at, "admitted to the ledger", Ink::Bold);
    }
    if view.copies_seen > 0 {
        let copies = plural(view.copies_seen, "further copy", "further copies");
        story.below(&format!("{copies} seen, at least; none of them was run"));
    }
    let mut before = None;
    for attempt in &view.attempts {
        story.attempt(attempt, before, around);
        before = Some(attempt);
    }
    if let Some(death) = &view.death {
        story.death(death);
    }
}

struct Story<'a> {
    look: Look,
    date: String,
    /// Columns of the last step's line, colour not counted.
    used: usize,
    lines: &'a mut Vec<String>,
}

impl Story<'_> {
    fn step(&mut self, at: Timestamp, what: &str, ink: Ink) {
        let (date, time) = date_and_time(at);
        if date != self.date {
            let heading = format!("{date} (UTC)");
            self.lines.push(format!("  {}", self.look.ink(Ink::Dim, &heading)));
            self.date = date;
        }
        self.lines.push(format!("  {time:<12}  {}", self.look.ink(ink, what)));
        self.used = MARGIN + what.chars().count();
    }

    /// More about the step above.
    fn below(&mut self, text: &str) {
        for line in self.look.wrap(MARGIN, text) {
            self.lines.push(format!("{}{line}", " ".repeat(MARGIN)));
        }
    }

    /// More about the step above, on its line where there is room.
    fn beside(&mut self, text: &str) {
        let fits = match (self.look.width, self.lines.last()) {
            (Some(width), Some(_)) => self.used + text.chars().count() < width,
            _ => true,
        };
        match self.lines.last_mut() {
            Some(line) if fits => {
                line.push(' ');
                line.push_str(text);
            }
            _ => self.below(text),
        }
    }

    fn attempt(&mut self, attempt: &AttemptView, before: Option<&AttemptView>, around: &Around) {
        let number = attempt.number;
        let (what, ink) = match attempt.result {
            AttemptResult::Done => (format!("attempt {number} done"), Ink::Green),
            AttemptResult::Failed => (format!("attempt {number} failed"), Ink::Red),
            AttemptResult::Crashed => (format!("attempt {number} crashed, not counted"), Ink::Red),
        };
        let took = attempt
            .duration_ms
            .map(|ms| format!("after {} ", span_s(ms / 1000.0)))
            .unwrap_or_default();
        self.step(attempt.ended_at, &what, ink);
        self.beside(&format!("{took}on {}", around.worker(attempt.worker)));
        match (&attempt.error, before.and_then(|before| before.error.as_ref())) {
            (Some(error), Some(before)) if error == before => self.below("the same error"),
            (Some(error), _) => self.below(&sanitize(error)),
            (None, _) => {}
        }
    }

    fn death(&mut self, death: &DeathView) {
        let mut spent = vec![plural(death.attempt.into(), "attempt", "attempts")];
        if death.crashes > 0 {
            spent.push(plural(death.crashes.into(), "crash", "crashes"));
        }
        if death.requeues > 0 {
            spent.push(plural(death.requeues.into(), "requeue", "requeues"));
        }
        self.step(death.died_at, &format!("dead: {}", death.reason), Ink::Red);
        let handler = match &death.handler {
            Some(pattern) => format!("of `{}`, ", sanitize(pattern.as_str())),
            None => String::new(),
        };
        self.below(&format!(
            "{handler}after {}; cause {}",
            spent.join(", "),
            sanitize(&death.cause)
        ));
    }
}
