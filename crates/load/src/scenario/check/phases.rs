//! The phases: one after the other, with load, and at the end a drain.

use std::time::Duration;

use super::names::Names;
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::given::Given;
use crate::scenario::moment::Moment;
use crate::scenario::near::suggestion;
use crate::scenario::raw::{RawPhase, RawScenario};
use crate::scenario::{Model, Phase, Stretch};

/// The phases, and what may be known of them though some cannot be read.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Those that could be read.
    pub(super) phases: Vec<Phase>,
    /// The names of all, also of those that could not be read.
    pub(super) names: Names,
    /// When the last sending phase ends; none where that cannot be known.
    end: Option<Duration>,
}

/// The name of the drain that is added.
const DRAIN: &str = "drain";

/// When a drain is given up of which nothing else is said.
const AT_MOST: Duration = Duration::from_mins(2);

const EXAMPLE: &str = "{ name = \"steady\", for = \"30s\", rate = \"100/s\" }";

/// Checks the phases.
pub(super) fn timeline(raw: &RawScenario, model: Model, flaws: &Flaws) -> Timeline {
    let mut timeline = Timeline::default();
    let list = raw.phases.get().map_or(&[][..], Vec::as_slice);
    if list.is_empty() && !(raw.phases.stands() && raw.phases.get().is_none()) {
        flaws.hinted(
            raw.phases.at(),
            "there are no phases",
            format!("write `phases = [{EXAMPLE}]`"),
        );
    }
    let mut begins = Some(Duration::ZERO);
    for (index, given) in list.iter().enumerate() {
        let is_last = index + 1 == list.len();
        let stretch = given
            .get()
            .and_then(|phase| stretch(phase, given.at(), is_last, model, flaws));
        let name = given
            .get()
            .and_then(|phase| name(phase, given.at(), &mut timeline.names, flaws));
        let (Some(what), Some(begun)) = (stretch, begins) else {
            begins = None;
            continue;
        };
        if let Stretch::Send { lasts, .. } = what {
            begins = Some(begun + lasts);
        }
        let is_drain = matches!(what, Stretch::Drain { .. });
        timeline.phases.push(Phase {
            name: name.unwrap_or_default(),
            begins: begun,
            what,
            measure: !is_drain
                && given
                    .get()
                    .and_then(|phase| phase.measure.get())
                    .copied()
                    .unwrap_or(true),
        });
    }
    timeline.end = begins.filter(|_| !list.is_empty());
    if let Some(end) = timeline.end {
        something_is_sent(&timeline.phases, model, raw.phases.at(), flaws);
        timeline.drain(end, flaws);
    }
    timeline
}

impl Timeline {
    /// Adds the drain where the file has none.
    fn drain(&mut self, end: Duration, flaws: &Flaws) {
        if self
            .phases
            .iter()
            .any(|phase| matches!(phase.what, Stretch::Drain { .. }))
        {
            return;
        }
        if self.names.has(DRAIN) {
            return;
        }
        self.names.add(DRAIN, 0..0, "a phase", "", flaws);
        self.phases.push(Phase {
            name: DRAIN.to_owned(),
            begins: end,
            what: Stretch::Drain { at_most: AT_MOST },
            measure: false,
        });
    }

    /// The moment from the beginning of the load; none where it is wrong, or the phases are.
    pub(super) fn resolve(&self, moment: &Moment, at: Bytes, flaws: &Flaws) -> Option<Duration> {
        let begins = match &moment.phase {
            None => Duration::ZERO,
            Some(name) if !self.names.has(name) => {
                let hint = suggestion(name, self.names.iter());
                flaws.hinted(at, format!("there is no phase `{name}`"), hint);
                return None;
            }
            Some(name) => self.phases.iter().find(|phase| phase.name == *name)?.begins,
        };
        let (moment, end) = (begins + moment.plus, self.end?);
        if moment >= end {
            flaws.hinted(
                at,
                format!("this is {moment:?} from the beginning, when the load is over"),
                format!("its last sending phase ends after {end:?}"),
            );
            return None;
        }
        Some(moment)
    }

    /// Whether this is the phase in which nothing is sent.
    pub(super) fn is_drain(&self, name: &str) -> bool {
        self.phases
            .iter()
            .any(|phase| phase.name == name && matches!(phase.what, Stretch::Drain { .. }))
    }
}

