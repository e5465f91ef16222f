//! Sorts a journal by key, however long it is: runs that fit into memory, spilled to unnamed files, and merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::vec;

use eventflow_core::Timestamp;

use super::record::Record;
use super::{Head, JournalError, read};

/// Records that are sorted in memory at once: about 32 MB.
const RUN: usize = 500_000;

/// A journal by key, then by when it was intended.
#[derive(Debug)]
pub struct Sorted {
    head: Head,
    begin: Timestamp,
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<(Record, usize)>>,
    is_over: bool,
}

/// Sorts the journal at `path`. Where it is long, files beside it hold what memory does not; they have no name, and are
/// gone when the process is. Blocks: about a second for each million of attempts.
///
/// # Errors
/// As [`read`], and of the temporary files.
pub fn sort(path: &Path) -> Result<Sorted, JournalError> {
    sort_by(path, RUN)
}

/// The same, with `size` records in memory at once.
pub(super) fn sort_by(path: &Path, size: usize) -> Result<Sorted, JournalError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut reader = read(path)?;
    let mut runs = Vec::new();
    let mut some = Vec::new();
    while let Some(record) = reader.next().transpose()? {
        some.push(record);
        if some.len() >= size {
            some.sort_unstable();
            runs.push(Run::spill(folder, &some)?);
            some.clear();
        }
    }
    some.sort_unstable();
    runs.push(Run::Memory(some.into_iter()));
    let mut sorted = Sorted {
        head: reader.head().clone(),
        begin: reader.begin(),
        heads: BinaryHeap::with_capacity(runs.len()),
        runs,
        is_over: false,
    };
    for run in 0..sorted.runs.len() {
        sorted.advance(run)?;
    }
    Ok(sorted)
}

impl Sorted {
    /// Whose journal it is.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// When the load began.
    pub fn begin(&self) -> Timestamp {
        self.begin
    }

    fn advance(&mut self, run: usize) -> Result<(), JournalError> {
        let next = self.runs[run].next().transpose()?;
        self.heads.extend(next.map(|record| Reverse((record, run))));
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let Reverse((record, run)) = self.heads.pop()?;
        if let Err(error) = self.advance(run) {
            self.is_over = true;
            return Some(Err(error));
        }
        Some(Ok(record))
    }
}

/// A sorted part.
#[derive(Debug)]
enum Run {
    Memory(vec::IntoIter<Record>),
    File { input: BufReader<File>, left: usize },
}

impl Run {
    fn spill(folder: &Path, records: &[Record]) -> Result<Self, JournalError> {
        let mut output = BufWriter::new(tempfile::tempfile_in(folder)?);
        for record in records {
            output.write_all(&record.encode())?;
        }
        let mut file = output.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self::File {
            input: BufReader::with_capacity(64 * 1024, file),
            left: records.len(),
        })
    }
}

impl Iterator for Run {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(records) => records.next().map(Ok),
            Self::File { left: 0, .. } => None,
            Self::File { input, left } => {
                *left -= 1;
                let mut bytes = [0; Record::SIZE];
                let read = input.read_exact(&mut bytes).map_err(JournalError::from);
                Some(read.and_then(|()| Record::decode(&bytes).ok_or(JournalError::Damaged)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::{head, send};
    use crate::journal::{Answer, Journal};

    #[test]
    fn the_order_does_not_depend_on_what_memory_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let journal = Journal::create(&path, &head()).expect("a journal");
        for seq in 0..100u64 {
            let send = send(seq, &format!("{}", seq % 60));
            journal.attempt(&send).expect("written");
            if seq % 3 > 0 {
                journal
                    .answer(seq, &Answer::Acked { duplicate: false })
                    .expect("written");
            }
        }
        let all = |size| -> Vec<Record> {
            let sorted = sort_by(&path, size).expect("sorted");
            sorted.map(|record| record.expect("a record")).collect()
        };
        let whole = all(1_000);
        assert_eq!(whole.len(), 100);
        assert!(whole.is_sorted());
        for size in [1, 7, 50, 100] {
            assert_eq!(all(size), whole, "{size} at once");
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
        assert_eq!(left.len(), 1, "only the journal has a name");
    }
}
