//! Shows a run while it goes on: as bars where somebody looks at a terminal, as lines otherwise.

use std::io::IsTerminal as _;
use std::time::Duration;

use eventflow_core::sanitize;
use eventflow_load::run::Glance;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::bars::{self, Bars};
use super::lines::{self, Lines};
use super::view::Shape;
use crate::output::say;

/// What a person sees.
pub(super) enum Face {
    /// On a terminal.
    Bars(Bars),
    /// In a pipe.
    Lines(Lines),
}

impl Face {
    /// The one for stderr.
    pub(super) fn of_stderr(shape: Shape) -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bars(Bars::new(shape))
        } else {
            Self::Lines(Lines::new(shape))
        }
    }

    /// Shows the run until its end, which is where nobody gives any more glances.
    pub(super) async fn follow(mut self, mut glances: watch::Receiver<Glance>) {
        let mut tick = interval(self.every());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = 0;
        loop {
            let due = tokio::select! {
                changed = glances.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => break,
                },
                _ = tick.tick() => true,
            };
            let glance = glances.borrow_and_update().clone();
            for line in glance.told.iter().skip(told) {
                self.say(&sanitize(line));
            }
            told = told.max(glance.told.len());
            self.show(&glance, due);
        }
        if let Self::Bars(bars) = &self {
            bars.end();
        }
    }

    const fn every(&self) -> Duration {
        match self {
            Self::Bars(_) => bars::EVERY,
            Self::Lines(_) => lines::EVERY,
        }
    }

    fn show(&mut self, glance: &Glance, due: bool) {
        match self {
            // They are drawn as often as somebody looks, not as often as something changes.
            Self::Bars(bars) if due => bars.show(glance),
            Self::Bars(_) => {}
            Self::Lines(lines) => lines.show(glance, due),
        }
    }

    fn say(&self, words: &str) {
        match self {
            Self::Bars(bars) => bars.say(words),
            Self::Lines(_) => say(words),
        }
    }
}
