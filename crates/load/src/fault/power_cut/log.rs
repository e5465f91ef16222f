//! The recorder's log: what of it a power cut takes away. The other side of `struct record` in `recorder.c`.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};

const MAGIC: &[u8; 4] = b"PCUT";
/// The length of a record's head.
const HEAD: usize = 48;

/// A file, whatever it is called by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) inode: u64,
    /// Nanoseconds since 1970; tells it from a later file with its inode. 0 where the file system does not say.
    pub(super) born: i64,
}

/// What stood there before something was done that no complete sync covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Bytes of the file.
    Bytes {
        /// Where in the file.
        place: u64,
        /// How many.
        length: u64,
        /// Where in the log they are kept.
        kept_at: u64,
    },
    /// The file's size.
    Size(u64),
}

/// What a power cut takes away.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Files that the log speaks of.
    pub(super) watched: HashSet<Identity>,
    /// What is to be undone in each of them, in the order in which it was done.
    pub(super) files: HashMap<Identity, Vec<Before>>,
}

/// Reads a whole log. Its last record may be torn; then what it announces was never done.
pub(super) fn read(log: &File) -> io::Result<Lost> {
    let end = log.metadata()?.len();
    let mut from = BufReader::with_capacity(1 << 16, log);
    let mut reading = Reading::default();
    let mut at = 0;
    while at + HEAD as u64 <= end {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        at += HEAD as u64;
        let record = Record::of(&head).ok_or_else(|| damaged(at))?;
        if at.saturating_add(record.length) > end {
            break;
        }
        reading.take(&record, at).ok_or_else(|| damaged(at))?;
        from.seek_relative(i64::try_from(record.length).map_err(|_| damaged(at))?)?;
        at += record.length;
    }
    Ok(reading.finish())
}

