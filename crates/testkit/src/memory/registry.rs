//! The list of handlers and workers: who joins, what is paused, retired, matched anew and counted.

use std::time::Duration;

use eventflow_core::{
    Death, EventKey, FATAL_CRASHES, HandlerEntry, Pattern, PauseOrder, Reason, Registered, Registration, Registry,
    RetireOrder, Retired, Timestamp, WorkerEntry, WorkerId, first_tie,
};

use super::leasing::bury_crashed;
use super::rows::{HandlerRow, State, WorkerRow};

impl State {
    pub(crate) fn register(&mut self, now: Timestamp, registration: Registration) -> Registered {
        let mut united: Vec<&Pattern> = self.handlers.keys().chain(&registration.patterns).collect();
        united.sort_unstable();
        united.dedup();
        if let Some((a, b)) = first_tie(&united) {
            return Registered::Tie(a.clone(), b.clone());
        }
        if united.len() > self.handlers.len() {
            self.version.0 += 1;
        }
        for pattern in &registration.patterns {
            self.handlers.entry(pattern.clone()).or_default();
        }
        let known = self.workers.remove(&registration.worker);
        let row = WorkerRow {
            name: registration.name,
            patterns: registration.patterns.into_iter().collect(),
            joined_at: now,
            renewed_at: now,
            unbroken_since: now,
            beat: known.and_then(|row| row.beat),
        };
        self.workers.insert(registration.worker, row);
        Registered::Joined(self.registry(now, Duration::from_secs(15)))
    }

    pub(crate) fn registry(&self, now: Timestamp, lease_time: Duration) -> Registry {
        let entry = |(pattern, row): (&Pattern, &HandlerRow)| HandlerEntry {
            pattern: pattern.clone(),
            paused: row.paused,
            carriers: self.carriers(now, pattern, lease_time),
            due: row.due,
            running: row.running,
            oldest_due: row.oldest_due,
            counted_at: row.counted_at,
        };
        Registry {
            version: self.version,
            paused: self.paused,
            handlers: self.handlers.iter().map(entry).collect(),
        }
    }

    fn carriers(&self, now: Timestamp, pattern: &Pattern, lease_time: Duration) -> u32 {
        let carries = |row: &&WorkerRow| row.patterns.contains(pattern) && row.renewed_at > now.minus(lease_time);
        u32::try_from(self.workers.values().filter(carries).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn pause(&mut self, now: Timestamp, order: &PauseOrder) -> bool {
        let flag = match &order.handler {
            None => &mut self.paused,
            Some(pattern) => match self.handlers.get_mut(pattern) {
                None => return false,
                Some(row) => &mut row.paused,
            },
        };
        let changes = std::mem::replace(flag, order.paused) != order.paused;
        if changes {
            let action = if order.paused { "pause" } else { "resume" };
            let subject = order.handler.as_ref().map_or("*", Pattern::as_str);
            self.note(now, &order.actor, action, subject.to_owned(), None);
        }
        true
    }

    pub(crate) fn retire(&mut self, now: Timestamp, order: &RetireOrder) -> Retired {
        if !self.handlers.contains_key(&order.handler) {
            return Retired::Unknown;
        }
        let carriers = self.carriers(now, &order.handler, order.lease_time);
        if carriers > 0 {
            return Retired::Carried(carriers);
        }
        self.handlers.remove(&order.handler);
        self.workers.retain(|_, row| !row.patterns.contains(&order.handler));
        self.version.0 += 1;
        self.note(now, &order.actor, "retire", order.handler.to_string(), None);
        Retired::Gone
    }

    pub(crate) fn rematch(
        &mut self,
        now: Timestamp,
        worker: Option<WorkerId>,
        lease_time: Duration,
        limit: u32,
    ) -> u64 {
        let takes_lapsed = worker.is_some_and(|worker| self.is_mature(worker, lease_time, now));
        let waiting = self.events.iter().filter_map(|(key, row)| {
            let work = row.work.as_ref()?;
            let free = work.lease.is_none() || (takes_lapsed && work.is_lapsed(now));
            (free && !self.handlers.contains_key(&work.handler)).then_some(*key)
        });
        let keys: Vec<EventKey> = waiting.take(limit as usize).collect();
        for key in &keys {
            self.match_anew(now, *key);
        }
        keys.len() as u64
    }

    fn match_anew(&mut self, now: Timestamp, key: EventKey) {
        let Some(event_type) = self.events.get(&key).map(|row| row.event.event_type.clone()) else {
            return;
        };
        let taker = self.match_type(&event_type);
        let Some(row) = self.events.get_mut(&key) else { return };
        row.count_crash(now);
        let Some(work) = &mut row.work else { return };
        let crashed = work.lease.is_some();
        work.release(now);
        match taker {
            _ if crashed && work.crashes >= FATAL_CRASHES => bury_crashed(row, now),
            Some(taker) => work.handler = taker,
            None => {
                let old = &work.handler;
                let message = format!("its handler `{old}` was retired and nothing takes `{event_type}`");
                row.bury(now, &Death::new(Reason::NoHandler, message));
            }
        }
    }

    pub(crate) fn count(&mut self, now: Timestamp, every: Duration) -> bool {
        if self.counted_at.is_some_and(|last| last > now.minus(every)) {
            return false;
        }
        self.counted_at = Some(now);
        for (pattern, row) in &mut self.handlers {
            let works = || {
                let works = self.events.values().filter_map(|event| event.work.as_ref());
                works.filter(|work| work.handler == *pattern)
            };
            let waiting = || works().filter(|work| work.lease.is_none());
            row.due = waiting().count() as u64;
            row.running = works().count() as u64 - row.due;
            row.oldest_due = waiting().map(|work| work.due_at).min();
            row.counted_at = Some(now);
        }
        true
    }

    pub(crate) fn workers(&self, now: Timestamp, lease_time: Duration) -> Vec<WorkerEntry> {
        let running = |worker: WorkerId| {
            let leases = self.events.values().filter_map(|row| row.work.as_ref()?.lease);
            leases.filter(|lease| lease.worker == worker).count() as u64
        };
        let entry = |(worker, row): (&WorkerId, &WorkerRow)| WorkerEntry {
            worker: *worker,
            name: row.name.clone(),
            patterns: row.patterns.iter().cloned().collect(),
            joined_at: row.joined_at,
            renewed_at: row.renewed_at,
            living: row.renewed_at > now.minus(lease_time),
            running: running(*worker),
            beat: row.beat.clone(),
        };
        self.workers.iter().map(entry).collect()
    }
}
