//! What will happen when: the resolved phases, faults and kinds of a scenario, with what they come to.

mod show;

use std::time::Duration;

use serde::Serialize;

use super::course::Course;
use super::words::{arrivals_word, client_word, fate_word};
use crate::fault::title;
use crate::scenario::{Fault, Kind, Model, Phase, Scenario, Stretch};

/// What will happen when. Moments are in seconds from the beginning of the load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// The scenario.
    pub name: String,
    /// What decides ids, payloads and moments.
    pub seed: u64,
    /// When the last sending phase ends.
    pub lasts_s: f64,
    /// Clients of a closed model; absent in an open one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<usize>,
    /// Sends in all; absent in a closed model, where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sends: Option<u64>,
    /// In their order.
    pub phases: Vec<PhaseLine>,
    /// In the order of their moments.
    pub faults: Vec<FaultLine>,
    /// In the order of the mix.
    pub kinds: Vec<KindLine>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseLine {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub begins_s: f64,
    /// When it ends; a drain at the latest.
    pub ends_s: f64,
    /// Its rate, of an open model: `2000/s`, `0..2000/s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// How its sends are spread: `constant`, `poisson`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<&'static str>,
    /// Its sends, those repeated on purpose among them; absent in a closed model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sends: Option<u64>,
    /// Whether it waits until all is done, and sends nothing.
    pub drains: bool,
    /// Whether what is measured in it counts.
    pub measured: bool,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultLine {
    /// Its id.
    pub id: String,
    /// When it strikes.
    pub at_s: f64,
    /// How long it stays; absent where it is over as it strikes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts_s: Option<f64>,
    /// In which phase; absent behind the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What it is.
    pub title: String,
}

/// A kind of event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindLine {
    /// What thresholds call it.
    pub name: String,
    /// Its type.
    pub event_type: String,
    /// Its part of the mix, 0 to 1.
    pub share: f64,
    /// How many different events; absent in a closed model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// How many of them are sent a second time on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resends: Option<u64>,
    /// How its clients behave: `normal`, `slow`, `abandon`.
    pub client: &'static str,
    /// Where its events must end: `stored`, `dlq`, `rejected`.
    pub expect: &'static str,
}

/// How often each phase and kind comes.
struct Counts {
    phases: Vec<u64>,
    events: Vec<u64>,
    resends: Vec<u64>,
}

impl Counts {
    fn of(scenario: &Scenario) -> Self {
        let mut counts = Self {
            phases: vec![0; scenario.phases.len()],
            events: vec![0; scenario.mix.len()],
            resends: vec![0; scenario.mix.len()],
        };
        for slot in Course::open(scenario) {
            counts.phases[slot.phase] += 1;
            let of_kind = if slot.resend {
                &mut counts.resends
            } else {
                &mut counts.events
            };
            of_kind[slot.kind] += 1;
        }
        counts
    }
}

impl Timeline {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let (clients, counts) = match scenario.load.model {
            Model::Open => (None, Some(Counts::of(scenario))),
            Model::Closed { clients } => (Some(clients), None),
        };
        let lasts = scenario.phases.iter().filter_map(sending_end).max().unwrap_or_default();
        let weights: f64 = scenario.mix.iter().map(|kind| kind.weight).sum();
        let phase = |(place, phase)| phase_line(phase, counts.as_ref().map(|counts| counts.phases[place]));
        let kind = |(place, kind): (usize, &Kind)| KindLine {
            name: kind.name.clone(),
            event_type: kind.event_type.clone(),
            share: kind.weight / weights,
            events: counts.as_ref().map(|counts| counts.events[place]),
            resends: counts.as_ref().map(|counts| counts.resends[place]),
            client: client_word(kind.client),
            expect: fate_word(kind.expect),
        };
        Self {
            name: scenario.name.clone(),
            seed: scenario.seed,
            lasts_s: lasts.as_secs_f64(),
            clients,
            sends: counts.as_ref().map(|counts| counts.phases.iter().sum()),
            phases: scenario.phases.iter().enumerate().map(phase).collect(),
            faults: scenario
                .faults
                .iter()
                .map(|fault| fault_line(scenario, fault))
                .collect(),
            kinds: scenario.mix.iter().enumerate().map(kind).collect(),
        }
    }
}

fn sending_end(phase: &Phase) -> Option<Duration> {
    match phase.what {
        Stretch::Send { lasts, .. } => Some(phase.begins + lasts),
        Stretch::Drain { .. } => None,
    }
}

fn phase_line(phase: &Phase, sends: Option<u64>) -> PhaseLine {
    let (lasts, drains, rate, arrivals) = match phase.what {
        Stretch::Drain { at_most } => (at_most, true, None, None),
        Stretch::Send { lasts, .. } if sends.is_none() => (lasts, false, None, None),
        Stretch::Send {
            lasts,
            from,
            to,
            arrivals,
        } => {
            let rate = if from.total_cmp(&to).is_eq() {
                format!("{from}/s")
            } else {
                format!("{from}..{to}/s")
            };
            (lasts, false, Some(rate), Some(arrivals_word(arrivals)))
        }
    };
    PhaseLine {
        name: phase.name.clone(),
        begins_s: phase.begins.as_secs_f64(),
        ends_s: (phase.begins + lasts).as_secs_f64(),
        rate,
        arrivals,
        sends: sends.filter(|_| !drains),
        drains,
        measured: phase.measure,
    }
}

fn fault_line(scenario: &Scenario, fault: &Fault) -> FaultLine {
    let within = |phase: &&Phase| phase.begins <= fault.at && sending_end(phase).is_none_or(|end| fault.at < end);
    FaultLine {
        id: fault.id.clone(),
        at_s: fault.at.as_secs_f64(),
        lasts_s: fault.lasts.map(|lasts| lasts.as_secs_f64()),
        phase: scenario.phases.iter().find(within).map(|phase| phase.name.clone()),
        title: title(&fault.what),
    }
}
