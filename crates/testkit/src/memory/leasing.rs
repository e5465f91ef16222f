//! Leases: what is due goes to whoever asks, what has lapsed only to whom the store has seen without a gap.

use std::collections::BTreeMap;

use eventflow_core::{Death, EventKey, FATAL_CRASHES, LeaseReply, LeaseRequest, Leased, Pattern, Reason, Timestamp};

use super::rows::{EventRow, Lease, State, WorkRow};

/// A place in the order in which rows are due.
type Turn = (Timestamp, EventKey);

impl State {
    pub(crate) fn lease(&mut self, now: Timestamp, request: &LeaseRequest) -> LeaseReply {
        let died = self.bury_fatal(now, request);
        let turns = self.within_weight(&self.due_turns(now, request), request.max_bytes);
        let suspect = self.oldest_suspect(now, request);
        let suspect_first = suspect.is_some_and(|(due_at, _)| turns.first().is_none_or(|first| due_at < first.0));
        let leased = turns
            .into_iter()
            .filter_map(|(_, key)| self.grant(now, key, request))
            .collect();
        LeaseReply {
            leased,
            suspect_first,
            died,
        }
    }

    pub(crate) fn lease_suspect(&mut self, now: Timestamp, request: &LeaseRequest) -> Option<Leased> {
        self.bury_fatal(now, request);
        let (_, key) = self.oldest_suspect(now, request)?;
        self.grant(now, key, request)
    }

    /// Brings lapsed rows to the dead letters that have now crashed too often.
    fn bury_fatal(&mut self, now: Timestamp, request: &LeaseRequest) -> u64 {
        let fatal: Vec<EventKey> = self
            .takeable(now, request)
            .filter(|(_, work)| work.is_lapsed(now) && work.crashes_by(now) >= FATAL_CRASHES)
            .map(|((_, key), _)| key)
            .collect();
        for key in &fatal {
            if let Some(row) = self.events.get_mut(key) {
                row.count_crash(now);
                bury_crashed(row, now);
            }
        }
        fatal.len() as u64
    }

    fn due_turns(&self, now: Timestamp, request: &LeaseRequest) -> Vec<Turn> {
        let mut by_handler: BTreeMap<&Pattern, Vec<Turn>> = BTreeMap::new();
        for (turn, work) in self.takeable(now, request).filter(|(_, work)| !work.is_suspect(now)) {
            by_handler.entry(&work.handler).or_default().push(turn);
        }
        let mut turns = Vec::new();
        for (handler, mut of_handler) in by_handler {
            of_handler.sort_unstable();
            of_handler.truncate(limit_of(request, handler));
            turns.extend(of_handler);
        }
        turns.sort_unstable();
        turns
    }

    fn within_weight(&self, turns: &[Turn], max_bytes: usize) -> Vec<Turn> {
        let mut weight = 0;
        let fits = |turn: &&Turn| {
            let is_first = weight == 0;
            weight += self.events.get(&turn.1).map_or(0, |row| row.event.weight());
            is_first || weight <= max_bytes
        };
        turns.iter().take_while(fits).copied().collect()
    }

    fn oldest_suspect(&self, now: Timestamp, request: &LeaseRequest) -> Option<Turn> {
        self.takeable(now, request)
            .filter(|(_, work)| work.is_suspect(now))
            .map(|(turn, _)| turn)
            .min()
    }

    /// Rows that the asking worker may take now, in no order: of a wanted handler that is not paused, and due.
    fn takeable<'a>(
        &'a self,
        now: Timestamp,
        request: &'a LeaseRequest,
    ) -> impl Iterator<Item = (Turn, &'a WorkRow)> + 'a {
        let mature = self.is_mature(request.worker, request.lease_time, now);
        self.events.iter().filter_map(move |(key, row)| {
            let work = row.work.as_ref()?;
            let wanted = limit_of(request, &work.handler) > 0 && !self.is_paused(&work.handler);
            (wanted && work.can_be_taken(now, mature)).then_some(((work.due_at, *key), work))
        })
    }

    fn grant(&mut self, now: Timestamp, key: EventKey, request: &LeaseRequest) -> Option<Leased> {
        let row = self.events.get_mut(&key)?;
        row.count_crash(now);
        let work = row.work.as_mut()?;
        work.due_at = now.plus(request.lease_time);
        work.lease = Some(Lease {
            token: request.token,
            worker: request.worker,
        });
        Some(Leased {
            event: row.event.as_ref().clone(),
            handler: work.handler.clone(),
            token: request.token,
            attempt: work.attempt,
            base: work.base,
            crashes: work.crashes,
        })
    }
}

/// Ends a row whose lease has lapsed too often.
pub(super) fn bury_crashed(row: &mut EventRow, now: Timestamp) {
    let crashes = row.work.as_ref().map_or(0, |work| work.crashes);
    let message = format!("its worker's lease lapsed {crashes} times");
    row.bury(now, &Death::new(Reason::Crashed, message));
}

fn limit_of(request: &LeaseRequest, handler: &Pattern) -> usize {
    let wanted = request.wants.iter().filter(|(pattern, _)| pattern == handler);
    wanted.map(|(_, limit)| *limit as usize).sum()
}
