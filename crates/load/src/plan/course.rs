//! The order of all sends: each event at its moment, and what is repeated on purpose merged in where its moment comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU64;
use std::time::Duration;

use super::dice::Dice;
use super::firsts::{First, Firsts, Turn};
use crate::scenario::Scenario;

/// Numbers of a phase's own in a closed model, where nobody knows how many it will take.
const NUMBERS: u64 = 100_000_000_000;
/// A repeat comes between these after its first, in an open model.
const SOONEST: f64 = 0.001;
const LATEST: f64 = 5.0;
/// So many sends later, at most, in a closed one.
const FURTHEST: NonZeroU64 = NonZeroU64::MIN.saturating_add(99);

/// One send, before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its place in the course.
    pub(super) seq: u64,
    /// The event, from 0: a repeat has that of its first.
    pub(super) number: u64,
    /// When it is sent, from the beginning of the load.
    pub(super) at: Duration,
    /// When its event is first sent: leads the id.
    pub(super) first_at: Duration,
    pub(super) phase: usize,
    pub(super) kind: usize,
    pub(super) resend: bool,
}

/// What is to be sent a second time. Ordered by its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Repeat {
    turn: Turn,
    number: u64,
    first_at: Duration,
    phase: usize,
    kind: usize,
}

/// The order of all sends.
pub(super) struct Course {
    seed: u64,
    /// By kind: the upper end of its part of the mix, and the part of it that is repeated.
    mix: Vec<(f64, f64)>,
    firsts: Firsts,
    next: Option<First>,
    repeats: BinaryHeap<Reverse<Repeat>>,
    number: u64,
    seq: u64,
}

impl Course {
    /// That of an open model: the whole run.
    pub(super) fn open(scenario: &Scenario) -> Self {
        Self::new(scenario, Firsts::open(scenario), 0)
    }

    /// That of one phase of a closed model, without an end.
    pub(super) fn closed(scenario: &Scenario, phase: usize) -> Self {
        Self::new(
            scenario,
            Firsts::closed(scenario, phase),
            NUMBERS.saturating_mul(phase as u64),
        )
    }

    fn new(scenario: &Scenario, firsts: Firsts, from: u64) -> Self {
        let mix = scenario.mix.iter().scan(0.0, |sum, kind| {
            *sum += kind.weight;
            Some((*sum, kind.resend))
        });
        Self {
            seed: scenario.seed,
            mix: mix.collect(),
            firsts,
            next: None,
            repeats: BinaryHeap::new(),
            number: from,
            seq: from,
        }
    }

    fn kind(&self, number: u64) -> usize {
        let sum = self.mix.last().map_or(0.0, |(sum, _)| *sum);
        let drawn = Dice::new(self.seed, "kind", number).share() * sum;
        let last = self.mix.len().saturating_sub(1);
        self.mix.iter().position(|(end, _)| drawn < *end).unwrap_or(last)
    }

    /// The second turn of an event, if it has one.
    fn repeat(&self, kind: usize, number: u64, first: First) -> Option<Turn> {
        let share = self.mix.get(kind).map_or(0.0, |(_, share)| *share);
        if share <= 0.0 {
            return None;
        }
        let mut dice = Dice::new(self.seed, "resend", number);
        if !dice.comes_true(share) {
            return None;
        }
        Some(match first.turn {
            Turn::At(at) => {
                // As many come within milliseconds, and may overtake, as come when all is long stored.
                let delay = Duration::from_secs_f64(SOONEST * (LATEST / SOONEST).powf(dice.share()));
                let left = first.ends.saturating_sub(at);
                Turn::At(
                    at + if delay < left {
                        delay
                    } else {
                        left.mul_f64(dice.share())
                    },
                )
            }
            Turn::Nth(count) => Turn::Nth(count + 1 + dice.below(FURTHEST)),
        })
    }

    fn again(&mut self, repeat: Repeat, at: Duration) -> Slot {
        Slot {
            seq: self.take_seq(),
            number: repeat.number,
            at,
            first_at: repeat.first_at,
            phase: repeat.phase,
            kind: repeat.kind,
            resend: true,
        }
    }

    fn first(&mut self, first: First) -> Slot {
        let number = self.number;
        self.number += 1;
        let kind = self.kind(number);
        let first_at = match first.turn {
            Turn::At(at) => at,
            // Ids that go on, though nobody knows when they will be sent, keep the keys of neighbours together.
            Turn::Nth(count) => first.at + Duration::from_millis(count),
        };
        if let Some(turn) = self.repeat(kind, number, first) {
            self.repeats.push(Reverse(Repeat {
                turn,
                number,
                first_at,
                phase: first.phase,
                kind,
            }));
        }
        Slot {
            seq: self.take_seq(),
            number,
            at: first.at,
            first_at,
            phase: first.phase,
            kind,
            resend: false,
        }
    }

    fn take_seq(&mut self) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        seq
    }
}

impl Iterator for Course {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        if self.next.is_none() {
            self.next = self.firsts.next();
        }
        let before = |repeat: &Repeat| self.next.is_none_or(|first| repeat.turn < first.turn);
        match self.repeats.peek() {
            Some(Reverse(repeat)) if before(repeat) => {
                let Reverse(repeat) = self.repeats.pop()?;
                let at = match repeat.turn {
                    Turn::At(at) => at,
                    Turn::Nth(_) => self.next.map_or(Duration::ZERO, |first| first.at),
                };
                Some(self.again(repeat, at))
            }
            _ => {
                let first = self.next.take()?;
                Some(self.first(first))
            }
        }
    }
}
