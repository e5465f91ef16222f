//! What can go wrong with a child process, said so that a person can act on it.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a child process could not be started, reached or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A call to the operating system failed.
    #[error("could not {doing}")]
    Os {
        /// What was attempted, as the end of "could not …".
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The process ended while something was awaited of it.
    #[error("{name} ended ({status}) and has not {awaited}; it said:\n{said}")]
    Ended {
        /// The process's name.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// What was awaited of it, as the end of "has not …".
        awaited: String,
        /// Its last lines.
        said: String,
    },
    /// The deadline passed.
    #[error("{name} lives, but within {within:?} it has not {awaited}; it said:\n{said}")]
    Late {
        /// The process's name.
        name: String,
        /// What was awaited of it, as the end of "has not …".
        awaited: String,
        /// The time it had.
        within: Duration,
        /// Its last lines.
        said: String,
    },
    /// A helper program such as `initdb` failed.
    #[error("{program} failed ({status}):\n{said}")]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        said: String,
    },
    /// The server answered with an error of its own.
    #[error("{server} answered `{request}` with: {message}")]
    Refused {
        /// The server's name.
        server: &'static str,
        /// What was asked.
        request: String,
        /// Its answer.
        message: String,
    },
    /// No loopback port outside the range of outgoing connections is free.
    #[error("no free loopback port was found in {tries} tries")]
    NoPort {
        /// How many were tried.
        tries: u32,
    },
    /// PostgreSQL refuses to run as root, and no way to run it as somebody else works here.
    #[error(
        "PostgreSQL does not run as root, and neither `unshare --user --map-user` nor `setpriv --reuid` works \
         here; run this as an unprivileged user"
    )]
    OnlyRoot,
}

impl Error {
    /// An [`Error::Os`] for `map_err`, saying what was attempted.
    pub(crate) fn os(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Os { doing, source }
    }
}

/// A program that is not installed, with what to type so that it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not installed; {todo}")]
pub struct Missing {
    /// What was looked for, and where.
    pub what: String,
    /// The commands that install it, one for each family of systems.
    pub todo: String,
}
