//! Below the level of durability that was asked for nothing is written.

use std::time::Duration;

use eventflow_core::{AdmitReply, Backend, Durability, Fate, Ledger, PortError, RegistryVersion};
use eventflow_postgres::{Postgres, PostgresOptions, migrate};
use eventflow_stack::PostgresSettings;
use eventflow_testkit::build::{admission, row};
use eventflow_testkit::event;

use crate::rig::Database;

const DEADLINE: Duration = Duration::from_secs(30);
const COMMIT_OFF: &str =
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
const COMMIT_ON: &str =
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET synchronous_commit', current_database()); END $$";

async fn admit(postgres: &Postgres) -> Result<AdmitReply, PortError> {
    let rows = vec![row(event("plain", "x", "1"), Fate::Done)];
    postgres.admit(admission(RegistryVersion(0), rows, None)).await
}

fn at_level(mut options: PostgresOptions, level: Durability, assumed: bool) -> Postgres {
    options.durability = level;
    options.assume_durability = assumed;
    Postgres::connect(&options).expect("the options are good")
}

#[tokio::test]
async fn without_synchronous_commit_disk_is_refused_until_it_is_mended() {
    let database = Database::migrated().await;
    database.execute(COMMIT_OFF).await;
    let postgres = at_level(database.options(), Durability::Disk, false);
    let refused = admit(&postgres).await.expect_err("below the level");
    assert!(refused.is_transient());
    let text = refused.to_string();
    assert!(
        text.contains("synchronous_commit") && text.contains("--assume-durability"),
        "{text}"
    );
    let inspection = postgres.inspect(DEADLINE).await.expect("it can be asked");
    assert_eq!(inspection.level, Some(Durability::Process));
    assert_eq!(inspection.findings.len(), 1);
    assert!(
        inspection.findings[0]
            .remedy
            .iter()
            .any(|line| line.contains("ALTER SYSTEM SET synchronous_commit = on;"))
    );
    assert!(postgres.registry(DEADLINE).await.is_ok(), "reading goes on");
    assert!(database.fetch("SELECT 1 FROM events").await.is_empty());

    database.execute(COMMIT_ON).await;
    assert!(admit(&postgres).await.is_err(), "until somebody looks again");
    let inspection = postgres.inspect(DEADLINE).await.expect("it can be asked");
    assert_eq!(inspection.level, Some(Durability::Disk));
    assert!(inspection.findings.is_empty());
    admit(&postgres).await.expect("it is mended");
}

#[tokio::test]
async fn a_lower_level_or_an_assumed_one_goes_without_synchronous_commit() {
    let database = Database::migrated().await;
    database.execute(COMMIT_OFF).await;
    let process = at_level(database.options(), Durability::Process, false);
    admit(&process).await.expect("process needs no more");
    let assumed = at_level(database.options(), Durability::Disk, true);
    admit(&assumed).await.expect("it is assumed");
    let inspection = assumed.inspect(DEADLINE).await.expect("it can be asked");
    assert_eq!(
        inspection.level,
        Some(Durability::Process),
        "what is assumed is not shown as found"
    );
    assert!(inspection.findings.is_empty(), "somebody has vouched for it");
}

#[tokio::test]
async fn without_fsync_only_memory_is_promised() {
    let settings = PostgresSettings::default().set("fsync", "off");
    let server = eventflow_stack::Postgres::start(&settings).expect("a PostgreSQL starts");
    let url = server.create_database("volatile").expect("a database");
    migrate(&url).await.expect("migrated");
    let process = at_level(PostgresOptions::new(&url), Durability::Process, false);
    let refused = admit(&process).await.expect_err("below the level").to_string();
    assert!(refused.contains("fsync"), "{refused}");
    let memory = at_level(PostgresOptions::new(&url), Durability::Memory, false);
    admit(&memory).await.expect("memory needs nothing");
    let inspection = memory.inspect(DEADLINE).await.expect("it can be asked");
    assert_eq!(inspection.level, Some(Durability::Memory));
    assert!(inspection.version.starts_with("PostgreSQL "));
    assert!(
        inspection
            .facts
            .iter()
            .any(|(name, value)| name == "fsync" && value == "off")
    );
}
