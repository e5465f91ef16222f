//! What to start, and how: a command with its name, its environment and the signals that end it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use rustix::process::Signal;

/// A command to be started as a [`Process`](crate::Process); it can be started any number of times.
///
/// Variables of the environment that begin with `EVENTFLOW_` are not inherited: what somebody has set for their own
/// work must not change what a test sees.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, Option<OsString>>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) ask: Signal,
    pub(crate) terminate: Signal,
    pub(crate) folder: Option<PathBuf>,
}

impl Spec {
    /// A command without arguments, named after its program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self {
            name: program
                .file_name()
                .unwrap_or(program.as_os_str())
                .to_string_lossy()
                .into_owned(),
            program,
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            ask: Signal::KILL,
            terminate: Signal::TERM,
            folder: None,
        }
    }

    /// The name that errors call it by.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Keeps a variable from being inherited.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), None);
        self
    }

    /// The folder it runs in; otherwise the parent's.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Asks with this signal, and waits two seconds, before it is killed at the end of its owner.
    pub(crate) fn ask_first(mut self, signal: Signal) -> Self {
        self.ask = signal;
        self
    }

    /// The signal that makes it end in order.
    pub(crate) fn terminated_by(mut self, signal: Signal) -> Self {
        self.terminate = signal;
        self
    }

    /// The folder that goes when its owner is killed.
    pub(crate) fn owning(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }
}
