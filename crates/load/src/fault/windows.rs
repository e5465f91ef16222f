//! When faults are in force, as far as a plan can know.

use std::ops::Range;
use std::time::Duration;

use crate::scenario::Scenario;

/// The window of a fault that is over as it strikes.
pub const USUAL_WINDOW: Duration = Duration::from_secs(10);

/// The windows of all faults, in the order of the scenario, from the beginning of the load.
pub fn windows(scenario: &Scenario) -> Vec<Range<Duration>> {
    let window = |fault: &crate::scenario::Fault| fault.at..fault.at + fault.lasts.unwrap_or(USUAL_WINDOW);
    scenario.faults.iter().map(window).collect()
}
