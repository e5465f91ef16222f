//! What must hold: thresholds of things that are there, in units that fit, and invariants.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::mix::Mix;
use super::names::RUN;
use super::phases::{Timeline, positive};
use crate::scenario::ability::deadlocks_lack;
use crate::scenario::condition::{Bound, Unit};
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::given::{Entries, Given};
use crate::scenario::metric::{self, RECOVERY};
use crate::scenario::near::{listed, meant, suggestion};
use crate::scenario::raw::{RawDead, RawExpect, RawInvariants, RawSteady};
use crate::scenario::written::Text;
use crate::scenario::{Condition, Expect, ExpectedDead, Fate, Invariants, Place, Target, Threshold};

/// Before the name of a kind in a reference.
const MIX: &str = "mix.";

/// Checks what must hold.
pub(super) fn expect(
    raw: Option<&RawExpect>,
    timeline: &Timeline,
    faults: &Faults,
    mix: &Mix,
    target: &Target,
    flaws: &Flaws,
) -> Expect {
    let absent = RawExpect::default();
    let raw = raw.unwrap_or(&absent);
    let scopes = Scopes { timeline, faults, mix };
    Expect {
        steady_state: raw
            .steady_state
            .get()
            .map_or_else(BTreeMap::new, |steady| steady_state(steady, flaws)),
        faults_took_effect: raw.faults_took_effect.get().copied().unwrap_or(true),
        progress: positive(&raw.progress, "progress", flaws),
        slo: raw.slo.get().map_or_else(Vec::new, |slo| scopes.thresholds(slo, flaws)),
        invariants: raw.invariants.get().map_or_else(Invariants::default, |invariants| {
            self::invariants(invariants, mix, target, flaws)
        }),
    }
}

fn steady_state(raw: &RawSteady, flaws: &Flaws) -> BTreeMap<String, Condition> {
    let all = [&raw.backlog, &raw.lag, &raw.due, &raw.running, &raw.dead];
    metric::STEADY
        .iter()
        .zip(all)
        .filter_map(|(name, given)| Some(((*name).to_owned(), bound(name, Unit::Count, given, flaws)?)))
        .collect()
}

/// The condition, if it counts what the metric counts.
fn bound(metric: &str, unit: Unit, given: &Given<Text<Bound>>, flaws: &Flaws) -> Option<Condition> {
    let bound = &given.get()?.0;
    if !bound.fits(unit) {
        flaws.hinted(
            given.at(),
            format!(
                "`{metric}` is {}, and `{}` compares it with {}",
                unit.noun(),
                bound.condition.text,
                bound.unit.noun()
            ),
            format!("write one such as `{}`", unit.example()),
        );
        return None;
    }
    Some(bound.condition.clone())
}

/// What thresholds may be of.
struct Scopes<'a> {
    timeline: &'a Timeline,
    faults: &'a Faults,
    mix: &'a Mix,
}

impl Scopes<'_> {
    fn thresholds(&self, slo: &Entries<Text<Bound>>, flaws: &Flaws) -> Vec<Threshold> {
        slo.0
            .iter()
            .filter_map(|(key, given)| self.threshold(key.get()?, key.at(), given, flaws))
            .collect()
    }

    fn threshold(&self, key: &str, at: Bytes, given: &Given<Text<Bound>>, flaws: &Flaws) -> Option<Threshold> {
        let Some((scope, metric)) = key.rsplit_once('/') else {
            flaws.hinted(
                at,
                format!("`{key}` is no threshold, which is named by what is measured and where"),
                "write it as `\"steady/accept.p99\" = \"< 150ms\"`, in quotes",
            );
            return None;
        };
        let is_scope = self.scope(scope, metric, &at, flaws);
        let Some(unit) = metric::unit(metric) else {
            let names = metric::names();
            let hint = suggestion(metric, names.iter().map(String::as_str));
            flaws.hinted(at, format!("there is no metric `{metric}`"), hint);
            return None;
        };
        let condition = bound(metric, unit, given, flaws)?;
        is_scope.then(|| Threshold {
            text: format!("{key} {}", condition.text),
            scope: scope.to_owned(),
            metric: metric.to_owned(),
            condition,
        })
    }

    /// Whether the metric can be had of that scope.
    fn scope(&self, scope: &str, metric: &str, at: &Bytes, flaws: &Flaws) -> bool {
        let is_fault = self.faults.names.has(scope);
        let is_known = is_fault || scope == RUN || self.timeline.names.has(scope) || self.mix.names.has(scope);
        if !is_known {
            let (phases, faults) = (self.timeline.names.iter(), self.faults.names.iter());
            let all = phases.chain(faults).chain(self.mix.names.iter()).chain([RUN]);
            let message = format!("there is no phase, fault or kind of the mix `{scope}`");
            let kind = scope.strip_prefix(MIX).filter(|kind| self.mix.names.has(kind));
            let hint = kind.map_or_else(|| suggestion(scope, all), meant);
            flaws.hinted(at.clone(), message, hint);
            return false;
        }
        if metric == RECOVERY && !is_fault {
            let faults: Vec<_> = self.faults.names.iter().collect();
            let hint = if faults.is_empty() {
                "there are none in this file".to_owned()
            } else {
                format!("those of this file are {}", listed(&faults))
            };
            flaws.hinted(at.clone(), "only faults have a `recovery`", hint);
            return false;
        }
        if self.timeline.is_drain(scope) {
            flaws.add(
                at.clone(),
                format!("nothing is sent in `{scope}`, and nothing measured"),
            );
            return false;
        }
        true
    }
}

