//! Admits: whoever brings a key first decides, everything later is a copy or another payload.

use eventflow_core::{Admission, AdmitReply, AdmitRow, Admitted, EventState, Fate, LeaseGrant, Timestamp};

use super::rows::{EventRow, Lease, State, WorkRow, letter_of};

impl State {
    pub(crate) fn admit(&mut self, now: Timestamp, admission: &Admission) -> AdmitReply {
        if admission.registry < self.version {
            return AdmitReply::StaleRegistry;
        }
        let said = admission
            .rows
            .iter()
            .map(|row| self.admit_row(now, row, admission.lease));
        AdmitReply::Decided(said.collect())
    }

    fn admit_row(&mut self, now: Timestamp, row: &AdmitRow, grant: Option<LeaseGrant>) -> Admitted {
        if let Some(known) = self.events.get_mut(&row.event.key) {
            if known.event.fingerprint != row.event.fingerprint {
                return Admitted::Reused;
            }
            known.copies_seen += 1 + u64::from(row.copies);
            return Admitted::Copy;
        }
        let mut new = EventRow {
            event: row.event.clone(),
            end: EventState::Done,
            admitted_at: now,
            copies_seen: u64::from(row.copies),
            work: None,
            attempts: Vec::new(),
            letter: None,
        };
        match &row.fate {
            Fate::Done => {}
            Fate::Dead(death) => {
                new.end = EventState::Dead;
                new.letter = Some(letter_of(death, now));
            }
            Fate::Due(handler) => new.work = Some(WorkRow::fresh(handler.clone(), now)),
            Fate::Start(handler) => {
                let mut work = WorkRow::fresh(handler.clone(), now);
                if let Some(grant) = grant.filter(|_| !self.is_paused(handler)) {
                    work.due_at = now.plus(grant.lease_time);
                    work.lease = Some(Lease {
                        token: grant.token,
                        worker: grant.worker,
                    });
                }
                new.work = Some(work);
            }
        }
        let started = new.state() == EventState::Running;
        self.events.insert(row.event.key, new);
        Admitted::New { started }
    }
}
