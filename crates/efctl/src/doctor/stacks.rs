//! What is left of private stacks: those of `efctl load` and of tests end with whoever started them, but for accidents.

use super::{Answers, Check, Status};

const LEFTOVERS: &str = "leftovers";

/// Processes of stacks whose owner is gone, each with what to type.
pub(super) fn leftovers(answers: &Answers) -> Vec<Check> {
    let left = match &answers.left {
        Ok(left) => left,
        Err(error) => return vec![Check::new(LEFTOVERS, Status::Unknown, error.to_string())],
    };
    if left.is_empty() {
        return vec![Check::ok(
            LEFTOVERS,
            "no process of a private stack is left on this machine",
        )];
    }
    let found = left.iter().map(|left| {
        let said = format!(
            "{} (pid {}) still runs, though `{}` is gone",
            left.name, left.pid, left.of
        );
        Check::finding(LEFTOVERS, said).remedy(left.remedy())
    });
    found.collect()
}