fn invariants(raw: &RawInvariants, mix: &Mix, target: &Target, flaws: &Flaws) -> Invariants {
    let or_none = |given: &Given<u64>| given.get().copied().unwrap_or_default();
    let deadlocks = raw.deadlocks.get().copied();
    if deadlocks.is_some()
        && let Some(why) = deadlocks_cannot_be_read(&target.place)
    {
        flaws.hinted(raw.deadlocks.at(), "`deadlocks` cannot be read on this target", why);
    }
    Invariants {
        acked_lost: or_none(&raw.acked_lost),
        duplicate_rows: or_none(&raw.duplicate_rows),
        unexpected_rows: or_none(&raw.unexpected_rows),
        run_twice: or_none(&raw.run_twice),
        deadlocks,
        dead: raw
            .dlq
            .get()
            .map_or(ExpectedDead::AsTheMix, |dlq| dead(dlq, raw.dlq.at(), mix, flaws)),
    }
}

fn deadlocks_cannot_be_read(place: &Place) -> Option<String> {
    match place {
        Place::Auto => None,
        Place::Private(kind) => deadlocks_lack(*kind),
        Place::Running { .. } => Some("the store of an API that runs is not the run's own".to_owned()),
    }
}

fn dead(raw: &RawDead, at: Bytes, mix: &Mix, flaws: &Flaws) -> ExpectedDead {
    if raw.exactly.stands() == raw.at_most.stands() {
        flaws.hinted(
            at,
            "`dlq` says one of two things",
            "write `{ exactly = \"mix.poison\" }` or `{ at_most = 0 }`",
        );
        return ExpectedDead::AsTheMix;
    }
    if let Some(exactly) = raw.exactly.get() {
        agrees(&exactly.0, raw.exactly.at(), mix, flaws);
    }
    raw.at_most
        .get()
        .map_or(ExpectedDead::AsTheMix, |at_most| ExpectedDead::AtMost(*at_most))
}

/// Says where a list of dead kinds is another than that of the mix.
fn agrees(exactly: &[Given<String>], at: Bytes, mix: &Mix, flaws: &Flaws) {
    let (mut named, mut are_known) = (Vec::new(), true);
    for given in exactly {
        let Some(text) = given.get() else { return };
        let name = text.strip_prefix(MIX).unwrap_or(text);
        let references: Vec<_> = mix.names.iter().map(|name| format!("{MIX}{name}")).collect();
        if !text.starts_with(MIX) || !mix.names.has(name) {
            let hint = if mix.names.has(text) {
                meant(&format!("{MIX}{text}"))
            } else {
                suggestion(text, references.iter().map(String::as_str))
            };
            flaws.hinted(given.at(), format!("`{text}` is no kind of the mix"), hint);
            are_known = false;
            continue;
        }
        named.push(name);
        if mix
            .kinds
            .iter()
            .any(|kind| kind.name == name && kind.expect != Fate::Dead)
        {
            flaws.hinted(
                given.at(),
                format!("the mix does not say that `{name}` ends among the dead letters"),
                "write `expect = \"dlq\"` there",
            );
        }
    }
    for kind in mix.kinds.iter().filter(|kind| kind.expect == Fate::Dead) {
        if are_known && !named.contains(&kind.name.as_str()) {
            flaws.hinted(
                at.clone(),
                format!("the mix says that `{}` ends among the dead letters too", kind.name),
                format!("add \"{MIX}{}\", or leave `exactly` away", kind.name),
            );
        }
    }
}
