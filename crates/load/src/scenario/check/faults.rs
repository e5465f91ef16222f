//! The faults: each does one thing, with the fields of that thing, at a moment within the load, where it can be done.

mod backend;
mod fields;
mod process;
mod tcp;

use super::names::Names;
use super::phases::{Timeline, positive, spot};
use crate::scenario::ability::{Crowd, STACKS, place_lacks, stack_lacks};
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::given::Given;
use crate::scenario::near::listed;
use crate::scenario::raw::RawFault;
use crate::scenario::{Deed, Fault, Place, Role, Target, What, Which, Who};
use fields::Lasts;

/// The faults in the order of the file, and the ids of all, also of those that could not be read.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    pub(super) names: Names,
}

impl Faults {
    /// In the order of their moments; what is at the same moment stays in the order of the file.
    pub(super) fn in_order(self) -> Vec<Fault> {
        let mut faults = self.faults;
        faults.sort_by_key(|fault| fault.at);
        faults
    }
}

/// Checks the faults.
pub(super) fn faults(raw: &Given<Vec<Given<RawFault>>>, timeline: &Timeline, target: &Target, flaws: &Flaws) -> Faults {
    let mut faults = Faults::default();
    let crowd = Crowd {
        workers: target.workers,
        apis: target.apis,
    };
    for (index, given) in raw.get().map_or(&[][..], Vec::as_slice).iter().enumerate() {
        let Some(raw) = given.get() else { continue };
        let id = id(raw, index, given.at(), &mut faults.names, flaws);
        let moment = moment(raw, given.at(), timeline, flaws);
        let Some((what, lasts)) = what(raw, given.at(), flaws) else {
            continue;
        };
        let is_possible = possible(&id, &what, raw, given.at(), (&target.place, crowd), flaws);
        let lasts = lasting(raw, given.at(), lasts, flaws);
        let (Some(at), Some(lasts), true) = (moment, lasts, is_possible) else {
            continue;
        };
        faults.faults.push(Fault { id, at, lasts, what });
    }
    if target.place == Place::Auto {
        together(&faults.faults, crowd, raw.at(), flaws);
    }
    faults
}

fn id(raw: &RawFault, index: usize, at: Bytes, names: &mut Names, flaws: &Flaws) -> String {
    let default = || format!("F{}", index + 1);
    let (id, at) = match raw.id.get() {
        Some(id) => (id.0.0.clone(), raw.id.at()),
        None => (default(), at),
    };
    names.add(&id, at, "a fault", "give it an `id` of its own", flaws);
    id
}

fn moment(raw: &RawFault, at: Bytes, timeline: &Timeline, flaws: &Flaws) -> Option<std::time::Duration> {
    if !raw.at.stands() {
        flaws.hinted(at, "nobody says when the fault strikes", "write `at = \"steady+10s\"`");
    }
    timeline.resolve(&raw.at.get()?.0, raw.at.at(), flaws)
}

/// What a fault does, and whether it has to end.
fn what(raw: &RawFault, at: Bytes, flaws: &Flaws) -> Option<(What, Lasts)> {
    let sorts = [
        ("tcp", spot(&raw.tcp)),
        ("proc", spot(&raw.processes)),
        ("backend", spot(&raw.backend)),
    ];
    let given: Vec<_> = sorts
        .iter()
        .filter_map(|(sort, at)| Some((*sort, at.clone()?)))
        .collect();
    match &given[..] {
        [] => {
            flaws.hinted(
                at,
                "nobody says what the fault hurts",
                "write `tcp = \"…\"` with a `route`, `proc = \"…\"` with a `signal`, or `backend = \"…\"` with a `do`",
            );
            None
        }
        [("tcp", _)] => tcp::what(raw, &at, flaws),
        [("proc", _)] => process::what(raw, &at, flaws),
        [_] => backend::what(raw, &at, flaws),
        [_, (_, second), ..] => {
            let sorts: Vec<_> = given.iter().map(|(sort, _)| *sort).collect();
            flaws.hinted(
                second.clone(),
                format!("one fault hurts one thing, not {} at once", listed(&sorts)),
                "write two faults at the same moment",
            );
            None
        }
    }
}

/// How long it stays. The outer `None`: that is wrong.
#[expect(
    clippy::option_option,
    reason = "a fault without an end is no mistake, and a mistake is no such fault"
)]
fn lasting(raw: &RawFault, at: Bytes, lasts: Lasts, flaws: &Flaws) -> Option<Option<std::time::Duration>> {
    match lasts {
        Lasts::Needed if !raw.lasts.stands() => {
            flaws.hinted(at, "nobody says how long the fault stays", "write `for = \"5s\"`");
            None
        }
        Lasts::Never(why) if raw.lasts.stands() => {
            flaws.hinted(raw.lasts.at(), "`for` has no meaning with this fault", why);
            None
        }
        _ if raw.lasts.stands() => positive(&raw.lasts, "for", flaws).map(Some),
        _ => Some(None),
    }
}

/// Whether the place has what the fault needs.
fn possible(id: &str, what: &What, raw: &RawFault, at: Bytes, (place, crowd): (&Place, Crowd), flaws: &Flaws) -> bool {
    if let Some(why) = place_lacks(what, place, crowd) {
        flaws.hinted(at, format!("the fault `{id}` cannot be made on this target"), why);
        return false;
    }
    let What::Process { who, deed } = what else { return true };
    let count = crowd.of(who.role);
    let Which::Nth(index) = who.which else { return true };
    if index >= count && !matches!(deed, Deed::Scale(_)) {
        flaws.hinted(
            raw.processes.at(),
            format!("there is no {}[{index}]", role(*who)),
            format!("the target has {count}, counted from 0"),
        );
        return false;
    }
    true
}

const fn role(who: Who) -> &'static str {
    match who.role {
        Role::Api => "api",
        Role::Worker => "worker",
    }
}

/// Says where no single private stack has what all faults need, though each could be made on one.
fn together(faults: &[Fault], crowd: Crowd, at: Bytes, flaws: &Flaws) {
    let lacking = |kind| {
        let ids: Vec<_> = faults
            .iter()
            .filter(|fault| stack_lacks(&fault.what, kind, crowd).is_some())
            .map(|fault| fault.id.as_str())
            .collect();
        (!ids.is_empty()).then(|| format!("`{}` cannot make {}", kind.as_str(), listed(&ids)))
    };
    if let Some(why) = STACKS.into_iter().map(lacking).collect::<Option<Vec<_>>>() {
        flaws.hinted(at, "no private stack can make all of these faults", why.join("; "));
    }
}
