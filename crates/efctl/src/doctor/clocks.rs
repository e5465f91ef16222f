//! Clocks. Nothing depends on them agreeing; what people read in logs and lists does.

use std::time::Duration;

use eventflow_core::Timestamp;

use super::{Answers, Check};
use crate::moment::span;

const CLOCKS: &str = "clocks";

/// Further apart than this is worth mending.
const SKEW: Duration = Duration::from_secs(2);
/// A living worker's last renewal is at most this old by the store's clock.
const LEASE: Duration = Duration::from_secs(15);

/// This machine against the API, and the API against the store.
pub(super) fn compare(answers: &Answers) -> Vec<Check> {
    let stats = match &answers.stats {
        Ok(stats) => stats,
        Err(error) => return vec![Check::unknown(CLOCKS, error)],
    };
    let mut found = Vec::new();
    let (asked, answered) = answers.around_stats;
    if let Some(skew) = outside(stats.at, asked, answered) {
        found.push(apart("this machine", "the API", skew));
    }
    let workers = answers.workers.as_ref().map_or(&[][..], |list| &list.workers);
    let newest = workers.iter().filter(|w| w.living).map(|w| w.renewed_at).max();
    if let Some(newest) = newest
        && let Some(skew) = outside(newest, stats.at.minus(LEASE), stats.at)
    {
        found.push(apart("the API", "the store", skew));
    }
    if found.is_empty() {
        found.push(Check::ok(CLOCKS, format!("within {} of each other", span(SKEW))));
    }
    found
}

/// How far a moment lies outside of the time it must be of; none within the tolerance.
fn outside(at: Timestamp, from: Timestamp, until: Timestamp) -> Option<Duration> {
    let skew = from.since(at).max(at.since(until));
    (skew > SKEW).then_some(skew)
}

fn apart(one: &str, other: &str, skew: Duration) -> Check {
    Check::finding(
        CLOCKS,
        format!(
            "{one} and {other} are about {} apart; times in lists and logs do not fit together",
            span(skew)
        ),
    )
    .remedy("set them by NTP: timedatectl set-ntp true")
}
