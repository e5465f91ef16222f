//! A run as bars on a terminal: one for each phase, what is at work, and what waits.

use std::time::Duration;

use eventflow_load::run::{Glance, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::view::{Phase, Shape, armed, felt, left, stage, troubles};

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_millis(200);

/// Bars on stderr.
pub(super) struct Bars {
    all: MultiProgress,
    shape: Shape,
    phases: Vec<ProgressBar>,
    /// What is being done, and how long that goes on.
    now: ProgressBar,
    /// What waits and what went wrong.
    trouble: ProgressBar,
}

impl Bars {
    /// For a scenario of that shape.
    pub(super) fn new(shape: Shape) -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(10), shape)
    }

    fn on(target: ProgressDrawTarget, shape: Shape) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let width = shape
            .phases
            .iter()
            .map(|phase| phase.name.chars().count())
            .max()
            .unwrap_or(0);
        let phases = shape.phases.iter().map(|phase| all.add(bar(phase, width))).collect();
        let line = || all.add(ProgressBar::no_length().with_style(style("  {wide_msg}")));
        Self {
            phases,
            now: line(),
            trouble: line(),
            shape,
            all,
        }
    }

    /// Draws how it stands.
    pub(super) fn show(&self, glance: &Glance) {
        let begun = matches!(glance.stage, Stage::Loading | Stage::Draining | Stage::Judging);
        for (phase, bar) in self.shape.phases.iter().zip(&self.phases) {
            let runs = glance.meter.phase.as_deref() == Some(phase.name.as_str());
            let passed = if begun {
                phase.passed(glance.meter.elapsed)
            } else {
                Duration::ZERO
            };
            bar.set_position(millis(passed));
            match (phase.sends, glance.stage) {
                (Some(_), Stage::Loading) if runs => bar.set_message(felt(&glance.meter)),
                (Some(lasts), _) if passed < lasts => bar.set_message(""),
                (None, Stage::Draining) => bar.set_message(crate::moment::span(passed)),
                _ => {}
            }
        }
        let mut now = vec![stage(glance.stage).to_owned()];
        now.extend(left(glance, &self.shape));
        now.extend(armed(glance));
        self.now.set_message(now.join("  "));
        let looks = matches!(glance.stage, Stage::Loading | Stage::Draining);
        self.trouble
            .set_message(if looks { troubles(glance) } else { String::new() });
    }

    /// Says something above the bars.
    pub(super) fn say(&self, words: &str) {
        // Nobody listens on a closed stderr, and there is no other place to say so.
        let _ = self.all.println(words);
    }

    /// Takes the bars off the screen.
    pub(super) fn end(&self) {
        for bar in self.phases.iter().chain([&self.now, &self.trouble]) {
            bar.finish_and_clear();
        }
    }
}

fn bar(phase: &Phase, width: usize) -> ProgressBar {
    let (bar, template) = match phase.sends {
        Some(lasts) => (
            ProgressBar::new(millis(lasts).max(1)),
            "  {prefix} {bar:20} {percent:>3}%  {wide_msg}",
        ),
        None => (ProgressBar::no_length(), "  {prefix} {wide_msg}"),
    };
    bar.with_style(style(template))
        .with_prefix(format!("{:<width$}", phase.name))
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; a wrong one would leave the bar in its usual form.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{glance, shape};
    use super::*;

    fn shown(glance: &Glance) -> Bars {
        let bars = Bars::on(ProgressDrawTarget::hidden(), shape());
        bars.show(glance);
        bars
    }

    #[test]
    fn each_phase_has_its_bar_and_the_one_that_runs_says_how_it_goes() {
        let bars = shown(&glance(35, Stage::Loading));
        let at: Vec<u64> = bars.phases.iter().map(ProgressBar::position).collect();
        assert_eq!(at, [10_000, 25_000, 0]);
        assert_eq!(bars.phases[1].prefix(), "steady");
        assert!(bars.phases[1].message().starts_with("1,998/s  p50 2.1 ms"));
        assert_eq!(bars.phases[0].message(), "");
        assert_eq!(bars.now.message(), "sending  5.0 s left  at work: F1 reset on redis");
        assert_eq!(bars.trouble.message(), "backlog 120  dead 3  unknown 2");
    }

    #[test]
    fn what_a_phase_said_last_stays_beside_its_bar() {
        let bars = shown(&glance(35, Stage::Loading));
        bars.show(&glance(45, Stage::Draining));
        assert!(bars.phases[1].message().starts_with("1,998/s"));
        assert_eq!(bars.phases[2].message(), "5.0 s");
    }

    #[test]
    fn before_the_load_the_bars_are_empty() {
        let bars = shown(&glance(0, Stage::Starting));
        assert!(bars.phases.iter().all(|bar| bar.position() == 0));
        assert!(bars.now.message().starts_with("starting the target"));
        assert_eq!(bars.trouble.message(), "");
    }

    #[test]
    fn at_the_end_every_bar_is_gone() {
        let bars = shown(&glance(35, Stage::Loading));
        bars.end();
        assert!(bars.phases.iter().all(ProgressBar::is_finished));
        assert!(bars.now.is_finished() && bars.trouble.is_finished());
    }
}
