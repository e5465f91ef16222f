//! Every key of Redis that this crate knows is made here. The tag in braces keeps a partition's keys on one node.

use eventflow_core::EventKey;

/// The consumer group of every stream.
pub(crate) const GROUP: &str = "workers";

/// The consumer under which entries stand that nobody held. They are taken over from it.
pub(crate) const ADOPTER: &str = "adopted";

/// Holds the number of partitions that the queue was made with.
pub(crate) const PARTITIONS: &str = "ef:{events}:partitions";

/// Matches the marks of all partitions.
pub(crate) const ALL_MARKS: &str = "ef:{events:*}:mark:*";

/// The stream of a partition.
pub(crate) fn stream(partition: u16) -> String {
    format!("ef:{{events:{partition}}}:stream")
}

/// The mark of an event: its fingerprint (16 bytes) and the id of its entry. Without expiry while the entry is pending.
pub(crate) fn mark(partition: u16, key: EventKey) -> String {
    format!("ef:{{events:{partition}}}:mark:{key}")
}

/// The partition of a key that [`stream`] or [`mark`] made.
pub(crate) fn partition_of(key: &[u8]) -> Option<u16> {
    let rest = key.strip_prefix(b"ef:{events:")?;
    let digits = &rest[..rest.iter().position(|b| *b == b'}')?];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_partition() {
        let key = EventKey::of("/", "a");
        assert_eq!(
            mark(55, key),
            "ef:{events:55}:mark:9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"
        );
        assert_eq!(partition_of(mark(55, key).as_bytes()), Some(55));
        assert_eq!(partition_of(stream(0).as_bytes()), Some(0));
        assert_eq!(partition_of(b"ef:{events}:partitions"), None);
        assert_eq!(partition_of(b"ef:{events:x}:stream"), None);
        assert_eq!(partition_of(b"ef:{events:1"), None);
    }
}
