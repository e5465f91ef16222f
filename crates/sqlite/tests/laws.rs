//! The laws of the ledger, held against the SQLite file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Archive, Clock, Durability, Ledger, Timestamp};
use eventflow_sqlite::{Sqlite, SqliteOptions};
use eventflow_testkit::{LedgerRig, ManualClock, ledger_interleavings, ledger_laws};
use tempfile::TempDir;

ledger_laws!(rig().await);
ledger_interleavings!(rig().await);

struct SqliteRig {
    ledger: Arc<Sqlite>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

async fn rig() -> Option<SqliteRig> {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new();
    let options = SqliteOptions {
        path: folder.path().join("ledger.db"),
        durability: Durability::Memory,
        clock: clock.clone(),
    };
    Some(SqliteRig {
        ledger: Arc::new(Sqlite::open(options).await.expect("the ledger opens")),
        clock,
        _folder: folder,
    })
}

#[async_trait]
impl LedgerRig for SqliteRig {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    fn archive(&self) -> Arc<dyn Archive> {
        self.ledger.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
