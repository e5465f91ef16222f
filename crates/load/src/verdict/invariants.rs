//! What nobody may bend.

use super::{Check, Class, Facts, Stands, Tally, show};
use crate::scenario::{ExpectedDead, Invariants};

/// A class that has a bound.
struct Bound {
    name: &'static str,
    most: u64,
    of: fn(&Tally) -> &Class,
}

/// A check for each invariant.
pub(super) fn checks(facts: &Facts, expected: &Invariants) -> Vec<Check> {
    let mut checks: Vec<Check> = bounds(expected)
        .iter()
        .map(|bound| {
            let class = facts.tally.as_ref().map(bound.of);
            let why = class.and_then(show::keys);
            check(
                bound.name,
                bound.most,
                class.map(|class| class.count),
                is_settled(facts),
                why,
            )
        })
        .collect();
    if let ExpectedDead::AtMost(most) = expected.dead {
        let dead = facts.tally.as_ref().map(|tally| tally.dead);
        checks.push(check("dead_letters", most, dead, is_settled(facts), None));
    }
    if let Some(most) = expected.deadlocks {
        let why = facts
            .deadlocks
            .is_none()
            .then(|| "PostgreSQL's counter could not be read".to_owned());
        checks.push(check("deadlocks", most, facts.deadlocks, true, why));
    }
    checks
}

/// Whether what was counted can no longer change: all was done, and every event of the run says so too.
pub(super) fn is_settled(facts: &Facts) -> bool {
    facts.drained && facts.tally.as_ref().is_some_and(|tally| tally.unfinished == 0)
}

fn bounds(expected: &Invariants) -> Vec<Bound> {
    let bound = |name, most, of| Bound { name, most, of };
    let mut bounds = vec![
        bound("acked_lost", expected.acked_lost, |tally| &tally.lost),
        bound("duplicate_rows", expected.duplicate_rows, |tally| &tally.duplicate),
        bound("stored_and_dead", 0, |tally| &tally.both),
        bound("unexpected_rows", expected.unexpected_rows, |tally| &tally.unexpected),
        bound("run_twice", expected.run_twice, |tally| &tally.run_twice),
        bound("taken_unasked", 0, |tally| &tally.taken_unasked),
    ];
    if expected.dead == ExpectedDead::AsTheMix {
        bounds.push(bound("dead_unasked", 0, |tally| &tally.dead_unasked));
        bounds.push(bound("alive_unasked", 0, |tally| &tally.alive_unasked));
    }
    bounds
}

/// What is too many already is broken, whatever else is unfinished. What is not yet may become so.
fn check(name: &str, most: u64, found: Option<u64>, is_final: bool, why: Option<String>) -> Check {
    let stands = match found {
        Some(found) if found > most => Stands::Broken,
        Some(_) if is_final => Stands::Met,
        _ => Stands::Unknown,
    };
    Check {
        name: name.to_owned(),
        asked: if most == 0 {
            "0".to_owned()
        } else {
            format!("at most {most}")
        },
        found: match found {
            Some(found) if is_final || stands == Stands::Broken => found.to_string(),
            Some(found) => format!("{found} so far"),
            None => "unknown".to_owned(),
        },
        stands,
        why,
    }
}
