//! One process at a time: a lock on a file beside the ledger's.
//!
//! The lock is the operating system's, so it is gone with its process however that ended. Whoever gets it knows that
//! nobody else lives.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Makes the folder of `path` if it is missing, and takes the lock.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        make_folder(path)?;
        let beside = beside(path);
        let failed = |source| OpenError::Lock {
            path: beside.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&beside)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: path.to_owned(),
                    holder: holder(&beside),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        note_holder(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".lock");
    path.with_file_name(name)
}

/// So that the second to come can be told who was first.
fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn holder(lock: &Path) -> String {
    let noted = fs::read_to_string(lock)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    noted.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    let failed = |source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    sync_entry(folder).map_err(failed)
}

/// SQLite syncs the folder its files stand in; that this folder itself survives a power cut is its maker's business.
#[cfg(unix)]
fn sync_entry(folder: &Path) -> io::Result<()> {
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_entry(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_come_is_told_who_was_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made/here/ledger.db");
        let first = FileLock::take(&path).expect("nobody has it");
        let second = FileLock::take(&path).expect_err("it is taken");
        let text = second.to_string();
        assert!(text.contains("ledger.db is in use by process"), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        FileLock::take(&path).expect("it is free again");
    }
}
