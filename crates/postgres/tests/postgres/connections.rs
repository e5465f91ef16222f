//! The server goes and comes back.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Archive, Ledger};
use eventflow_postgres::{ConnectError, Postgres, PostgresOptions, migrate};
use eventflow_stack::{PostgresSettings, free_port};
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_server_that_is_away_is_an_outage_and_not_a_wrong_url() {
    let port = free_port().expect("a port");
    let url = format!("postgres://nobody@{}/nothing", port.address());
    let postgres = Postgres::connect(&PostgresOptions::new(url)).expect("it need not be there yet");
    assert!(
        postgres
            .letter_counts()
            .await
            .expect_err("nobody answers")
            .is_transient()
    );
    let wrong = Postgres::connect(&PostgresOptions::new("postgres://[::1"));
    assert!(matches!(wrong, Err(ConnectError::Url(_))));
    let mut none = PostgresOptions::new("postgres://localhost/x");
    none.connections = 0;
    assert!(matches!(Postgres::connect(&none), Err(ConnectError::NoConnections)));
    none.url = "postgres://u:secret@localhost/x".to_owned();
    assert!(!format!("{none:?}").contains("secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_the_first_call_goes_through() {
    let server = eventflow_stack::Postgres::start(&PostgresSettings::default()).expect("a PostgreSQL starts");
    let url = server.create_database("restarted").expect("a database");
    migrate(&url).await.expect("migrated");
    let postgres = Arc::new(Postgres::connect(&PostgresOptions::new(&url)).expect("the options are good"));
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let postgres = Arc::clone(&postgres);
        calls.spawn(async move { postgres.letter_counts().await });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    server.kill().expect("killed");
    assert!(postgres.letter_counts().await.expect_err("it is gone").is_transient());
    server.restart().expect("it is back");
    postgres.letter_counts().await.expect("the first call goes through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_deadlines_and_no_connection_for_good() {
    let server = eventflow_stack::Postgres::start(&PostgresSettings::default()).expect("a PostgreSQL starts");
    let url = server.create_database("frozen").expect("a database");
    migrate(&url).await.expect("migrated");
    let mut options = PostgresOptions::new(&url);
    options.connections = 2;
    let postgres = Arc::new(Postgres::connect(&options).expect("the options are good"));
    postgres.letter_counts().await.expect("it answers");
    server.stop().expect("frozen");
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let postgres = Arc::clone(&postgres);
        calls.spawn(async move { postgres.registry(Duration::from_secs(15)).await.map(drop) });
    }
    let answers = timeout(PATIENCE, calls.join_all())
        .await
        .expect("every call has a deadline");
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_err_and(eventflow_core::PortError::is_transient))
    );
    server.cont().expect("thawed");
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let postgres = Arc::clone(&postgres);
        calls.spawn(async move { postgres.letter_counts().await.map(drop) });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn what_is_closed_answers_no_more() {
    let database = crate::rig::Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    postgres.letter_counts().await.expect("it answers");
    postgres.close().await;
    assert!(postgres.letter_counts().await.is_err());
    let left = database
        .fetch("SELECT 1 FROM pg_stat_activity WHERE application_name = 'eventflow' AND datname = current_database()")
        .await;
    assert!(left.len() <= 1, "a session that said goodbye is gone, or going");
}
