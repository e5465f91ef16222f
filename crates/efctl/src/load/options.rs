//! What a command line may say over a scenario's file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eventflow_load::scenario::{Overrides, Place, StackKind};

/// Over what the file says.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// Decides ids, payloads and send times, over the file's seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where it runs, over the file's target; `running` is what --api names
    #[arg(long, value_enum, value_name = "STACK")]
    stack: Option<Stack>,
    /// The server's binary of a private stack (absent: eventflow beside efctl)
    #[arg(long, value_name = "BIN")]
    server: Option<PathBuf>,
    /// Workers of a private stack
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// The level of durability of a private stack
    #[arg(long, value_name = "LEVEL", value_parser = ["disk", "process", "memory"])]
    durability: Option<String>,
}

/// Where a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stack {
    /// The best private stack that this machine and the file's faults allow
    Auto,
    /// A private redis-server, PostgreSQL, API and workers
    Local,
    /// A private PostgreSQL, API and workers
    Postgres,
    /// A private embedded instance
    Dev,
    /// An API that runs already
    Running,
}

impl Options {
    /// As the reader of scenarios takes them.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            seed: self.seed,
            place: self.stack.map(Stack::place),
            server: self.server.clone(),
            workers: self.workers,
            durability: self.durability.clone(),
            ..Overrides::default()
        }
    }

    /// The server's binary, where one is named.
    pub(super) fn server(&self) -> Option<PathBuf> {
        self.server.clone()
    }
}

impl Stack {
    const fn place(self) -> Place {
        match self {
            Self::Auto => Place::Auto,
            Self::Local => Place::Private(StackKind::Local),
            Self::Postgres => Place::Private(StackKind::Postgres),
            Self::Dev => Place::Private(StackKind::Dev),
            Self::Running => Place::Running {
                api: None,
                routes: BTreeMap::new(),
            },
        }
    }
}
