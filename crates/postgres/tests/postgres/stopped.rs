//! Clients that stop in the middle hold up nobody for long.

use std::time::Duration;

use eventflow_core::{AdmitReply, Admitted, Event, Fate, Ledger, RegistryVersion};
use eventflow_postgres::Postgres;
use eventflow_testkit::build::{admission, row};
use eventflow_testkit::event;
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::timeout;

use crate::raw::RawClient;
use crate::rig::Database;

const PATIENCE: Duration = Duration::from_mins(1);

fn insert(event: &Event) -> String {
    let key = event.key;
    format!(
        "INSERT INTO events (key, source, id, id_given, type, time, received_at, admitted_at, correlation_id, fingerprint, \
         data, state, copies_seen) VALUES ('{key}', '/', 'x', true, 'plain', now(), now(), now(), 'c', '\\x00', '1', 'done', 0)"
    )
}

/// Admits until it goes through, as a worker does: what is transient is tried again.
async fn admit_at_last(postgres: &Postgres, event: Event) -> Admitted {
    let rows = vec![row(event, Fate::Done)];
    let batch = admission(RegistryVersion(0), rows, None);
    let attempts = async {
        loop {
            match postgres.admit(batch.clone()).await {
                Ok(AdmitReply::Decided(said)) => return said[0],
                Ok(AdmitReply::StaleRegistry) => panic!("the list never changed"),
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    };
    timeout(PATIENCE, attempts).await.expect("it goes through at last")
}

#[tokio::test]
async fn an_idle_transaction_ends_by_the_sessions_own_time_out() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let event = event("plain", "x", "1").build();
    let mut idle = database.session().await;
    let begin = format!(
        "SET idle_in_transaction_session_timeout = '2s'; BEGIN; {}",
        insert(&event)
    );
    idle.execute(AssertSqlSafe(begin)).await.expect("it begins");
    assert_eq!(admit_at_last(&postgres, event).await, Admitted::New { started: false });
}

#[tokio::test]
async fn a_client_that_never_says_sync_is_ended_by_whom_it_blocks() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let event = event("plain", "x", "1").build();
    let mut stopped = RawClient::connect(&database.url).await;
    stopped.execute_without_sync(&insert(&event)).await;
    assert_eq!(admit_at_last(&postgres, event).await, Admitted::New { started: false });
}