fn damaged(at: u64) -> io::Error {
    let why = format!("the recorder's log is damaged before byte {at}");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

struct Record {
    kind: u32,
    process: u32,
    serial: u32,
    file: Identity,
    place: u64,
    length: u64,
}

impl Record {
    fn of(head: &[u8; HEAD]) -> Option<Self> {
        let (magic, rest) = head.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (process, rest) = rest.split_first_chunk()?;
        let (serial, rest) = rest.split_first_chunk()?;
        let (inode, rest) = rest.split_first_chunk()?;
        let (born, rest) = rest.split_first_chunk()?;
        let (place, rest) = rest.split_first_chunk()?;
        let (length, _) = rest.split_first_chunk()?;
        (magic == MAGIC).then(|| Self {
            kind: u32::from_ne_bytes(*kind),
            process: u32::from_ne_bytes(*process),
            serial: u32::from_ne_bytes(*serial),
            file: Identity {
                inode: u64::from_ne_bytes(*inode),
                born: i64::from_ne_bytes(*born),
            },
            place: u64::from_ne_bytes(*place),
            length: u64::from_ne_bytes(*length),
        })
    }
}

#[derive(Default)]
struct Reading {
    /// Counts records.
    nth: u64,
    watched: HashSet<Identity>,
    /// Each with the number of its record.
    undone: HashMap<Identity, Vec<(u64, Before)>>,
    /// Syncs under way, by process and serial: the number of their beginning.
    syncs: HashMap<(u32, u32), u64>,
}

impl Reading {
    /// None where the record is none that the recorder writes.
    fn take(&mut self, record: &Record, kept_at: u64) -> Option<()> {
        const LOADED: u32 = 1;
        const BYTES: u32 = 2;
        const SIZE: u32 = 3;
        const BEGIN: u32 = 4;
        const END: u32 = 5;
        self.nth += 1;
        if record.kind != LOADED {
            self.watched.insert(record.file);
        }
        let before = match record.kind {
            LOADED => return Some(()),
            BEGIN => {
                self.syncs.insert((record.process, record.serial), self.nth);
                return Some(());
            }
            END => {
                // What was written while it ran may or may not have been part of it.
                if let Some(began) = self.syncs.remove(&(record.process, record.serial)) {
                    self.synced(record.file, began);
                }
                return Some(());
            }
            BYTES => Before::Bytes {
                place: record.place,
                length: record.length,
                kept_at,
            },
            SIZE => Before::Size(record.place),
            _ => return None,
        };
        self.undone.entry(record.file).or_default().push((self.nth, before));
        Some(())
    }

    fn synced(&mut self, file: Identity, began: u64) {
        if let Some(undone) = self.undone.get_mut(&file) {
            let covered = undone.partition_point(|(nth, _)| *nth < began);
            undone.drain(..covered);
        }
    }

    fn finish(self) -> Lost {
        let files = self.undone.into_iter().filter(|(_, undone)| !undone.is_empty());
        Lost {
            watched: self.watched,
            files: files
                .map(|(file, undone)| (file, undone.into_iter().map(|(_, before)| before).collect()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const FILE: Identity = Identity { inode: 7, born: 1_700 };
    /// Another with the same inode.
    const LATER: Identity = Identity { inode: 7, born: 1_800 };

    #[derive(Default)]
    struct Log(Vec<u8>);

    impl Log {
        fn add(&mut self, kind: u32, serial: u32, file: Identity, place: u64, bytes: &[u8]) -> &mut Self {
            self.0.extend(MAGIC);
            for number in [kind, 42, serial] {
                self.0.extend(number.to_ne_bytes());
            }
            self.0.extend(file.inode.to_ne_bytes());
            self.0.extend(file.born.to_ne_bytes());
            self.0.extend(place.to_ne_bytes());
            self.0.extend((bytes.len() as u64).to_ne_bytes());
            self.0.extend(bytes);
            self
        }

        fn read(&self) -> io::Result<Lost> {
            let mut file = tempfile::tempfile().expect("a file is made");
            file.write_all(&self.0).expect("it is written");
            io::Seek::rewind(&mut file).expect("it is rewound");
            read(&file)
        }
    }

    #[test]
    fn only_a_sync_that_ended_covers_and_only_what_came_before_its_beginning() {
        let mut log = Log::default();
        log.add(1, 0, FILE, 0, b"");
        log.add(3, 0, FILE, 10, b"");
        log.add(4, 1, FILE, 0, b"");
        log.add(2, 0, FILE, 4, b"old");
        log.add(5, 1, FILE, 0, b"");
        log.add(4, 2, FILE, 0, b"");
        let lost = log.read().expect("it is read");
        let kept_at = (HEAD * 4) as u64;
        let left = Before::Bytes {
            place: 4,
            length: 3,
            kept_at,
        };
        assert_eq!(lost.files, HashMap::from([(FILE, vec![left])]));
    }

    #[test]
    fn a_file_is_no_other_that_had_its_inode() {
        let mut log = Log::default();
        log.add(3, 0, FILE, 10, b"");
        log.add(3, 0, LATER, 0, b"");
        log.add(4, 1, LATER, 0, b"");
        log.add(5, 1, LATER, 0, b"");
        let lost = log.read().expect("it is read");
        assert_eq!(lost.watched.len(), 2);
        assert_eq!(lost.files, HashMap::from([(FILE, vec![Before::Size(10)])]));
    }

    #[test]
    fn a_torn_end_is_left_out_and_damage_in_the_middle_is_an_error() {
        let mut log = Log::default();
        log.add(3, 0, FILE, 10, b"");
        let whole = log.0.len();
        log.add(2, 0, FILE, 0, b"bytes");
        for torn in [whole + 1, whole + HEAD, whole + HEAD + 2] {
            let lost = Log(log.0[..torn].to_vec()).read().expect("it is read");
            assert_eq!(lost.files[&FILE], [Before::Size(10)], "{torn}");
        }
        log.0[0] = b'x';
        assert_eq!(log.read().expect_err("refused").kind(), io::ErrorKind::InvalidData);
        let mut unknown = Log::default();
        unknown.add(9, 0, FILE, 0, b"");
        assert!(unknown.read().is_err());
    }
}
