//! Keeps what a process wrote: in the run's folder, a file for each, its lives one after the other.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use eventflow_stack::Process;

/// Where logs are kept.
#[derive(Clone, Debug)]
pub(super) struct Logs {
    folder: Arc<PathBuf>,
}

impl Logs {
    /// In this folder, which is made where something is to be kept.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder: Arc::new(folder),
        }
    }

    /// Appends all that the process wrote in this life. It is the last lines of a long one.
    pub(super) fn keep(&self, name: &str, process: &Process) {
        if let Err(error) = self.append(name, process) {
            tracing::warn!(%error, name, "the log of a process could not be kept");
        }
    }

    fn append(&self, name: &str, process: &Process) -> io::Result<()> {
        fs::create_dir_all(&*self.folder)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{name}.log")))?;
        let mut file = BufWriter::new(file);
        for line in process.lines() {
            writeln!(file, "{}", line.text)?;
        }
        if let Some(status) = process.status() {
            writeln!(file, "-- process {} ended: {status}", process.id())?;
        }
        file.flush()
    }
}
