//! A run as plain lines, for a pipe or a log: one every few seconds, and one when something else begins.

use std::time::Duration;

use eventflow_load::run::{Glance, Stage};

use super::view::{Shape, armed, felt, left, stage, troubles};
use crate::output::say;

/// Between two lines.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// Writes lines to stderr.
pub(super) struct Lines {
    shape: Shape,
    said: Option<Stage>,
}

impl Lines {
    /// For a scenario of that shape.
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, said: None }
    }

    /// Says how it stands: where a line is due, and where something else has begun.
    pub(super) fn show(&mut self, glance: &Glance, due: bool) {
        if self.said != Some(glance.stage) {
            self.said = Some(glance.stage);
            say(&format!("==> {}", stage(glance.stage)));
        } else if due && let Some(line) = line(glance, &self.shape) {
            say(&line);
        }
    }
}

/// How it stands; nothing where there is nothing to say yet.
fn line(glance: &Glance, shape: &Shape) -> Option<String> {
    let at = clock(glance.meter.elapsed);
    let parts = match glance.stage {
        Stage::Loading => {
            let phase = glance.meter.phase.clone().unwrap_or_default();
            vec![
                Some(at),
                Some(eventflow_core::sanitize(&phase).into_owned()),
                Some(felt(&glance.meter)),
                Some(troubles(glance)),
                armed(glance),
                left(glance, shape),
            ]
        }
        Stage::Draining => vec![Some(at), Some(troubles(glance)), armed(glance)],
        Stage::Starting | Stage::Steady | Stage::Judging => return None,
    };
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Some(parts.join("  "))
}

/// `0:35`, `12:05`.
fn clock(elapsed: Duration) -> String {
    let s = elapsed.as_secs();
    format!("{}:{:02}", s / 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{glance, shape};
    use super::*;

    #[test]
    fn a_line_says_it_all() {
        assert_eq!(
            line(&glance(35, Stage::Loading), &shape()).as_deref(),
            Some(
                "0:35  steady  1,998/s  p50 2.1 ms  p95 8.0 ms  p99 31 ms  in flight 12  backlog 120  dead 3  unknown 2  \
                 at work: F1 reset on redis  5.0 s left"
            )
        );
        assert!(line(&glance(65, Stage::Draining), &shape()).is_some_and(|line| line.starts_with("1:05  backlog 120")));
        assert_eq!(line(&glance(0, Stage::Starting), &shape()), None);
    }
}
