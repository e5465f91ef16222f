//! What happens to a file as it is opened, closed and opened again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    AdmitReply, Admitted, Archive, AttemptResult, Backend, Durability, EventState, Fate, LeaseGrant, LeaseToken,
    Ledger, Reason, Registered, RegistryVersion, WorkerId,
};
use eventflow_sqlite::{OpenError, Sqlite, SqliteOptions};
use eventflow_testkit::build::{admission, lease_request, pattern, registration, row};
use eventflow_testkit::{ManualClock, event};

const LEASE: Duration = Duration::from_secs(15);

async fn open(path: &Path, clock: &Arc<ManualClock>) -> Result<Sqlite, OpenError> {
    let options = SqliteOptions {
        path: path.to_owned(),
        durability: Durability::Disk,
        clock: clock.clone(),
    };
    Sqlite::open(options).await
}

async fn join(ledger: &Sqlite) -> (WorkerId, RegistryVersion) {
    let worker = WorkerId::new();
    let registered = ledger.register(registration(worker, &["order"])).await;
    match registered.expect("a worker joins") {
        Registered::Joined(registry) => (worker, registry.version),
        Registered::Tie(a, b) => panic!("{a} ties with {b}"),
    }
}

#[tokio::test]
async fn a_file_is_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("not/there/yet/ledger.db");
    let clock = ManualClock::new();
    let first = open(&path, &clock).await.expect("the first has it");
    let second = open(&path, &clock).await.expect_err("the second has not");
    let text = second.to_string();
    assert!(matches!(second, OpenError::InUse { .. }), "{text}");
    assert!(text.contains("ledger.db is in use by process"), "{text}");
    assert!(text.contains("stop that process"), "{text}");
    first.close().await;
    open(&path, &clock).await.expect("it is free again").close().await;
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    std::fs::write(&path, "a letter to a friend, and not short: ".repeat(200)).expect("a file");
    let refused = open(&path, &ManualClock::new()).await.expect_err("it is no ledger");
    assert!(matches!(refused, OpenError::Unusable { .. }), "{refused}");
}

#[tokio::test]
async fn the_level_in_force_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for durability in [Durability::Disk, Durability::Process, Durability::Memory] {
        let options = SqliteOptions {
            path: folder.path().join(durability.as_str()),
            durability,
            clock: ManualClock::new(),
        };
        let ledger = Sqlite::open(options).await.expect("the ledger opens");
        let inspection = ledger.inspect(Duration::from_secs(30)).await.expect("it answers");
        assert!(inspection.version.starts_with("SQLite 3."), "{}", inspection.version);
        assert_eq!(inspection.level, Some(durability));
        assert_eq!(inspection.findings, []);
        assert!(inspection.facts.iter().any(|(name, _)| name == "wal_bytes"));
        assert!(!ledger.capabilities().shared);
        ledger.close().await;
    }
}

#[tokio::test]
async fn the_bundled_sqlite_is_new_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(&folder.path().join("ledger.db"), &ManualClock::new())
        .await
        .expect("it opens");
    let version = ledger
        .inspect(Duration::from_secs(30))
        .await
        .expect("it answers")
        .version;
    let parts: Vec<u32> = version
        .trim_start_matches("SQLite ")
        .split('.')
        .map(|part| part.parse().expect("a number"))
        .collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

#[tokio::test]
async fn what_was_admitted_is_there_after_closing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let clock = ManualClock::new();
    let kept = event("stored", "1", "{}").build();
    let ledger = open(&path, &clock).await.expect("it opens");
    let rows = vec![row(kept.clone(), Fate::Done)];
    ledger
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect("it is admitted");
    ledger.close().await;
    let late = ledger.admit(admission(RegistryVersion(0), Vec::new(), None)).await;
    assert!(late.expect_err("it is closed").is_transient());
    assert!(!path.with_file_name("ledger.db-wal").exists(), "the log is merged");

    let ledger = open(&path, &clock).await.expect("it opens again");
    let found = ledger.get(kept.key).await.expect("it answers").expect("it is there");
    assert_eq!((found.event, found.state), (kept, EventState::Done));
}

#[tokio::test]
async fn who_gets_the_file_lapses_every_lease_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let clock = ManualClock::new();
    let order = event("order", "1", "{}").build();
    let mut ledger = open(&path, &clock).await.expect("it opens");
    let (worker, version) = join(&ledger).await;
    let grant = LeaseGrant {
        worker,
        token: LeaseToken::new(),
        lease_time: LEASE,
    };
    let rows = vec![row(order.clone(), Fate::Start(pattern("order")))];
    let reply = ledger
        .admit(admission(version, rows, Some(grant)))
        .await
        .expect("it is admitted");
    assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started: true }]));

    for crashes in 1..7 {
        ledger.close().await;
        clock.advance(Duration::from_millis(1));
        ledger = open(&path, &clock).await.expect("it opens again");
        assert_eq!(ledger.workers(LEASE).await.expect("a list"), []);
        let found = ledger.get(order.key).await.expect("it answers").expect("it is there");
        assert_eq!(found.state, EventState::Due);
        assert_eq!(
            found
                .work
                .as_ref()
                .map(|work| (work.attempt, work.crashes, work.worker)),
            Some((0, crashes, None))
        );
        let last = found.attempts.last().expect("a crash is noted");
        assert_eq!((last.number, last.result), (1, AttemptResult::Crashed));
        assert_eq!(found.attempts.len(), usize::try_from(crashes).expect("a small number"));

        let (worker, _) = join(&ledger).await;
        let request = lease_request(worker, &["order"], LEASE);
        let leased = if crashes < 2 {
            ledger.lease(request).await.expect("it answers").leased.pop()
        } else {
            ledger.lease_suspect(request).await.expect("it answers")
        };
        assert_eq!(leased.expect("it is due at once").crashes, crashes);
    }
    ledger.close().await;
    let ledger = open(&path, &clock).await.expect("it opens for the last time");
    let found = ledger.get(order.key).await.expect("it answers").expect("it is there");
    let death = found.death.expect("it is dead");
    assert_eq!(
        (found.state, death.reason, death.crashes),
        (EventState::Dead, Reason::Crashed, 7)
    );
    assert_eq!(death.message, "its worker's lease lapsed 7 times");
    assert_eq!(found.attempts.len(), 7);
}

#[tokio::test]
async fn crashes_in_the_same_moment_are_all_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let clock = ManualClock::new();
    let order = event("order", "1", "{}").build();
    let ledger = open(&path, &clock).await.expect("it opens");
    let (_, version) = join(&ledger).await;
    let rows = vec![row(order.clone(), Fate::Due(pattern("order")))];
    ledger
        .admit(admission(version, rows, None))
        .await
        .expect("it is admitted");
    ledger.close().await;
    for _ in 0..2 {
        let ledger = open(&path, &clock).await.expect("it opens");
        let (worker, _) = join(&ledger).await;
        let reply = ledger
            .lease(lease_request(worker, &["order"], LEASE))
            .await
            .expect("it answers");
        assert_eq!(reply.leased.len(), 1);
        ledger.close().await;
    }
    let ledger = open(&path, &clock).await.expect("it opens");
    let found = ledger.get(order.key).await.expect("it answers").expect("it is there");
    assert_eq!(found.attempts.len(), 2);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let clock = ManualClock::new();
    open(&path, &clock).await.expect("it opens").close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("a connection");
    sqlx::query("INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1")
        .execute(&pool)
        .await
        .expect("a migration of the future");
    pool.close().await;
    let refused = open(&path, &clock).await.expect_err("it is newer");
    assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");
}
