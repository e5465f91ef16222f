//! Notices between processes.

use std::time::Duration;

use eventflow_core::Pulse;
use eventflow_postgres::Postgres;
use sqlx::postgres::PgListener;
use tokio::time::{interval, timeout};

use crate::rig::Database;

const PATIENCE: Duration = Duration::from_mins(1);

/// Notifies until it is heard: a listener takes a moment to stand.
async fn heard(speaker: &Postgres, hearer: &Postgres) {
    let speaking = async {
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            speaker.notify().await.expect("it is taken");
        }
    };
    let both = async {
        tokio::select! {
            () = speaking => {}
            () = hearer.noticed() => {}
        }
    };
    timeout(PATIENCE, both).await.expect("a notice comes through");
}

#[tokio::test]
async fn a_notice_reaches_others_and_comes_through_again_after_the_listener_was_cut_off() {
    let database = Database::migrated().await;
    let speaker = Postgres::connect(&database.options()).expect("the options are good");
    let mut options = database.options();
    options.application_name = "the hearer".to_owned();
    let hearer = Postgres::connect(&options).expect("the options are good");
    // The first is for what may have come before it listened.
    heard(&speaker, &hearer).await;
    heard(&speaker, &hearer).await;
    let ended = database
        .fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the hearer' AND datname = current_database()")
        .await;
    assert!(!ended.is_empty());
    heard(&speaker, &hearer).await;
    heard(&speaker, &hearer).await;
    speaker.close().await;
    hearer.close().await;
}

#[tokio::test]
async fn a_burst_is_a_few_notices_of_which_the_last_is_not_lost() {
    let database = Database::migrated().await;
    let speaker = Postgres::connect(&database.options()).expect("the options are good");
    let mut listener = PgListener::connect(&database.url).await.expect("it connects");
    listener.listen("eventflow_due").await.expect("it listens");
    for _ in 0..1_000 {
        speaker.notify().await.expect("it is taken");
    }
    timeout(PATIENCE, listener.recv())
        .await
        .expect("the first comes")
        .expect("it is heard");
    speaker.notify().await.expect("it is taken");
    timeout(PATIENCE, listener.recv())
        .await
        .expect("one that is held back comes, too")
        .expect("it is heard");
    let mut more = 0;
    while listener.next_buffered().is_some() {
        more += 1;
    }
    assert!(more < 10, "{more}");
}
