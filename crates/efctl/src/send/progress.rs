//! What has become of the events so far: counted once, shown as a bar on a terminal, told at the end.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::feed::{Item, Size};
use super::report::Rejection;
use crate::moment::{count, rate};
use crate::output::say;

/// Rejections that are kept to be shown; the rest are counted.
pub(super) const KEPT: usize = 100;
/// Rejections that are said while sending goes on.
const SAID: u64 = 20;

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Sent, and not surely in vain.
    pub(super) sent: u64,
    /// Acknowledged as new.
    pub(super) accepted: u64,
    /// Acknowledged as known already.
    pub(super) duplicates: u64,
    /// Of these: after a try of ours whose answer never came, and so perhaps ours.
    pub(super) maybe_ours: u64,
    /// Refused, lines that are no events among them.
    pub(super) rejected: u64,
    /// Of these: never sent.
    pub(super) malformed: u64,
    /// Requests that were sent again.
    pub(super) retries: u64,
    /// Events that got their id here.
    pub(super) ids_assigned: u64,
    /// The first rejections.
    pub(super) rejections: Vec<Rejection>,
}

impl Tally {
    /// Sent, and neither acknowledged nor refused.
    pub(super) fn unknown(&self) -> u64 {
        let settled = self.accepted + self.duplicates + self.rejected - self.malformed;
        self.sent.saturating_sub(settled)
    }
}

/// The run as it goes.
pub(super) struct Progress {
    tally: Mutex<Tally>,
    bar: Option<ProgressBar>,
    size: Size,
    began: Instant,
}

impl Progress {
    /// Begins now, with a bar if stderr is a terminal.
    pub(super) fn new(size: Size) -> Self {
        Self {
            tally: Mutex::new(Tally::default()),
            bar: std::io::stderr().is_terminal().then(|| bar(size)),
            size,
            began: Instant::now(),
        }
    }

    pub(super) fn sent(&self, items: &[Item]) {
        let (events, assigned) = counts(items);
        self.count(|tally| {
            tally.sent += events;
            tally.ids_assigned += assigned;
        });
    }

    /// Takes back what was counted as sent: none of it can have reached the API.
    pub(super) fn never_taken(&self, items: &[Item]) {
        let (events, assigned) = counts(items);
        self.count(|tally| {
            tally.sent -= events;
            tally.ids_assigned -= assigned;
        });
    }

    pub(super) fn accepted(&self, item: &Item) {
        self.count(|tally| tally.accepted += 1);
        self.advance(item);
    }

    pub(super) fn duplicate(&self, item: &Item, maybe_ours: bool) {
        self.count(|tally| {
            tally.duplicates += 1;
            tally.maybe_ours += u64::from(maybe_ours);
        });
        self.advance(item);
    }

    pub(super) fn rejected(&self, item: &Item, rejection: Rejection) {
        self.reject(rejection, 0);
        self.advance(item);
    }

    /// A line that is never sent.
    pub(super) fn malformed(&self, rejection: Rejection) {
        self.reject(rejection, 1);
    }

    pub(super) fn retrying(&self) {
        self.count(|tally| tally.retries += 1);
    }

    /// Says something above the bar.
    pub(super) fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(words)),
            None => say(words),
        }
    }

    /// The counts as they stand, and how long it has taken.
    pub(super) fn so_far(&self) -> (Tally, Duration) {
        (self.count(|tally| tally.clone()), self.began.elapsed())
    }

    /// Takes the bar off the screen.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn reject(&self, rejection: Rejection, malformed: u64) {
        let said = self.count(|tally| {
            tally.rejected += 1;
            tally.malformed += malformed;
            tally.rejected <= SAID
        });
        if said {
            self.say(&rejection.to_string());
        }
        self.count(|tally| {
            if tally.rejections.len() < KEPT {
                tally.rejections.push(rejection);
            }
        });
    }

    fn advance(&self, item: &Item) {
        let Some(bar) = &self.bar else { return };
        bar.inc(match self.size {
            Size::Events(_) | Size::Unknown => 1,
            // Nearly: an id that was set here adds some bytes that are not in the file.
            Size::Bytes(_) => u64::try_from(item.json.len() + 1).unwrap_or(0),
        });
    }

    /// Shows the counts as they stand.
    pub(super) fn refresh(&self) {
        let Some(bar) = &self.bar else { return };
        let said = self.count(|tally| shown(tally, self.began.elapsed()));
        bar.set_message(said);
    }

    fn count<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        // Nothing panics while it is held; if something did, the counts are still good.
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut tally)
    }
}

/// How many, and how many of them got their id here.
fn counts(items: &[Item]) -> (u64, u64) {
    let assigned = items.iter().filter(|item| item.id_assigned).count();
    let count = |n| u64::try_from(n).unwrap_or(u64::MAX);
    (count(items.len()), count(assigned))
}

fn shown(tally: &Tally, took: Duration) -> String {
    let settled = tally.accepted + tally.duplicates + tally.rejected;
    let mut said = format!("{} events  {}", count(settled), rate(per_second(settled, took)));
    if tally.rejected > 0 {
        let _ = write!(said, "  rejected {}", count(tally.rejected));
    }
    if tally.retries > 0 {
        let _ = write!(said, "  retries {}", count(tally.retries));
    }
    said
}

/// Events a second; 0 where no time has passed.
pub(super) fn per_second(events: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people; exact below 2^53")]
    let events = events as f64;
    let seconds = took.as_secs_f64();
    if seconds > 0.0 { events / seconds } else { 0.0 }
}

fn bar(size: Size) -> ProgressBar {
    let (bar, template) = match size {
        Size::Unknown => (ProgressBar::no_length(), "  {spinner} {msg}"),
        Size::Events(n) | Size::Bytes(n) => (ProgressBar::new(n), "  {bar:24} {percent:>3}%  {msg}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    // The templates are ours; a wrong one would leave the bar in its usual form.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_sent_is_acknowledged_refused_or_unknown() {
        let progress = Progress::new(Size::Unknown);
        let item = |line| Item {
            line,
            json: "{}".into(),
            id_assigned: line == 1,
        };
        let items: Vec<Item> = (1..=5).map(item).collect();
        progress.sent(&items);
        progress.accepted(&items[0]);
        progress.duplicate(&items[1], true);
        progress.duplicate(&items[2], false);
        let refusal = || Rejection {
            line: 4,
            code: "too-deep".into(),
            detail: "Nest less.".into(),
        };
        progress.rejected(&items[3], refusal());
        progress.malformed(refusal());
        let (tally, _) = progress.so_far();
        assert_eq!(tally.unknown(), 1);
        assert_eq!((tally.rejected, tally.malformed, tally.maybe_ours), (2, 1, 1));
        assert_eq!(tally.ids_assigned, 1);
        progress.never_taken(&items[4..]);
        let (tally, _) = progress.so_far();
        assert_eq!((tally.sent, tally.unknown()), (4, 0));
    }

    #[test]
    fn the_bar_says_events_and_rate() {
        let mut tally = Tally {
            accepted: 12_345,
            ..Tally::default()
        };
        assert_eq!(shown(&tally, Duration::from_secs(5)), "12,345 events  2,469/s");
        tally.rejected = 1;
        tally.retries = 3;
        assert_eq!(
            shown(&tally, Duration::from_secs(5)),
            "12,346 events  2,469/s  rejected 1  retries 3"
        );
        assert!(per_second(1, Duration::ZERO).abs() < f64::EPSILON);
    }
}
