//! Names are unique, also across phases, faults and kinds, since all of them are scopes of thresholds.

use super::faults::Faults;
use super::mix::Mix;
use super::phases::Timeline;
use crate::scenario::flaw::{Bytes, Flaws};

/// The scope of all that is measured.
pub(super) const RUN: &str = "run";

/// Names of one sort, with where they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Vec<(String, Bytes)>);

impl Names {
    /// One more; it is said where it is taken.
    pub(super) fn add(&mut self, name: &str, at: Bytes, sort: &str, hint: &str, flaws: &Flaws) {
        if self.has(name) {
            flaws.hinted(at, format!("there is {sort} `{name}` already"), hint);
        } else {
            self.0.push((name.to_owned(), at));
        }
    }

    /// Whether it is among them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All of them, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Says which names stand for two things, so that a threshold could mean either.
pub(super) fn scopes(timeline: &Timeline, faults: &Faults, mix: &Mix, flaws: &Flaws) {
    let all = [
        (&timeline.names, "a phase"),
        (&faults.names, "a fault"),
        (&mix.names, "a kind of the mix"),
    ];
    for (index, (names, _)) in all.iter().enumerate() {
        for (name, at) in &names.0 {
            let other = all[..index].iter().find(|(others, _)| others.has(name));
            if let Some((_, sort)) = other {
                flaws.hinted(
                    at.clone(),
                    format!("`{name}` is the name of {sort} too, and a threshold could mean either"),
                    "choose another",
                );
            }
            if name == RUN {
                flaws.hinted(
                    at.clone(),
                    format!("`{RUN}` stands for the run as a whole in thresholds"),
                    "choose another",
                );
            }
        }
    }
}
