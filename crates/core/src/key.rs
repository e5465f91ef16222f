//! The identity of an event: one key for each (`source`, `id`), whoever assigned the id.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Uuid, Variant};

use crate::event::Fingerprint;

/// The primary key of an event, a UUID of version 8.
///
/// h = SHA-256(u32be length ‖ source ‖ u32be length ‖ id); the key is h\[0..16\]. Where the id is a canonical UUID v7
/// whose first bit is 0, bytes 0..6 are the id's, so that keys sort by time and inserts stay local. Otherwise the
/// first bit is set, so that random keys stand apart. Then version 8 and the RFC 9562 variant are written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKey(Uuid);

impl EventKey {
    /// The key of the event that `source` calls `id`.
    pub fn of(source: &str, id: &str) -> Self {
        Self::hash(&[source.as_bytes(), id.as_bytes()], id)
    }

    /// The key under which another payload of the same (`source`, `id`) is kept as a dead letter of its own.
    pub fn of_reused(source: &str, id: &str, fingerprint: &Fingerprint) -> Self {
        Self::hash(&[source.as_bytes(), id.as_bytes(), fingerprint.as_bytes()], id)
    }

    /// The key of a queue entry that names none that can be read.
    pub fn of_entry(bytes: &[u8]) -> Self {
        Self::hash(&[bytes], "")
    }

    /// The partition that holds this event in a queue of `partitions`.
    pub fn partition(self, partitions: NonZeroU16) -> u16 {
        let b = self.0.as_bytes();
        let tail = u32::from_be_bytes([b[12], b[13], b[14], b[15]]);
        u16::try_from(tail % u32::from(partitions.get())).unwrap_or(0)
    }

    /// The key as stored.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// A key read back from where it was stored.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    fn hash(parts: &[&[u8]], id: &str) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(length_prefix(part));
            digest.update(part);
        }
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        match time_led(id) {
            Some(time) => bytes[..6].copy_from_slice(&time),
            None => bytes[0] |= 0x80,
        }
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(Uuid::from_bytes(bytes))
    }
}

pub(crate) fn length_prefix(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The 48-bit time of a canonical (lower-case, hyphenated) UUID v7 with a first bit of 0.
fn time_led(id: &str) -> Option<[u8; 6]> {
    if id.len() != 36 || id.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let uuid = Uuid::try_parse(id).ok()?;
    let bytes = uuid.as_bytes();
    let is_v7 = uuid.get_version_num() == 7 && uuid.get_variant() == Variant::RFC4122;
    if !is_v7 || bytes[0] & 0x80 != 0 {
        return None;
    }
    bytes[..6].try_into().ok()
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventKey {
    type Err = uuid::Error;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(s).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&str, &str, &str, u16); 3] = [
        ("/", "a", "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777", 55),
        (
            "checkout",
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-8f08-888d-d19a20827245",
            5,
        ),
        (
            "/é",
            "01890A5D-AC96-774B-BCCE-B302099A8057",
            "9ec903b8-4df3-863e-8344-449628ccb52a",
            42,
        ),
    ];

    #[test]
    fn the_published_vectors_hold() {
        let partitions = NonZeroU16::new(64).expect("64 is not 0");
        for (source, id, key, partition) in VECTORS {
            let of = EventKey::of(source, id);
            assert_eq!(of.to_string(), key);
            assert_eq!(of.partition(partitions), partition);
        }
    }

    #[test]
    fn the_parts_cannot_run_into_each_other() {
        assert_ne!(EventKey::of("ab", "c"), EventKey::of("a", "bc"));
    }

    #[test]
    fn another_payload_has_another_key_that_still_sorts_by_time() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let a = EventKey::of("s", id);
        let b = EventKey::of_reused("s", id, &Fingerprint::of("t", b"1"));
        assert_ne!(a, b);
        assert_eq!(a.uuid().as_bytes()[..6], b.uuid().as_bytes()[..6]);
    }

    #[test]
    fn a_uuid_that_is_not_canonical_v7_gives_a_key_that_stands_apart() {
        for id in [
            "01890a5dac96774bbcceb302099a8057",
            "01890a5d-ac96-474b-bcce-b302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a80}",
            "f1890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-1cce-b302099a8057",
        ] {
            assert_eq!(EventKey::of("s", id).uuid().as_bytes()[0] & 0x80, 0x80, "{id}");
        }
    }
}
