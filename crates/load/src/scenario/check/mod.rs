//! What goes together in a scenario, and what must stand: raw values into checked ones.
//!
//! A part that is wrong is said to be, and left out or filled in, so that the other parts are looked at all the same;
//! whoever refers to it is not blamed a second time.

mod expect;
mod faults;
mod load;
mod mix;
mod names;
mod phases;
mod target;

use std::path::Path;

use super::flaw::Flaws;
use super::raw::RawScenario;
use super::{Overrides, Scenario};

/// The version of the format that is read.
const VERSION: u64 = 1;

/// The seed of a file that names none.
const SEED: u64 = 1;

/// Checks a file that was read. What comes back is of use only where nothing was said to be wrong.
pub(super) fn check(raw: &RawScenario, purpose: String, folder: &Path, over: &Overrides, flaws: &Flaws) -> Scenario {
    version(raw, flaws);
    let name = name(raw, flaws);
    let load = load::load(raw.load.get(), flaws);
    let timeline = phases::timeline(raw, load.model, flaws);
    let mix = mix::mix(&raw.mix, folder, flaws);
    let target = target::target(raw, over, flaws);
    let faults = faults::faults(&raw.faults, &timeline, &target, flaws);
    names::scopes(&timeline, &faults, &mix, flaws);
    let expect = expect::expect(raw.expect.get(), &timeline, &faults, &mix, &target, flaws);
    Scenario {
        name,
        purpose,
        seed: over.seed.or(raw.seed.get().copied()).unwrap_or(SEED),
        phases: timeline.phases,
        mix: mix.kinds,
        faults: faults.in_order(),
        target,
        load,
        expect,
    }
}

fn version(raw: &RawScenario, flaws: &Flaws) {
    match raw.schema.get() {
        Some(&VERSION) => {}
        Some(other) => flaws.hinted(
            raw.schema.at(),
            format!("version {other} of the format is not known here"),
            format!("write `schema = {VERSION}`"),
        ),
        None if raw.schema.stands() => {}
        None => flaws.hinted(
            0..0,
            "the version of the format is missing",
            format!("write `schema = {VERSION}` above all else"),
        ),
    }
}

fn name(raw: &RawScenario, flaws: &Flaws) -> String {
    if !raw.name.stands() {
        flaws.hinted(0..0, "the scenario has no name", "write `name = \"…\"` below `schema`");
    }
    raw.name.get().map_or_else(String::new, |name| name.0.0.clone())
}
