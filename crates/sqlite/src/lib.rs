//! The ledger on one embedded SQLite file: what `dev` and `solo` run on with nothing installed.
//!
//! One process has the file, one task in it writes, and readers never wait for it. The rooms: [`Sqlite::open`] takes
//! the lock and prepares the file, `writer` commits in groups, a file a verb holds what is done within a transaction,
//! and `ports` is where the words of `eventflow-core` meet them.

mod admit;
mod audit;
mod command;
mod count;
mod death;
mod error;
mod handlers;
mod inspect;
mod lapse;
mod lease;
mod letters;
mod lock;
mod lookup;
mod open;
mod ports;
mod pulse;
mod purge;
mod record;
mod registry;
mod rematch;
mod renew;
mod rows;
mod session;
mod sql;
#[cfg(test)]
mod trials;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::{Clock, Durability};
use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub use error::OpenError;

use command::{Command, Operation, Reply};
use error::Failure;
use pulse::Bell;

/// How long an answer of the writer, or of a reader, is waited for.
const DEADLINE: Duration = Duration::from_secs(30);

/// Which file, and how.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The file. It and its folder are made if they are missing.
    pub path: PathBuf,
    /// What an acknowledged event must survive.
    pub durability: Durability,
    /// The store's clock, by which due times and leases are written and compared.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// A ledger on one file, which this process has to itself.
///
/// Dropped without [`Sqlite::close`], its writer still does what it was asked, and then closes the file.
pub struct Sqlite {
    commands: mpsc::Sender<Command>,
    readers: SqlitePool,
    clock: Arc<dyn Clock>,
    bell: Bell,
    asked: Durability,
    /// Whether the last inspection found less than was asked for. Nothing is written then.
    below_level: AtomicBool,
    path: PathBuf,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Takes the file's lock, brings its schema up to date, makes everything due that the process before ran, and starts
    /// the writer.
    pub async fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        open::open(options).await
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more, does what it was asked, merges the log into the file, and gives the lock away.
    pub async fn close(&self) {
        if tokio::time::timeout(DEADLINE, self.readers.close()).await.is_err() {
            warn!("a reader of the ledger does not end; the file is closed without it");
        }
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(%error, "the ledger's writer ended badly");
        }
    }

    /// Asks the writer, and waits for the commit.
    async fn write<A>(&self, command: impl FnOnce(Reply<A>) -> Command) -> Result<A, Failure> {
        if self.below_level.load(Ordering::Acquire) {
            return Err(Failure::BelowLevel);
        }
        self.ask(command, DEADLINE).await
    }

    async fn operate<O: Operation>(&self, operation: O) -> Result<O::Answer, Failure> {
        self.write(|reply| Command::other(operation, reply)).await
    }

    async fn ask<A>(&self, command: impl FnOnce(Reply<A>) -> Command, deadline: Duration) -> Result<A, Failure> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let sent = self.commands.send(command(reply)).await;
            sent.map_err(|_| Failure::Closed)?;
            answer.await.map_err(|_| Failure::Closed)?
        };
        within(deadline, asked).await
    }

    /// Reads one snapshot, which ends with `reading`.
    async fn read<A>(
        &self,
        reading: impl AsyncFnOnce(&mut sqlx::SqliteConnection) -> Result<A, Failure>,
    ) -> Result<A, Failure> {
        within(DEADLINE, async {
            let mut snapshot = self.readers.begin().await?;
            let found = reading(&mut snapshot).await?;
            snapshot.commit().await?;
            Ok(found)
        })
        .await
    }
}

async fn within<A>(deadline: Duration, asked: impl Future<Output = Result<A, Failure>>) -> Result<A, Failure> {
    match tokio::time::timeout(deadline, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::Late(deadline)),
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}
