//! A verdict in one word and one sentence.

use super::Summary;
use crate::verdict::{Outcome, Stands};

/// Checks that a sentence names; the rest are counted.
const NAMED: usize = 3;

impl Summary {
    /// The verdict as a word, which stands beside any colour.
    pub const fn word(&self) -> &'static str {
        match self.verdict.outcome {
            Outcome::Pass => "PASS",
            Outcome::Missed => "MISSED",
            Outcome::Broken => "BROKEN",
            Outcome::Inconclusive => "INCONCLUSIVE",
            Outcome::NotSteady => "NOT STEADY",
            Outcome::Interrupted => "INTERRUPTED",
        }
    }

    /// Why, with the checks that it is for.
    pub fn sentence(&self) -> String {
        let all = self.verdict.checks.len();
        match self.verdict.outcome {
            Outcome::Pass if all == 0 => "nothing was asked for".into(),
            Outcome::Pass => format!("all {all} checks are met"),
            Outcome::Missed => format!(
                "a threshold is missed, and no invariant is broken: {}",
                self.names(&[Stands::Missed])
            ),
            Outcome::Broken => format!("an invariant is broken: {}", self.names(&[Stands::Broken])),
            Outcome::Inconclusive => format!("nobody can say: {}", self.names(&[Stands::Unknown])),
            Outcome::NotSteady => format!(
                "it was not steady at the start, so no fault was made: {}",
                self.names(&[Stands::Missed, Stands::Unknown])
            ),
            Outcome::Interrupted => "somebody ended it early; this is what was found until then".into(),
        }
    }

    fn names(&self, wanted: &[Stands]) -> String {
        let checks = self
            .verdict
            .checks
            .iter()
            .filter(|check| wanted.contains(&check.stands));
        let names: Vec<&str> = checks.map(|check| check.name.as_str()).collect();
        let said = names[..names.len().min(NAMED)].join(", ");
        match names.len().saturating_sub(NAMED) {
            0 => said,
            more => format!("{said} and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_sentence_names_what_it_is_for() {
        let mut summary = sample::summary();
        let mut said = |outcome| {
            summary.verdict.outcome = outcome;
            format!("{} {}", summary.word(), summary.sentence())
        };
        assert_eq!(said(Outcome::Broken), "BROKEN an invariant is broken: acked_lost");
        assert_eq!(
            said(Outcome::Inconclusive),
            "INCONCLUSIVE nobody can say: F1 took effect"
        );
        assert_eq!(said(Outcome::Pass), "PASS all 6 checks are met");
        assert!(said(Outcome::Missed).ends_with("no invariant is broken: steady/accept.p99"));
        let check = summary.verdict.checks[0].clone();
        summary.verdict.checks = vec![check; 5];
        summary.verdict.outcome = Outcome::Broken;
        assert!(
            summary
                .sentence()
                .ends_with("acked_lost, acked_lost, acked_lost and 2 more")
        );
    }
}
