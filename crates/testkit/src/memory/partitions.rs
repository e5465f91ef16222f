//! What the queue in memory consists of: entries, who was given them, and marks, with the rules that bind them.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    Appended, EntryBody, EntryId, Event, EventKey, Fingerprint, PortError, Settlement, Timestamp, WorkerId,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) partitions: Vec<Partition>,
    pub(super) marks: HashMap<EventKey, Mark>,
    pub(super) window: Duration,
    pub(super) full: bool,
    pub(super) next: u64,
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    pub(super) entries: BTreeMap<u64, EntryRow>,
    pub(super) group: Option<Group>,
}

/// Who was given what.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) last_given: u64,
    pub(super) pending: BTreeMap<u64, Holding>,
}

#[derive(Debug)]
pub(super) struct EntryRow {
    pub(super) body: EntryBody,
    pub(super) appended_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Holding {
    pub(super) worker: WorkerId,
    pub(super) given_at: Timestamp,
    pub(super) deliveries: u32,
}

#[derive(Debug)]
pub(super) struct Mark {
    fingerprint: Fingerprint,
    pub(super) partition: u16,
    pub(super) entry: u64,
    /// None while its event is pending.
    pub(super) expires: Option<Timestamp>,
}

pub(super) fn entry_id(partition: u16, entry: u64) -> EntryId {
    EntryId {
        partition,
        id: entry.to_string(),
    }
}

impl State {
    pub(super) fn push(&mut self, partition: u16, body: EntryBody, now: Timestamp) -> Option<u64> {
        let id = self.next;
        let row = EntryRow { body, appended_at: now };
        self.partitions.get_mut(usize::from(partition))?.entries.insert(id, row);
        self.next += 1;
        Some(id)
    }

    fn has(&self, partition: u16, entry: u64) -> bool {
        let partition = self.partitions.get(usize::from(partition));
        partition.is_some_and(|p| p.entries.contains_key(&entry))
    }

    pub(super) fn append(&mut self, event: &Arc<Event>, now: Timestamp) -> Result<Appended, PortError> {
        if self.full {
            return Err(PortError::infrastructure("appending to the queue", "the queue is full"));
        }
        if let Some(mark) = self.marks.get(&event.key) {
            let stands = match mark.expires {
                Some(end) => end > now,
                None => self.has(mark.partition, mark.entry),
            };
            if stands {
                let same = mark.fingerprint == event.fingerprint;
                return Ok(if same {
                    Appended::Duplicate
                } else {
                    Appended::OtherPayload
                });
            }
        }
        let partitions = u16::try_from(self.partitions.len()).ok().and_then(NonZeroU16::new);
        let partition = event.key.partition(partitions.unwrap_or(NonZeroU16::MIN));
        let entry = self.push(partition, EntryBody::Event(event.clone()), now);
        let entry = entry.ok_or_else(|| PortError::infrastructure("appending to the queue", "no such partition"))?;
        self.marks.insert(
            event.key,
            Mark {
                fingerprint: event.fingerprint,
                partition,
                entry,
                expires: None,
            },
        );
        Ok(Appended::Accepted)
    }

    /// True where the entry was pending, and so is deleted.
    pub(super) fn settle(&mut self, settlement: &Settlement, now: Timestamp) -> bool {
        let Ok(entry) = settlement.id.id.parse::<u64>() else {
            return false;
        };
        let Some(partition) = self.partitions.get_mut(usize::from(settlement.id.partition)) else {
            return false;
        };
        let pending = partition.group.as_mut().and_then(|group| group.pending.remove(&entry));
        if pending.is_none() {
            return false;
        }
        let deleted = partition.entries.remove(&entry).is_some();
        let Some(key) = settlement.key else { return deleted };
        let names_it = |mark: &&mut Mark| (mark.partition, mark.entry) == (settlement.id.partition, entry);
        if let Some(mark) = self.marks.get_mut(&key).filter(names_it) {
            mark.expires = Some(now.plus(self.window));
            if !settlement.keep_mark {
                self.marks.remove(&key);
            }
        }
        deleted
    }

    pub(super) fn sweep_marks(&mut self, now: Timestamp) -> u64 {
        let partitions = &self.partitions;
        let mut stale = 0;
        self.marks.retain(|_, mark| {
            let Some(end) = mark.expires else {
                let entries = partitions.get(usize::from(mark.partition)).map(|p| &p.entries);
                let has_entry = entries.is_some_and(|entries| entries.contains_key(&mark.entry));
                stale += u64::from(!has_entry);
                return has_entry;
            };
            end > now
        });
        stale
    }
}

impl Partition {
    pub(super) fn ensured() -> Self {
        Self {
            group: Some(Group::default()),
            ..Self::default()
        }
    }

    /// Takes up entries that were given to somebody and that nobody holds.
    pub(super) fn adopt_ghosts(&mut self, now: Timestamp) -> u64 {
        let Some(group) = &mut self.group else { return 0 };
        let mut ghosts = 0;
        for entry in self.entries.range(..=group.last_given).map(|(entry, _)| *entry) {
            group.pending.entry(entry).or_insert_with(|| {
                ghosts += 1;
                Holding {
                    worker: WorkerId(uuid::Uuid::nil()),
                    given_at: now,
                    deliveries: 1,
                }
            });
        }
        ghosts
    }
}