fn name(phase: &RawPhase, at: Bytes, names: &mut Names, flaws: &Flaws) -> Option<String> {
    if !phase.name.stands() {
        flaws.hinted(at, "the phase has no name", "write `name = \"…\"`");
    }
    let name = &phase.name.get()?.0.0;
    let sends = !phase.until.stands();
    if sends && name == DRAIN {
        flaws.hinted(
            phase.name.at(),
            format!("`{DRAIN}` is the name of the phase that waits until nothing is left to do"),
            "choose another, or write `until = \"drained\"` in place of `for` and `rate`",
        );
    }
    names.add(name, phase.name.at(), "a phase", "choose another name", flaws);
    Some(name.clone())
}

fn stretch(phase: &RawPhase, at: Bytes, is_last: bool, model: Model, flaws: &Flaws) -> Option<Stretch> {
    if phase.until.stands() {
        drain(phase, is_last, flaws)
    } else {
        sending(phase, at, model, flaws)
    }
}

fn drain(phase: &RawPhase, is_last: bool, flaws: &Flaws) -> Option<Stretch> {
    let of_sending = [
        ("for", spot(&phase.lasts)),
        ("rate", spot(&phase.rate)),
        ("arrivals", spot(&phase.arrivals)),
        ("measure", spot(&phase.measure)),
    ];
    for (field, at) in of_sending {
        if let Some(at) = at {
            flaws.hinted(
                at,
                format!("`{field}` has no meaning in a phase with `until`, which sends nothing"),
                "it may have `at_most`",
            );
        }
    }
    if !is_last {
        flaws.hinted(
            phase.until.at(),
            "only the last phase waits until nothing is left to do",
            "move it to the end, or give it `for` and `rate`",
        );
    }
    phase.until.get()?;
    let at_most = positive(&phase.at_most, "at_most", flaws);
    if phase.at_most.stands() { at_most } else { Some(AT_MOST) }.map(|at_most| Stretch::Drain { at_most })
}

fn sending(phase: &RawPhase, at: Bytes, model: Model, flaws: &Flaws) -> Option<Stretch> {
    if phase.at_most.stands() {
        flaws.hinted(
            phase.at_most.at(),
            "`at_most` has no meaning without `until`",
            "how long a phase sends is its `for`",
        );
    }
    if !phase.lasts.stands() {
        flaws.hinted(
            at.clone(),
            "nobody says how long the phase lasts",
            "write `for = \"30s\"`, or `until = \"drained\"`",
        );
    }
    let lasts = positive(&phase.lasts, "for", flaws);
    let arrivals = phase.arrivals.get().copied().unwrap_or_default();
    if let Model::Closed { .. } = model {
        for (field, at) in [("rate", spot(&phase.rate)), ("arrivals", spot(&phase.arrivals))] {
            if let Some(at) = at {
                flaws.hinted(
                    at,
                    format!("`{field}` has no meaning in a closed model, which sends when a client has its answer"),
                    "leave it away, or write `model = \"open\"`",
                );
            }
        }
        let (from, to) = (0.0, 0.0);
        return lasts.map(|lasts| Stretch::Send {
            lasts,
            from,
            to,
            arrivals,
        });
    }
    if !phase.rate.stands() {
        flaws.hinted(at, "nobody says how fast the phase sends", "write `rate = \"100/s\"`");
    }
    let rate = phase.rate.get()?.0;
    Some(Stretch::Send {
        lasts: lasts?,
        from: rate.from,
        to: rate.to,
        arrivals,
    })
}

/// A span that is longer than nothing.
pub(super) fn positive(
    span: &Given<crate::scenario::written::Text<crate::scenario::written::Span>>,
    field: &str,
    flaws: &Flaws,
) -> Option<Duration> {
    let read = span.get()?.0.0;
    if read.is_zero() {
        flaws.add(span.at(), format!("`{field}` must be longer than nothing"));
        return None;
    }
    Some(read)
}

/// Where a field stands, if it does.
pub(super) fn spot<T>(given: &Given<T>) -> Option<Bytes> {
    given.stands().then(|| given.at())
}

fn something_is_sent(phases: &[Phase], model: Model, at: Bytes, flaws: &Flaws) {
    let expected = |phase: &Phase| match phase.what {
        Stretch::Send { lasts, from, to, .. } => f64::midpoint(from, to) * lasts.as_secs_f64(),
        Stretch::Drain { .. } => 0.0,
    };
    let sends = phases.iter().any(|phase| matches!(phase.what, Stretch::Send { .. }));
    let is_open = model == Model::Open;
    if !sends {
        flaws.hinted(at, "no phase sends anything", format!("add one such as `{EXAMPLE}`"));
    } else if is_open && phases.iter().map(expected).sum::<f64>() < 1.0 {
        flaws.hinted(
            at,
            "at these rates nothing is ever sent",
            format!("add a phase such as `{EXAMPLE}`"),
        );
    }
}
