//! Puts files back to what was on disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::Cut;
use super::log::{Before, Identity, Lost};

/// Bytes are put back in pieces of this size.
const PIECE: usize = 1 << 16;

/// Undoes, in all files under `folder`, what is lost. A file that was deleted stays deleted.
pub(super) fn put_back(folder: &Path, log: &File, lost: &Lost) -> io::Result<Cut> {
    let mut cut = Cut::default();
    for (path, identity) in files_in(folder)? {
        cut.watched += u64::from(lost.watched.contains(&identity));
        if let Some(before) = lost.files.get(&identity) {
            cut.files += 1;
            cut.bytes += undo(&path, log, before)?;
        }
    }
    Ok(cut)
}

/// The latest first. Returns how many bytes were touched.
fn undo(path: &Path, log: &File, before: &[Before]) -> io::Result<u64> {
    let file = File::options().write(true).open(path)?;
    let mut touched = 0;
    for step in before.iter().rev() {
        match *step {
            Before::Size(size) => {
                touched += file.metadata()?.len().saturating_sub(size);
                file.set_len(size)?;
            }
            Before::Bytes { place, length, kept_at } => {
                copy(log, kept_at, &file, place, length)?;
                touched += length;
            }
        }
    }
    Ok(touched)
}

fn copy(from: &File, kept_at: u64, to: &File, place: u64, length: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    while done < length {
        let size = usize::try_from(length - done).unwrap_or(PIECE).min(PIECE);
        from.read_exact_at(&mut piece[..size], kept_at + done)?;
        to.write_all_at(&piece[..size], place + done)?;
        done += size as u64;
    }
    Ok(())
}

/// All plain files under a folder. Links are not followed: what they lead to is elsewhere.
fn files_in(folder: &Path) -> io::Result<Vec<(PathBuf, Identity)>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push((entry.path(), identity(&entry.metadata()?)));
            }
        }
    }
    Ok(found)
}

fn identity(file: &fs::Metadata) -> Identity {
    let born = file
        .created()
        .ok()
        .and_then(|born| born.duration_since(UNIX_EPOCH).ok())
        .and_then(|born| i64::try_from(born.as_nanos()).ok());
    Identity {
        inode: file.ino(),
        born: born.unwrap_or(0),
    }
}
