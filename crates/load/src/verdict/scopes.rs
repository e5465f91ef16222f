//! To which scopes an event belongs, by the same rules as what is measured.

use super::attempts::Attempts;
use crate::scenario::Scenario;

/// The names of an event's scopes: its phase, the windows of faults, and where its phase is measured, its kind and `run`.
pub(super) fn of(scenario: &Scenario, attempts: &Attempts) -> Vec<String> {
    let mut scopes = Vec::new();
    let phase = scenario.phases.get(usize::from(attempts.phase));
    scopes.extend(phase.map(|phase| format!("phase:{}", phase.name)));
    if phase.is_some_and(|phase| phase.measure) {
        scopes.push("run".to_owned());
        let kind = scenario.mix.get(usize::from(attempts.kind));
        scopes.extend(kind.map(|kind| format!("kind:{}", kind.name)));
    }
    let faults = scenario
        .faults
        .iter()
        .filter(|fault| fault.window().contains(&attempts.intended));
    scopes.extend(faults.map(|fault| format!("fault:{}", fault.id)));
    scopes
}

/// The name by which a threshold's scope is measured; none where the scenario knows no such thing.
pub(super) fn named(scenario: &Scenario, scope: &str) -> Option<String> {
    if scope == "run" {
        Some("run".to_owned())
    } else if scenario.phases.iter().any(|phase| phase.name == scope) {
        Some(format!("phase:{scope}"))
    } else if scenario.faults.iter().any(|fault| fault.id == scope) {
        Some(format!("fault:{scope}"))
    } else if scenario.mix.iter().any(|kind| kind.name == scope) {
        Some(format!("kind:{scope}"))
    } else {
        None
    }
}
