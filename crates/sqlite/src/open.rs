//! Opening: lock, settings, schema, what the process before left behind, then the writer.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventflow_core::Durability;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::error::{Failure, OpenError};
use crate::lapse::lapse_all;
use crate::lock::FileLock;
use crate::pulse::Bell;
use crate::session::Session;
use crate::writer::Writer;
use crate::{Sqlite, SqliteOptions, inspect};

/// How long a connection waits for a lock that somebody else's tool holds on the file.
const BUSY: Duration = Duration::from_secs(5);
/// Commands that may wait for the writer; whoever comes next waits outside.
const WAITING: usize = 256;
/// Connections that read.
const READERS: u32 = 3;

pub(crate) async fn open(options: SqliteOptions) -> Result<Sqlite, OpenError> {
    let path = options.path;
    let lock = FileLock::take(&path)?;
    let to_write = writing(&path, options.durability);
    let unusable = |source| OpenError::Unusable {
        path: path.clone(),
        source,
    };
    let mut connection = to_write.connect().await.map_err(unusable)?;
    verify(&mut connection, options.durability, &path).await?;
    migrate(&mut connection, &path).await?;
    recover(&mut connection, &options.clock, &path).await?;
    let readers = readers(&path).await.map_err(unusable)?;
    let (commands, waiting) = mpsc::channel(WAITING);
    let stop = CancellationToken::new();
    let writer = Writer {
        connection,
        options: to_write,
        clock: Arc::clone(&options.clock),
        known: None,
        lock,
    };
    let task = tokio::spawn(writer.run(waiting, stop.clone()));
    Ok(Sqlite {
        commands,
        readers,
        clock: options.clock,
        bell: Bell::default(),
        asked: options.durability,
        below_level: AtomicBool::new(false),
        path,
        stop,
        task: Mutex::new(Some(task)),
    })
}

fn writing(path: &Path, durability: Durability) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(inspect::synchronous_for(durability))
        // Where a plain fsync does not reach the disk, these ask for one that does.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        // What a statement of many rows notes in case it fails stays off the disk.
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16000")
        .pragma("wal_autocheckpoint", "4000")
        .busy_timeout(BUSY)
        .statement_cache_capacity(256)
        .row_buffer_size(512)
        .thread_name(|_| "ledger-writer".to_owned())
        .disable_statement_logging()
}

async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let reading = SqliteConnectOptions::new()
        .filename(path)
        .pragma("query_only", "1")
        .busy_timeout(BUSY)
        .thread_name(|n| format!("ledger-reader-{n}"))
        .disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY)
        .test_before_acquire(false)
        .connect_with(reading)
        .await
}

async fn verify(connection: &mut SqliteConnection, asked: Durability, path: &Path) -> Result<(), OpenError> {
    let settings = inspect::read(connection)
        .await
        .map_err(|failure| recovering(path, failure))?;
    match settings.findings(asked).into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(OpenError::BelowLevel {
            path: path.to_owned(),
            asked,
            problem: finding.problem,
        }),
    }
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    match sqlx::migrate!("../../migrations/sqlite").run(connection).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(_)) => Err(OpenError::Newer { path: path.to_owned() }),
        Err(source) => Err(OpenError::Migrate {
            path: path.to_owned(),
            source,
        }),
    }
}

async fn recover(
    connection: &mut SqliteConnection,
    clock: &Arc<dyn eventflow_core::Clock>,
    path: &Path,
) -> Result<(), OpenError> {
    let lapsed = lapse(connection, clock)
        .await
        .map_err(|failure| recovering(path, failure))?;
    if lapsed > 0 {
        info!(
            leases = lapsed,
            "the process before ended in the middle of its work; what it ran is due again"
        );
    }
    Ok(())
}

async fn lapse(connection: &mut SqliteConnection, clock: &Arc<dyn eventflow_core::Clock>) -> Result<usize, Failure> {
    connection.execute("BEGIN IMMEDIATE").await?;
    let mut session = Session {
        connection: &mut *connection,
        now: clock.now(),
        known: &mut None,
    };
    let lapsed = lapse_all(&mut session).await?;
    connection.execute("COMMIT").await?;
    Ok(lapsed)
}

fn recovering(path: &Path, failure: Failure) -> OpenError {
    OpenError::Recover {
        path: path.to_owned(),
        source: failure.into(),
    }
}
