//! A power cut: all that a server had not synced to disk is gone.
//!
//! Killing a process proves nothing about durability, since the system keeps what it wrote. So the server runs with a
//! small library (`recorder.c`, loaded by `LD_PRELOAD`) that notes what stood in its files before each write, and when a
//! sync of them was complete. After the kill [`Recorder::cut`] puts back every file to what was certainly on disk. That is
//! the worst that a real cut can do but for two things: creating, renaming and deleting files count as durable at once,
//! and no write is torn.
//!
//! It needs 64-bit Linux, a C compiler that is found as `cc`, and a server that is linked dynamically; where one of them
//! is missing, the fault is skipped and says so. All calls block.

mod log;
mod undo;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use eventflow_stack::{Process, Spec};

const SOURCE: &str = include_str!("recorder.c");
/// How long the compiler, and a shell with the recorder, may take.
const PREPARED_WITHIN: Duration = Duration::from_secs(30);
/// What a shell says of a command that it does not find.
const NOT_FOUND: i32 = 127;

/// Why there can be no power cut here, as a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Skipped(pub String);

/// Watches the files of one server, from its start on. Every server needs one of its own.
#[derive(Debug)]
pub struct Recorder {
    watched: PathBuf,
    library: PathBuf,
    log: PathBuf,
}

/// What a power cut took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Files that the server has written to or synced since its start, or since the last cut. 0: the recorder has seen
    /// nothing, and the cut proves nothing.
    pub watched: u64,
    /// Of these: files that held something that was not synced, and do no longer.
    pub files: u64,
    /// Bytes that were taken away or put back.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { watched, files, bytes } = self;
        match (watched, files) {
            (0, _) => f.write_str("no file was written to: the cut proves nothing"),
            (_, 0) => write!(f, "all was synced that {watched} files held"),
            _ => write!(
                f,
                "{files} of {watched} files held something that was not synced: {bytes} bytes are gone"
            ),
        }
    }
}

impl Recorder {
    /// Makes ready to watch all files under `folder`, in which it makes a folder of its own. To be called before the
    /// server is started, which is to have its data under `folder` and these [variables](Self::environment).
    ///
    /// # Errors
    /// Where this machine cannot do it: why.
    pub fn prepare(folder: &Path) -> Result<Self, Skipped> {
        if !cfg!(target_os = "linux") {
            return Err(Skipped(
                "a power cut needs Linux, whose LD_PRELOAD the recorder uses".into(),
            ));
        }
        let recorder = Self::place(folder).map_err(|error| {
            Skipped(format!(
                "no power cut: cannot make the recorder's folder in {}: {error}",
                folder.display()
            ))
        })?;
        recorder.compile()?;
        recorder.try_out()?;
        Ok(recorder)
    }

    /// What the server's process has to have in its environment.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut preload = self.library.clone().into_os_string();
        if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
            preload.push(":");
            preload.push(others);
        }
        vec![
            ("LD_PRELOAD".into(), preload),
            ("POWER_CUT_FOLDER".into(), self.watched.clone().into()),
            ("POWER_CUT_LOG".into(), self.log.clone().into()),
        ]
    }

    /// Puts all files under `data` back to what was synced. The server, with all its processes, must have ended by a
    /// kill: what is still written meanwhile is not taken back.
    pub fn cut(&self, data: &Path) -> io::Result<Cut> {
        let log = File::options().read(true).write(true).open(&self.log)?;
        let lost = log::read(&log)?;
        let cut = undo::put_back(data, &log, &lost)?;
        // The next life begins with what is on disk now.
        log.set_len(0)?;
        Ok(cut)
    }

    fn place(folder: &Path) -> io::Result<Self> {
        let watched = folder.canonicalize()?;
        let own = tempfile::Builder::new()
            .prefix("power-cut-")
            .tempdir_in(&watched)?
            .keep();
        // The server may run as somebody else.
        fs::set_permissions(&own, Permissions::from_mode(0o755))?;
        let recorder = Self {
            watched,
            library: own.join("recorder.so"),
            log: own.join("recorder.log"),
        };
        fs::write(recorder.source(), SOURCE)?;
        File::create(&recorder.log)?.set_permissions(Permissions::from_mode(0o666))?;
        Ok(recorder)
    }

    fn source(&self) -> PathBuf {
        self.library.with_extension("c")
    }

    fn compile(&self) -> Result<(), Skipped> {
        if self.library.to_string_lossy().contains([' ', ':']) {
            let path = self.library.display();
            return Err(Skipped(format!(
                "no power cut: LD_PRELOAD takes no path with a blank or a colon, and the recorder is {path}"
            )));
        }
        let cc = Spec::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-U_FORTIFY_SOURCE", "-o"])
            .arg(&self.library)
            .arg(self.source());
        let (status, said) = run(&cc)?;
        if status.code() == Some(NOT_FOUND) {
            return Err(Skipped(
                "a power cut needs a C compiler named cc; type one of\n  apt-get install gcc libc6-dev    (Debian, Ubuntu)\n  \
                 dnf install gcc                  (Fedora)"
                    .into(),
            ));
        }
        if !status.success() {
            return Err(Skipped(format!(
                "no power cut: cc cannot compile the recorder:\n{said}"
            )));
        }
        fs::set_permissions(&self.library, Permissions::from_mode(0o755))
            .map_err(|error| Skipped(format!("no power cut: {error}")))
    }

    /// A shell with the recorder must leave a record.
    fn try_out(&self) -> Result<(), Skipped> {
        let environment = self.environment();
        let shell = Spec::new("/bin/sh").args(["-c", ":"]);
        let shell = environment
            .iter()
            .fold(shell, |shell, (name, value)| shell.env(name, value));
        let (status, said) = run(&shell)?;
        let written = fs::metadata(&self.log).is_ok_and(|log| log.len() > 0);
        if status.success() && written {
            return Ok(());
        }
        Err(Skipped(format!(
            "no power cut: the recorder cannot be loaded into programs here:\n{said}"
        )))
    }
}

/// Runs a command to its end; how it ended and what it wrote.
fn run(spec: &Spec) -> Result<(ExitStatus, String), Skipped> {
    let ended = Process::start(spec).and_then(|process| {
        let status = process.wait(PREPARED_WITHIN)?;
        let lines: Vec<String> = process.lines().into_iter().map(|line| line.text).collect();
        Ok((status, lines.join("\n")))
    });
    ended.map_err(|error| Skipped(format!("no power cut: {error}")))
}
