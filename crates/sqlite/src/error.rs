//! What can go wrong here, and whose fault it is.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Durability, Fault, PortError};
use sqlx::migrate::MigrateError;

/// Why a ledger's file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder that the file stands in is missing, and cannot be made.
    #[error("the folder {} cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock beside the file cannot be taken or asked for.
    #[error("the lock {} cannot be opened", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the file.
    #[error(
        "{} is in use by {holder}: stop that process, or give this one a data directory of its own",
        path.display()
    )]
    InUse {
        /// The ledger's file.
        path: PathBuf,
        /// Who has it: `process 4711`, or `another process`.
        holder: String,
    },
    /// SQLite cannot open it or read it.
    #[error("{} cannot be opened as a ledger", path.display())]
    Unusable {
        /// The ledger's file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The level of durability that was asked for is not in force.
    #[error("{} does not reach the durability `{asked}`: {problem}", path.display())]
    BelowLevel {
        /// The ledger's file.
        path: PathBuf,
        /// What was asked for.
        asked: Durability,
        /// What stands in the way.
        problem: String,
    },
    /// A later version of this program wrote it.
    #[error("{} was written by a newer version of EventFlow: run that one, or use another file", path.display())]
    Newer {
        /// The ledger's file.
        path: PathBuf,
    },
    /// Its schema cannot be brought up to date.
    #[error("the schema of {} cannot be brought up to date", path.display())]
    Migrate {
        /// The ledger's file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// The leases of the process before could not be ended.
    #[error("what ran before in {} cannot be taken up", path.display())]
    Recover {
        /// The ledger's file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why an answer is missing. One failed transaction answers all its members, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Sql(Arc<sqlx::Error>),
    #[error("a payload that is said to be JSON is not UTF-8")]
    NotText,
    #[error("the stored {0} cannot be read back")]
    Unreadable(&'static str),
    #[error("a row that must be new is there already: the file contradicts itself")]
    Doubled,
    #[error("the ledger is closed")]
    Closed,
    #[error("no answer within {} s; what was asked may still be done", .0.as_secs_f64())]
    Late(Duration),
    #[error("the durability that was asked for is not in force: nothing is written until it is mended")]
    BelowLevel,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl Failure {
    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Sql(error) => fault_of(error),
            Self::NotText => Fault::Event,
            Self::Unreadable(_) | Self::Doubled => Fault::Unknown,
            Self::Closed | Self::Late(_) | Self::BelowLevel => Fault::Infrastructure,
        }
    }

    /// Whether the thread behind the connection is gone, so that it has to be made anew.
    pub(crate) fn lost_connection(&self) -> bool {
        matches!(self, Self::Sql(error) if matches!(**error, sqlx::Error::WorkerCrashed))
    }

    /// As the port says it.
    pub(crate) fn while_doing(self, doing: &'static str) -> PortError {
        PortError::new(self.fault(), doing, self)
    }
}

fn fault_of(error: &sqlx::Error) -> Fault {
    use sqlx::Error as E;
    match error {
        E::Database(error) => error.code().map_or(Fault::Unknown, |code| fault_of_code(&code)),
        E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => Fault::Infrastructure,
        _ => Fault::Unknown,
    }
}

/// By SQLite's extended result code, of which the low byte is the class.
fn fault_of_code(code: &str) -> Fault {
    const PERM: i32 = 3;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const INTERRUPT: i32 = 9;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    const TOOBIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const NOTADB: i32 = 26;
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(
            PERM | BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | CORRUPT | FULL | CANTOPEN | PROTOCOL | NOTADB,
        ) => Fault::Infrastructure,
        Ok(TOOBIG | CONSTRAINT | MISMATCH) => Fault::Event,
        _ => Fault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_code_says_whose_fault_it_is() {
        for (code, fault) in [
            ("5", Fault::Infrastructure),
            ("13", Fault::Infrastructure),
            ("1032", Fault::Infrastructure),
            ("778", Fault::Infrastructure),
            ("19", Fault::Event),
            ("3091", Fault::Event),
            ("18", Fault::Event),
            ("1", Fault::Unknown),
            ("?", Fault::Unknown),
        ] {
            assert_eq!(fault_of_code(code), fault, "{code}");
        }
    }
}
