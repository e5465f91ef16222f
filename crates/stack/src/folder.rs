//! Temporary folders that do not outlive their owner.
//!
//! A folder is removed when it is dropped. For an owner that was killed there are two nets: the guard of its child
//! process, and the next [`Folder::create`] in the same place, which removes every folder whose owner's lock is free.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The file in a folder that its owner keeps locked.
const OWNER: &str = "owner.lock";
/// The file beside the folders that is locked while they are made or swept.
const SWEEP: &str = "sweep.lock";
/// What the names of folders that may be swept begin with.
const PREFIX: &str = "run-";

/// Where folders are made unless told otherwise: `EVENTFLOW_STACK_DIR`, else `stack` in the `target` folder that the
/// running program lies in, else `eventflow-stack` in the system's folder for temporary files.
pub fn stack_dir() -> PathBuf {
    if let Some(told) = std::env::var_os("EVENTFLOW_STACK_DIR").filter(|told| !told.is_empty()) {
        return PathBuf::from(told);
    }
    let program = std::env::current_exe().unwrap_or_default();
    match program.ancestors().skip(1).find(|folder| is_target(folder)) {
        Some(target) => target.join("stack"),
        None => std::env::temp_dir().join("eventflow-stack"),
    }
}

/// Whether cargo builds into this folder: it marks such folders so that backups leave them out.
fn is_target(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").is_file() || folder.file_name().is_some_and(|name| name == "target")
}

/// A temporary folder, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _owner: File,
}

impl Folder {
    /// Makes a folder in [`stack_dir`]. `kind` is the part of its name that tells people what it is for.
    pub fn create(kind: &str) -> Result<Self> {
        Self::create_in(&stack_dir(), kind)
    }

    /// Makes a folder in `parent`, which is made too, and removes what dead owners left there.
    pub fn create_in(parent: &Path, kind: &str) -> Result<Self> {
        fs::create_dir_all(parent).map_err(Error::os(format!("make the folder {}", parent.display())))?;
        let parent = parent
            .canonicalize()
            .map_err(Error::os(format!("resolve {}", parent.display())))?;
        let sweep = lock(&parent.join(SWEEP))?;
        remove_orphans(&parent)?;
        let doing = || format!("make a folder in {}", parent.display());
        let path = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{kind}-"))
            .tempdir_in(&parent)
            .map_err(Error::os(doing()))?
            .keep();
        let owner = lock(&path.join(OWNER))?;
        drop(sweep);
        Ok(Self { path, _owner: owner })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one that is made here.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Opens the file, making it if need be, and waits for its exclusive lock.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let doing = || format!("lock {}", path.display());
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::os(doing()))?;
    file.lock().map_err(Error::os(doing()))?;
    Ok(file)
}

/// Removes the folders whose owners are gone. Called under the sweep lock, so that none is half made.
fn remove_orphans(parent: &Path) -> Result<()> {
    let entries = fs::read_dir(parent).map_err(Error::os(format!("list {}", parent.display())))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if ours && path.is_dir() && is_orphan(&path) {
            // A guard may be at the same folder at this moment; what one leaves the other removes.
            drop(fs::remove_dir_all(&path));
        }
    }
    Ok(())
}

/// Whether nobody holds the owner's lock of this folder.
fn is_orphan(folder: &Path) -> bool {
    match File::options().append(true).open(folder.join(OWNER)) {
        Ok(owner) => owner.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_owner() {
        let folder = Folder::create("test").expect("a folder is made");
        let path = folder.path().to_path_buf();
        fs::write(path.join("file"), "content").expect("a file is written");
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_owner_left_is_swept_and_what_is_owned_stays() {
        let place = Folder::create("sweep").expect("a folder is made");
        let left = place.path().join("run-redis-left");
        let foreign = place.path().join("something-else");
        fs::create_dir_all(left.join("appendonlydir")).expect("a folder is made");
        fs::create_dir(&foreign).expect("a folder is made");
        let owned = Folder::create_in(place.path(), "owned").expect("a folder is made");
        let other = Folder::create_in(place.path(), "other").expect("a folder is made");
        assert!(!left.exists());
        assert!(foreign.exists());
        assert!(owned.path().exists() && other.path().exists());
    }

    #[test]
    fn tests_make_their_folders_in_the_target_folder() {
        if std::env::var_os("EVENTFLOW_STACK_DIR").is_none() {
            assert!(stack_dir().ends_with("stack"));
            assert!(is_target(stack_dir().parent().expect("it has a parent")));
        }
    }
}
