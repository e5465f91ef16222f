//! What the workers of a run believe: they forget answers, restart, and come back as zombies.

use eventflow_core::{EventKey, LeaseToken, Pattern, Recorded, Renewed, WorkerId};
use fastrand::Rng;

use super::step::{Reply, Step};

/// One worker, as it sees itself.
#[derive(Clone, Debug)]
pub(super) struct Believer {
    pub(super) id: WorkerId,
    pub(super) patterns: Vec<Pattern>,
    pub(super) running: Vec<(EventKey, LeaseToken)>,
    /// Tokens of statements whose answer was lost.
    pub(super) awaited: Vec<LeaseToken>,
    /// It was told that the ledger does not know it.
    pub(super) unknown: bool,
}

/// A lease that somebody once held.
#[derive(Clone, Copy, Debug)]
pub(super) struct PastLease {
    pub(super) worker: WorkerId,
    pub(super) key: EventKey,
    pub(super) token: LeaseToken,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Workers {
    pub(super) all: Vec<Believer>,
    past: Vec<PastLease>,
}

/// How many past leases are remembered.
const PAST: usize = 40;

impl Workers {
    pub(super) fn add(&mut self, id: WorkerId, patterns: Vec<Pattern>) {
        self.all.push(Believer {
            id,
            patterns,
            running: Vec::new(),
            awaited: Vec::new(),
            unknown: false,
        });
    }

    pub(super) fn past(&self) -> &[PastLease] {
        &self.past
    }

    fn by_id(&mut self, id: WorkerId) -> Option<&mut Believer> {
        self.all.iter_mut().find(|worker| worker.id == id)
    }

    fn bury(&mut self, worker: WorkerId, leases: impl IntoIterator<Item = (EventKey, LeaseToken)>) {
        let leases = leases.into_iter().map(|(key, token)| PastLease { worker, key, token });
        self.past.extend(leases);
        let surplus = self.past.len().saturating_sub(PAST);
        self.past.drain(..surplus);
    }

    /// The process ends and another takes its place, which knows nothing.
    pub(super) fn restart(&mut self, place: usize, id: WorkerId) {
        let worker = &mut self.all[place];
        let (old, running) = (worker.id, std::mem::take(&mut worker.running));
        worker.id = id;
        worker.awaited.clear();
        worker.unknown = false;
        self.bury(old, running);
    }

    /// The worker stops believing in some of its leases.
    pub(super) fn forget(&mut self, place: usize, leases: &[(EventKey, LeaseToken)]) {
        let worker = &mut self.all[place];
        worker.running.retain(|lease| !leases.contains(lease));
        let id = worker.id;
        self.bury(id, leases.iter().copied());
    }

    /// Hears an answer, or loses it.
    pub(super) fn hear(&mut self, step: &Step, reply: &Reply, lost: bool, rng: &mut Rng) {
        match (step, reply) {
            (
                Step::Admit {
                    rows,
                    lease: Some(grant),
                    ..
                },
                _,
            ) => {
                let started = started_keys(rows, reply).map(|key| (key, grant.token)).collect();
                self.granted(grant.worker, grant.token, started, lost);
            }
            (Step::Lease(request) | Step::LeaseSuspect(request), _) => {
                let given = reply.leased().iter().map(|row| (row.event.key, row.token)).collect();
                self.granted(request.worker, request.token, given, lost);
            }
            (Step::Renew(renewal), Reply::Renewed(renewed)) if !lost => self.renewed(renewal.worker, renewed, rng),
            (Step::Record(finished), Reply::Recorded(said)) if !lost => {
                for (one, said) in finished.iter().zip(said) {
                    let lease = (one.key, one.lease);
                    let Some(worker) = self.by_id(one.worker) else { continue };
                    worker.running.retain(|running| *running != lease);
                    if *said == Recorded::Counted {
                        self.bury(one.worker, [lease]);
                    }
                }
            }
            (Step::Leave(worker), _) => {
                if let Some(believer) = self.by_id(*worker) {
                    let running = std::mem::take(&mut believer.running);
                    self.bury(*worker, running);
                }
            }
            (Step::Register(registration), _) => {
                if let Some(worker) = self.by_id(registration.worker) {
                    worker.unknown = false;
                    worker.patterns.clone_from(&registration.patterns);
                }
            }
            _ => {}
        }
    }

    fn granted(&mut self, worker: WorkerId, token: LeaseToken, given: Vec<(EventKey, LeaseToken)>, lost: bool) {
        let Some(believer) = self.by_id(worker) else { return };
        if lost {
            believer.awaited.push(token);
            self.bury(worker, given);
        } else {
            believer.running.extend(given);
        }
    }

    /// Most drop what they are told is lost; some do not listen, and become zombies.
    fn renewed(&mut self, id: WorkerId, renewed: &Renewed, rng: &mut Rng) {
        let Some(worker) = self.by_id(id) else { return };
        worker.unknown = renewed.unknown;
        if rng.u8(0..10) < 7 {
            let is_lost = |lease: &(EventKey, LeaseToken)| renewed.lost.contains(&lease.0);
            let (lost, kept) = worker.running.drain(..).partition(is_lost);
            worker.running = kept;
            let lost: Vec<_> = lost;
            self.bury(id, lost);
        }
    }
}

fn started_keys<'a>(rows: &'a [eventflow_core::AdmitRow], reply: &'a Reply) -> impl Iterator<Item = EventKey> + 'a {
    use eventflow_core::{AdmitReply, Admitted};
    let said = match reply {
        Reply::Admitted(AdmitReply::Decided(said)) => said.as_slice(),
        _ => &[],
    };
    let started = |(row, said): (&eventflow_core::AdmitRow, &Admitted)| {
        (*said == Admitted::New { started: true }).then_some(row.event.key)
    };
    rows.iter().zip(said).filter_map(started)
}
