//! How a number that has a bound is checked.

use super::{Check, Stands};
use crate::scenario::Condition;

/// A check of a number that may be unknown. Where it is, `why` says why.
pub(super) fn threshold(
    name: String,
    condition: &Condition,
    value: Option<f64>,
    show: impl Fn(f64) -> String,
    why: &str,
) -> Check {
    let stands = match value {
        None => Stands::Unknown,
        Some(value) if condition.holds(value) => Stands::Met,
        Some(_) => Stands::Missed,
    };
    Check {
        name,
        asked: condition.text.clone(),
        found: value.map_or_else(|| "unknown".to_owned(), show),
        stands,
        why: value.is_none().then(|| why.to_owned()),
    }
}
