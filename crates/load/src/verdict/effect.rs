//! Whether each fault did something: one that touched nothing proves nothing.

use super::{Check, Facts, FaultReport, Stands};
use crate::scenario::Scenario;

/// A check for each fault of the scenario.
pub(super) fn checks(facts: &Facts, scenario: &Scenario) -> impl Iterator<Item = Check> {
    scenario.faults.iter().map(|fault| {
        let report = facts.faults.iter().find(|report| report.id == fault.id);
        let must_touch = scenario.expect.faults_took_effect;
        let (found, stands, why) = effect(report, must_touch);
        Check {
            name: format!("{} took effect", fault.id),
            asked: if must_touch { "touches something" } else { "struck" }.to_owned(),
            found,
            stands,
            why,
        }
    })
}

fn effect(report: Option<&FaultReport>, must_touch: bool) -> (String, Stands, Option<String>) {
    let text = |text: &str| text.to_owned();
    let Some(report) = report else {
        return (
            text("never struck"),
            Stands::Unknown,
            Some(text("the run ended before it")),
        );
    };
    if let Some(why) = &report.skipped {
        return (text("skipped"), Stands::Unknown, Some(why.clone()));
    }
    if report.struck_s.is_none() {
        return (
            text("never struck"),
            Stands::Unknown,
            Some(text("the run ended before it")),
        );
    }
    if report.touched > 0 {
        return (format!("touched {}", report.touched), Stands::Met, None);
    }
    if must_touch {
        let why = format!("{}: it proves nothing", report.title);
        return (text("touched nothing"), Stands::Unknown, Some(why));
    }
    (text("touched nothing"), Stands::Met, None)
}
