//! What a run reached: a run that reaches nothing proves nothing.

use std::collections::BTreeMap;

use eventflow_core::{AdmitReply, Admitted, Fate, LetterAction, Recorded, Registered, Retired};

use super::step::{Reply, Step};

/// How often the things happened that the laws are about, by name.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Everything that a long enough run meets.
    pub const ALL: [&str; 26] = [
        "new",
        "started",
        "kept from starting",
        "dead at admission",
        "copy",
        "reused",
        "stale list",
        "leased",
        "bounded by weight",
        "crash",
        "suspect",
        "suspect first",
        "fatal",
        "counted",
        "stale outcome",
        "lost",
        "handed back",
        "unknown worker",
        "tie",
        "carried",
        "retired",
        "rematched",
        "requeued",
        "discarded",
        "restored",
        "purged",
    ];

    /// How often it happened.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (name, times) in &other.0 {
            *self.0.entry(name).or_default() += times;
        }
    }

    fn count(&mut self, name: &'static str, times: u64) {
        *self.0.entry(name).or_default() += times;
    }

    pub(super) fn note(&mut self, step: &Step, reply: &Reply) {
        match (step, reply) {
            (Step::Admit { .. }, Reply::Admitted(AdmitReply::StaleRegistry)) => self.count("stale list", 1),
            (Step::Admit { rows, lease, .. }, Reply::Admitted(AdmitReply::Decided(said))) => {
                for (row, said) in rows.iter().zip(said) {
                    self.count(admitted_as(&row.fate, lease.is_some(), *said), 1);
                }
            }
            (Step::Lease(request), Reply::Leased(given)) => {
                self.count("leased", given.leased.len() as u64);
                self.count("fatal", given.died);
                self.count("suspect first", u64::from(given.suspect_first));
                self.count("bounded by weight", u64::from(request.max_bytes < usize::MAX));
                self.count(
                    "crash",
                    given.leased.iter().filter(|row| row.crashes > 0).count() as u64,
                );
            }
            (_, Reply::Suspect(Some(_))) => self.count("suspect", 1),
            (_, Reply::Renewed(renewed)) => {
                self.count("lost", renewed.lost.len() as u64);
                self.count("handed back", renewed.handed_back);
                self.count("unknown worker", u64::from(renewed.unknown));
            }
            (_, Reply::Recorded(said)) => {
                let counted = said.iter().filter(|said| **said == Recorded::Counted).count() as u64;
                self.count("counted", counted);
                self.count("stale outcome", said.len() as u64 - counted);
            }
            (_, Reply::Registered(Registered::Tie(..))) => self.count("tie", 1),
            (_, Reply::Retired(Retired::Gone)) => self.count("retired", 1),
            (_, Reply::Retired(Retired::Carried(_))) => self.count("carried", 1),
            (_, Reply::Rematched(moved)) => self.count("rematched", *moved),
            (_, Reply::Changed(job)) => {
                let name = match job.action {
                    LetterAction::Requeue => "requeued",
                    LetterAction::Discard => "discarded",
                    LetterAction::Restore => "restored",
                };
                self.count(name, job.applied);
            }
            (_, Reply::Purged(removed)) => self.count("purged", *removed),
            _ => {}
        }
    }
}

const fn admitted_as(fate: &Fate, with_lease: bool, said: Admitted) -> &'static str {
    match (said, fate) {
        (Admitted::Copy, _) => "copy",
        (Admitted::Reused, _) => "reused",
        (Admitted::New { started: true }, _) => "started",
        (_, Fate::Start(_)) if with_lease => "kept from starting",
        (_, Fate::Dead(_)) => "dead at admission",
        _ => "new",
    }
}
