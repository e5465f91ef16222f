//! Every single thing that is judged, and what follows from all together.

use std::time::Duration;

use super::bound::threshold;
use super::{Check, Facts, Outcome, Stands, Verdict, effect, invariants, show, steady, thresholds};
use crate::scenario::{Behaviour, Comparison, Condition, Fate, Kind, Scenario};

/// Judges a run. Of several outcomes the first of these counts: interrupted, not steady at the start, broken, inconclusive,
/// missed, pass. What is broken stays broken whatever else nobody knows: an event is only called lost when no place knows
/// its key.
pub fn judge(facts: &Facts, scenario: &Scenario) -> Verdict {
    let expect = &scenario.expect;
    let mut checks = invariants::checks(facts, &expect.invariants);
    checks.push(store_read(facts));
    checks.push(drained(facts));
    checks.extend(acknowledged(facts, scenario));
    checks.extend(effect::checks(facts, scenario));
    checks.extend(steady::checks(facts, &expect.steady_state));
    checks.extend(expect.progress.map(|longest| progress(facts, longest)));
    checks.extend(thresholds::checks(facts, scenario));
    let any = |stands| checks.iter().any(|check| check.stands == stands);
    let outcome = if facts.interrupted {
        Outcome::Interrupted
    } else if steady::began_unsteady(facts, &expect.steady_state) {
        Outcome::NotSteady
    } else if any(Stands::Broken) {
        Outcome::Broken
    } else if any(Stands::Unknown) {
        Outcome::Inconclusive
    } else if any(Stands::Missed) {
        Outcome::Missed
    } else {
        Outcome::Pass
    };
    Verdict { outcome, checks }
}

fn store_read(facts: &Facts) -> Check {
    let is_read = facts.tally.is_some();
    yes("store_read", "every event", is_read, || {
        facts
            .unread
            .clone()
            .unwrap_or_else(|| "the run ended before that".to_owned())
    })
}

fn drained(facts: &Facts) -> Check {
    let unfinished = facts.tally.as_ref().map_or(0, |tally| tally.unfinished);
    let is_drained = facts.drained && unfinished == 0;
    yes("drained", "nothing left to do", is_drained, || match unfinished {
        0 => "lag, pending, due and running were not seen at 0 in two fresh readings".to_owned(),
        _ => format!("{unfinished} events of the run are unfinished"),
    })
}

/// Whether anything was acknowledged, where a client that stays may expect it: of nothing, nothing can be lost. Not asked
/// where the store was not read.
fn acknowledged(facts: &Facts, scenario: &Scenario) -> Option<Check> {
    let tally = facts.tally.as_ref()?;
    let may_be = |kind: &Kind| kind.expect != Fate::Rejected && kind.client != Behaviour::Abandon;
    scenario.mix.iter().any(may_be).then(|| {
        yes("acknowledged", "something", tally.acked > 0, || {
            format!(
                "of {} events that were sent none was acknowledged: it proves nothing",
                tally.attempted
            )
        })
    })
}

/// A check of what must be so for anything to be proven.
fn yes(name: &str, asked: &str, is_so: bool, why: impl FnOnce() -> String) -> Check {
    Check {
        name: name.to_owned(),
        asked: asked.to_owned(),
        found: if is_so { "yes" } else { "no" }.to_owned(),
        stands: if is_so { Stands::Met } else { Stands::Unknown },
        why: (!is_so).then(why),
    }
}

fn progress(facts: &Facts, longest: Duration) -> Check {
    let bound = longest.as_secs_f64();
    let condition = Condition {
        comparison: Comparison::AtMost,
        bound,
        text: format!("<= {}", show::span(bound)),
    };
    let why = "it could not be observed";
    threshold(
        "progress".to_owned(),
        &condition,
        facts.longest_standstill_s,
        show::span,
        why,
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
