//! When each event is due for its first time: by the clock in an open model, one after the other in a closed one.

use std::time::Duration;
use std::vec::IntoIter;

use super::arrivals::{Moments, Ramp};
use super::dice::Dice;
use crate::scenario::{Arrivals, Phase, Scenario, Stretch};

/// Who is next: by time in an open model, by count in a closed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    At(Duration),
    Nth(u64),
}

/// An event that is next for its first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) turn: Turn,
    pub(super) at: Duration,
    pub(super) phase: usize,
    /// The end of the phase, which no repeat outlives.
    pub(super) ends: Duration,
}

/// All first times, in order.
pub(super) enum Firsts {
    Open {
        seed: u64,
        /// Those to come, with what is sent in them.
        stretches: IntoIter<(usize, Sending)>,
        current: Option<(usize, Sending, Moments)>,
    },
    Closed {
        phase: usize,
        begins: Duration,
        count: u64,
    },
    None,
}

/// A phase that sends.
#[derive(Clone, Copy)]
pub(super) struct Sending {
    begins: Duration,
    ramp: Ramp,
    arrivals: Arrivals,
}

impl Sending {
    fn of(phase: &Phase) -> Option<Self> {
        match phase.what {
            Stretch::Send {
                lasts,
                from,
                to,
                arrivals,
            } => Some(Self {
                begins: phase.begins,
                ramp: Ramp { from, to, lasts },
                arrivals,
            }),
            Stretch::Drain { .. } => None,
        }
    }
}

impl Firsts {
    /// Those of all phases of an open model.
    pub(super) fn open(scenario: &Scenario) -> Self {
        let sending = |(place, phase)| Sending::of(phase).map(|sending| (place, sending));
        let stretches: Vec<_> = scenario.phases.iter().enumerate().filter_map(sending).collect();
        Self::Open {
            seed: scenario.seed,
            stretches: stretches.into_iter(),
            current: None,
        }
    }

    /// Those of one phase of a closed model.
    pub(super) fn closed(scenario: &Scenario, phase: usize) -> Self {
        match scenario.phases.get(phase).and_then(Sending::of) {
            Some(sending) => Self::Closed {
                phase,
                begins: sending.begins,
                count: 0,
            },
            None => Self::None,
        }
    }
}

impl Iterator for Firsts {
    type Item = First;

    fn next(&mut self) -> Option<First> {
        match self {
            Self::None => None,
            Self::Closed { phase, begins, count } => {
                let turn = Turn::Nth(*count);
                *count += 1;
                Some(First {
                    turn,
                    at: *begins,
                    phase: *phase,
                    ends: *begins,
                })
            }
            Self::Open {
                seed,
                stretches,
                current,
            } => loop {
                if let Some((phase, sending, moments)) = current
                    && let Some(offset) = moments.next()
                {
                    let at = sending.begins + offset;
                    return Some(First {
                        turn: Turn::At(at),
                        at,
                        phase: *phase,
                        ends: sending.begins + sending.ramp.lasts,
                    });
                }
                let (phase, sending) = stretches.next()?;
                let gaps = Dice::new(*seed, "gaps", phase as u64);
                *current = Some((phase, sending, Moments::new(sending.ramp, sending.arrivals, gaps)));
            },
        }
    }
}
