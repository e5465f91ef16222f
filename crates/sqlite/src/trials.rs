//! What can only be tried from within: groups, a full disk, and a level that is lost while the ledger is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    AdmitReply, Admitted, Archive as _, Backend as _, Clock, Durability, EventState, Fate, Fault, Ledger as _,
    RegistryVersion, Timestamp,
};
use eventflow_testkit::build::{admission, row};
use eventflow_testkit::{ManualClock, event};
use sqlx::Row as _;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::command::Operation;
use crate::error::Failure;
use crate::session::Session;
use crate::sql::statement;
use crate::{Sqlite, SqliteOptions};

async fn open(durability: Durability) -> (Sqlite, TempDir) {
    open_by(ManualClock::new(), durability).await
}

async fn open_by(clock: Arc<dyn Clock>, durability: Durability) -> (Sqlite, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteOptions {
        path: folder.path().join("ledger.db"),
        durability,
        clock,
    };
    (Sqlite::open(options).await.expect("the ledger opens"), folder)
}

/// Lets the file grow by so many pages from now on.
struct RoomFor(i64);

#[async_trait]
impl Operation for RoomFor {
    type Answer = ();

    async fn run(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let pages = session.row(sqlx::query("PRAGMA page_count")).await?.expect("a count");
        let most = pages.try_get::<i64, _>(0)? + self.0;
        session
            .run(statement(format!("PRAGMA max_page_count = {most}")))
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_takes_nothing_loses_nothing_and_is_nobodys_fault() {
    let (ledger, _folder) = open(Durability::Disk).await;
    let ledger = Arc::new(ledger);
    ledger.operate(RoomFor(40)).await.expect("the file may grow a little");
    let batch = |n: usize| {
        let data = format!("\"{}\"", "x".repeat(2_000));
        let rows = (0..10)
            .map(|i| row(event("stored", &format!("{n}-{i}"), &data), Fate::Done))
            .collect();
        admission(RegistryVersion(0), rows, None)
    };
    let mut full = None;
    let mut acknowledged = Vec::new();
    for n in 0..20 {
        let asked = batch(n);
        let keys: Vec<_> = asked.rows.iter().map(|row| row.event.key).collect();
        match ledger.admit(asked).await {
            Ok(_) => acknowledged.extend(keys),
            Err(error) => {
                assert_eq!(error.fault(), Fault::Infrastructure, "{error}");
                full.get_or_insert((n, keys));
            }
        }
    }
    let (n, refused) = full.expect("the disk is full at last");
    for key in acknowledged {
        let found = ledger.get(key).await.expect("it answers").expect("it is there");
        assert_eq!(found.state, EventState::Done);
    }
    for key in refused {
        assert_eq!(ledger.get(key).await.expect("it answers"), None, "all or nothing");
    }
    ledger.operate(RoomFor(100_000)).await.expect("there is room again");
    let reply = ledger.admit(batch(n)).await.expect("it goes on by itself");
    assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started: false }; 10]));
}

#[tokio::test]
async fn below_the_level_nothing_is_written_until_it_is_mended() {
    let (mut ledger, _folder) = open(Durability::Process).await;
    let admission = || {
        let rows = vec![row(event("stored", "1", "{}"), Fate::Done)];
        admission(RegistryVersion(0), rows, None)
    };
    ledger.asked = Durability::Disk;
    let inspection = ledger.inspect(Duration::from_secs(30)).await.expect("it answers");
    assert_eq!(inspection.level, Some(Durability::Process));
    assert_eq!(inspection.findings.len(), 1);
    let refused = ledger.admit(admission()).await.expect_err("it is below the level");
    assert_eq!(refused.fault(), Fault::Infrastructure);
    ledger.asked = Durability::Process;
    ledger.inspect(Duration::from_secs(30)).await.expect("it answers");
    ledger.admit(admission()).await.expect("it is mended");
}

/// Tells another moment each time it is asked, and so each transaction from the next.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Keeps the writer busy until it is let go.
struct Hold {
    entered: Arc<Notify>,
    let_go: Arc<Notify>,
}

#[async_trait]
impl Operation for Hold {
    type Answer = ();

    async fn run(&self, _session: &mut Session<'_>) -> Result<(), Failure> {
        self.entered.notify_one();
        self.let_go.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn what_waits_for_the_writer_shares_one_commit() {
    const WAITING: usize = 50;
    let (ledger, _folder) = open_by(Arc::new(Ticking(AtomicI64::new(1))), Durability::Disk).await;
    let ledger = Arc::new(ledger);
    let (entered, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let hold = Hold {
        entered: Arc::clone(&entered),
        let_go: Arc::clone(&let_go),
    };
    let holding = Arc::clone(&ledger);
    let busy = tokio::spawn(async move { holding.operate(hold).await });
    entered.notified().await;
    let mut admitting = tokio::task::JoinSet::new();
    for n in 0..WAITING {
        let ledger = Arc::clone(&ledger);
        admitting.spawn(async move {
            let event = event("stored", &n.to_string(), "{}").build();
            let key = event.key;
            let rows = vec![row(event, Fate::Done)];
            ledger
                .admit(admission(RegistryVersion(0), rows, None))
                .await
                .expect("it is admitted");
            key
        });
    }
    let all_wait = async {
        while ledger.commands.max_capacity() - ledger.commands.capacity() < WAITING {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_wait)
        .await
        .expect("all of them wait");
    let_go.notify_one();
    busy.await.expect("no panic").expect("the writer goes on");
    let mut moments = std::collections::BTreeSet::new();
    for key in admitting.join_all().await {
        let found = ledger.get(key).await.expect("it answers").expect("it is there");
        moments.insert(found.admitted_at);
    }
    assert_eq!(moments.len(), 1);
}
