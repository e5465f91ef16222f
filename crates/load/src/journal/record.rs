//! What a journal says of one attempt, small enough to sort millions.

use std::time::Duration;

use eventflow_core::{EventKey, Timestamp};
use uuid::Uuid;

/// What is known of one attempt; or that a key was destroyed. Sorts by key, then by when it was intended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The event's key.
    pub key: EventKey,
    /// When it was to be sent, from the beginning of the load.
    pub intended: Duration,
    /// When it was written down, right before the first try; of a destroyed key, when it was destroyed.
    pub sent_at: Timestamp,
    /// When its answer came; none without one.
    pub answered_at: Option<Timestamp>,
    /// The index of its kind in the mix.
    pub kind: u16,
    /// The index of its phase.
    pub phase: u16,
    /// What was heard.
    pub heard: Heard,
}

/// What was heard of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Acknowledged.
    Acked,
    /// Refused at the door: it cannot have been kept.
    Refused,
    /// Refused with a status from 500 on: it may have been kept before something failed.
    Failed,
    /// Nothing: nobody knows.
    Nothing,
    /// It was never sent.
    NotSent,
    /// No attempt: a fault of the run has destroyed this key.
    Destroyed,
}

impl Heard {
    const ALL: [Self; 6] = [
        Self::Acked,
        Self::Refused,
        Self::Failed,
        Self::Nothing,
        Self::NotSent,
        Self::Destroyed,
    ];
}

impl Record {
    /// Bytes of a record in a file.
    pub(super) const SIZE: usize = 45;
    /// Stands for no moment.
    const NEVER: i64 = i64::MIN;

    pub(super) fn encode(&self) -> [u8; Self::SIZE] {
        let answered_at = self.answered_at.map_or(Self::NEVER, Timestamp::as_micros);
        let mut bytes = [0; Self::SIZE];
        bytes[..16].copy_from_slice(self.key.uuid().as_bytes());
        bytes[16..24].copy_from_slice(&super::line::micros(self.intended).to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sent_at.as_micros().to_le_bytes());
        bytes[32..40].copy_from_slice(&answered_at.to_le_bytes());
        bytes[40..42].copy_from_slice(&self.kind.to_le_bytes());
        bytes[42..44].copy_from_slice(&self.phase.to_le_bytes());
        bytes[44] = self.heard as u8;
        bytes
    }

    /// The record that was written so; none where these bytes are none.
    pub(super) fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<16>()?;
        let (intended, rest) = rest.split_first_chunk::<8>()?;
        let (sent_at, rest) = rest.split_first_chunk::<8>()?;
        let (answered_at, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let (phase, heard) = rest.split_first_chunk::<2>()?;
        let answered_at = i64::from_le_bytes(*answered_at);
        Some(Self {
            key: EventKey::from_uuid(Uuid::from_bytes(*key)),
            intended: Duration::from_micros(u64::from_le_bytes(*intended)),
            sent_at: Timestamp::from_micros(i64::from_le_bytes(*sent_at)),
            answered_at: (answered_at != Self::NEVER).then_some(Timestamp::from_micros(answered_at)),
            kind: u16::from_le_bytes(*kind),
            phase: u16::from_le_bytes(*phase),
            heard: *Heard::ALL.get(usize::from(*heard.first()?))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (heard, answered_at) in Heard::ALL
            .into_iter()
            .zip([None, Some(Timestamp::from_micros(9))].into_iter().cycle())
        {
            let record = Record {
                key: EventKey::of("s", "a"),
                intended: Duration::from_micros(1_234_567),
                sent_at: Timestamp::from_micros(1_700_000_000_000_001),
                answered_at,
                kind: 513,
                phase: 7,
                heard,
            };
            assert_eq!(Record::decode(&record.encode()), Some(record));
        }
        let mut bytes = [0; Record::SIZE];
        bytes[44] = 6;
        assert_eq!(Record::decode(&bytes), None);
    }
}
