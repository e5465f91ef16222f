//! The one task that writes. It owns the one connection that does, and commits in groups.
//!
//! What waits is taken together into one transaction: admissions become one set of statements, outcomes another, and
//! everything else follows one by one. Whoever asked is answered after the commit. What waits at the same time has no
//! order, so putting admissions first changes nothing that anybody could have relied on. A group that fails for what
//! one of its members contains is taken back, and each of its members is tried alone.

use std::sync::Arc;

use eventflow_core::{Clock, Fault};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::command::{Command, Group};
use crate::error::Failure;
use crate::lock::FileLock;
use crate::session::{Handlers, Session};

/// Bounds on what one transaction takes, once its first member is in.
const MOST_ROWS: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;

/// The writer, before it runs.
pub(crate) struct Writer {
    pub(crate) connection: SqliteConnection,
    pub(crate) options: SqliteConnectOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) known: Option<Arc<Handlers>>,
    /// Held until the connection is closed.
    pub(crate) lock: FileLock,
}

impl Writer {
    /// Serves until `stop`, or until nobody is left to ask; then does what still waits, and closes the file.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled(), if !commands.is_closed() => {
                    commands.close();
                    continue;
                }
                first = commands.recv() => first,
            };
            let Some(first) = first else { break };
            // Whoever was answered by the last commit asks again now, and shares the next one.
            tokio::task::yield_now().await;
            self.commit_together(gather(first, &mut commands)).await;
        }
        self.close().await;
    }

    async fn commit_together(&mut self, mut group: Group) {
        match self.attempt(&mut group).await {
            Ok(()) => group.answer(),
            Err(failure) if failure.fault() == Fault::Infrastructure || group.len() == 1 => group.fail(&failure),
            Err(_) => {
                for mut member in group.apart() {
                    match self.attempt(&mut member).await {
                        Ok(()) => member.answer(),
                        Err(failure) => member.fail(&failure),
                    }
                }
            }
        }
    }

    async fn attempt(&mut self, group: &mut Group) -> Result<(), Failure> {
        let outcome = self.transact(group).await;
        if let Err(failure) = &outcome {
            self.known = None;
            if failure.lost_connection() || !self.roll_back().await {
                warn!(error = %failure, "the writer's connection cannot go on and is made anew");
                self.connection = self.options.connect().await?;
            }
        }
        outcome
    }

    /// Takes the transaction back. False where that cannot be said of it.
    async fn roll_back(&mut self) -> bool {
        /// What SQLite says where it has taken a failed transaction back by itself.
        const NONE_IS_ACTIVE: &str = "1";
        match sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            Ok(_) => true,
            Err(error) => error
                .as_database_error()
                .is_some_and(|error| error.code().as_deref() == Some(NONE_IS_ACTIVE)),
        }
    }

    async fn transact(&mut self, group: &mut Group) -> Result<(), Failure> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
        let mut session = Session {
            connection: &mut self.connection,
            now: self.clock.now(),
            known: &mut self.known,
        };
        group.run(&mut session).await?;
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        Ok(())
    }

    async fn close(mut self) {
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.connection);
        if let Err(error) = checkpoint.await {
            warn!(%error, "the ledger's log was not merged into its file at the end; the next start does it");
        }
        if let Err(error) = self.connection.close().await {
            error!(%error, "the ledger's file could not be closed");
        }
        drop(self.lock);
    }
}

/// Takes what waits along with `first`, within bounds.
fn gather(first: Command, commands: &mut mpsc::Receiver<Command>) -> Group {
    let mut group = Group::default();
    let mut next = Some(first);
    while let Some(command) = next {
        group.add(command);
        if group.rows() >= MOST_ROWS || group.bytes() >= MOST_BYTES {
            break;
        }
        next = commands.try_recv().ok();
    }
    group
}
