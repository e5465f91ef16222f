//! Whose fault an error is, as the server itself says it.

use bytes::Bytes;
use eventflow_core::{Archive, Event, Fate, Fault, Ledger, Payload, PortError, RegistryVersion};
use eventflow_postgres::Postgres;
use eventflow_testkit::build::{admission, row};
use eventflow_testkit::event;

use crate::rig::Database;

async fn fails(postgres: &Postgres, event: Event) -> PortError {
    let neighbour = row(eventflow_testkit::event("plain", "neighbour", "1"), Fate::Done);
    let rows = vec![row(event, Fate::Done), neighbour];
    postgres
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect_err("it cannot be stored")
}

#[tokio::test]
async fn what_cannot_be_stored_is_the_events_fault_and_nothing_is_written() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let nul = event("plain", "nul", "1").subject("a\0b").build();
    assert_eq!(fails(&postgres, nul).await.fault(), Fault::Event);
    let mut broken = event("plain", "broken", "1").build();
    broken.data = Payload::Json(Bytes::from_static(b"{\"a\":"));
    assert_eq!(fails(&postgres, broken).await.fault(), Fault::Event);
    let mut latin = event("plain", "latin", "1").build();
    latin.data = Payload::Json(Bytes::from_static(b"\"\xe9\""));
    assert_eq!(fails(&postgres, latin).await.fault(), Fault::Event);
    assert!(database.fetch("SELECT 1 FROM events").await.is_empty());
}

#[tokio::test]
async fn a_missing_table_a_missing_grant_and_a_read_only_server_are_the_operators() {
    let database = Database::migrated().await;
    let mut options = database.options();
    options.session_setup = vec!["SET default_transaction_read_only = on".to_owned()];
    let read_only = Postgres::connect(&options).expect("the options are good");
    let error = fails(&read_only, event("plain", "x", "1").build()).await;
    assert_eq!(error.fault(), Fault::Infrastructure, "{error}");
    options.session_setup = vec!["SET ROLE pg_monitor".to_owned()];
    let stranger = Postgres::connect(&options).expect("the options are good");
    let error = fails(&stranger, event("plain", "x", "1").build()).await;
    assert_eq!(error.fault(), Fault::Infrastructure, "{error}");
    database.execute("DROP TABLE dead_letters CASCADE").await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let error = fails(&postgres, event("plain", "x", "1").build()).await;
    assert_eq!(error.fault(), Fault::Infrastructure, "{error}");
    assert!(
        postgres
            .letter_counts()
            .await
            .expect_err("no such table")
            .is_transient()
    );
}

#[tokio::test]
async fn a_changed_table_under_a_prepared_statement_is_prepared_again() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    postgres.audit(0, 10).await.expect("prepared");
    database.execute("ALTER TABLE audit ALTER COLUMN job TYPE text; ALTER TABLE audit ALTER COLUMN job TYPE uuid USING job::uuid").await;
    postgres.audit(0, 10).await.expect("prepared again");
    let type_of_actor = "ALTER TABLE audit ALTER COLUMN actor TYPE varchar(100)";
    database.execute(type_of_actor).await;
    postgres.audit(0, 10).await.expect("prepared again");
}
