//! Many at once on the same rows: nobody deadlocks, everything happens once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eventflow_core::{
    AdmitReply, Admitted, Event, Fate, LeaseToken, Ledger, Recorded, Registered, RegistryVersion, Verdict, WorkerId,
};
use eventflow_postgres::Postgres;
use eventflow_testkit::build::{admission, finished, pattern, registration, renewal, row};
use eventflow_testkit::event;
use sqlx::Row;
use tokio::task::JoinSet;

use crate::rig::Database;

const LEASE_TIME: Duration = Duration::from_hours(1);

fn events(event_type: &str, of: std::ops::Range<usize>) -> Vec<Arc<Event>> {
    of.map(|i| event(event_type, &format!("e{i}"), &format!("{{\"n\":{i}}}")).shared())
        .collect()
}

async fn deadlocks(database: &Database) -> i64 {
    let rows = database
        .fetch("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .await;
    rows[0].get("deadlocks")
}

#[tokio::test]
async fn overlapping_batches_of_four_processes_admit_each_key_once() {
    let database = Database::migrated().await;
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let postgres = Postgres::connect(&database.options()).expect("the options are good");
        tasks.spawn(async move {
            let mut new = 0;
            for round in 0..10 {
                let mut batch = events("plain", round * 50..round * 50 + 200);
                if task % 2 == 1 {
                    batch.reverse();
                }
                let rows = batch.into_iter().map(|event| row(event, Fate::Done)).collect();
                let reply = postgres.admit(admission(RegistryVersion(0), rows, None)).await;
                let AdmitReply::Decided(said) = reply.expect("the batch is admitted") else {
                    panic!("the list never changed");
                };
                new += said.iter().filter(|one| matches!(one, Admitted::New { .. })).count();
            }
            postgres.close().await;
            new
        });
    }
    let new: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(new, 650);
    assert_eq!(deadlocks(&database).await, 0);
}

#[tokio::test]
async fn a_batch_out_of_order_is_refused_before_it_can_deadlock() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let rows = events("plain", 0..2)
        .into_iter()
        .map(|event| row(event, Fate::Done))
        .collect();
    let mut batch = admission(RegistryVersion(0), rows, None);
    batch.rows.reverse();
    assert!(postgres.admit(batch).await.is_err());
}

#[tokio::test]
async fn records_of_all_kinds_and_renewals_of_the_same_rows_do_not_deadlock() {
    let database = Database::migrated().await;
    let postgres = Arc::new(Postgres::connect(&database.options()).expect("the options are good"));
    let worker = WorkerId::new();
    let joined = postgres.register(registration(worker, &["h"])).await;
    let Ok(Registered::Joined(list)) = joined else {
        panic!("it joins")
    };
    for round in 0..10 {
        let grant = eventflow_core::LeaseGrant {
            worker,
            token: LeaseToken::new(),
            lease_time: LEASE_TIME,
        };
        let batch = events("h", round * 200..round * 200 + 200);
        let keys: Vec<_> = batch.iter().map(|event| event.key).collect();
        let rows = batch
            .into_iter()
            .map(|event| row(event, Fate::Start(pattern("h"))))
            .collect();
        postgres
            .admit(admission(list.version, rows, Some(grant)))
            .await
            .expect("admitted");
        let running: Vec<_> = keys.iter().map(|key| (*key, grant.token)).collect();
        let mut outcomes: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(i, key)| {
                let verdict = match i % 4 {
                    0 => Verdict::Done,
                    1 => Verdict::Retry(Duration::from_hours(1)),
                    2 => Verdict::Dead(eventflow_testkit::build::permanent("no")),
                    _ => Verdict::Unavailable(Duration::from_hours(1)),
                };
                finished(worker, *key, grant.token, verdict)
            })
            .collect();
        outcomes.reverse();
        let (recorded, first, second) = tokio::join!(
            postgres.record(outcomes),
            postgres.renew(renewal(worker, LEASE_TIME, &running)),
            postgres.renew(renewal(worker, LEASE_TIME, &running)),
        );
        assert!(recorded.expect("recorded").iter().all(|one| *one == Recorded::Counted));
        first.expect("renewed");
        second.expect("renewed");
    }
    postgres.close().await;
    assert_eq!(deadlocks(&database).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_a_new_worker_handles_is_not_stored_unrun_from_its_registration_on() {
    let database = Database::migrated().await;
    let newcomer = Postgres::connect(&database.options()).expect("the options are good");
    for round in 0..5 {
        let version = newcomer.registry(LEASE_TIME).await.expect("the list").version;
        let ready = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..3 {
            let postgres = Postgres::connect(&database.options()).expect("the options are good");
            let ready = Arc::clone(&ready);
            tasks.spawn(async move {
                for batch in 0.. {
                    let was_ready = ready.load(Ordering::SeqCst);
                    let rows = (0..20)
                        .map(|i| event(&format!("t{round}"), &format!("{round}-{task}-{batch}-{i}"), "1"))
                        .map(|event| row(event, Fate::Done))
                        .collect();
                    let reply = postgres.admit(admission(version, rows, None)).await.expect("an answer");
                    match reply {
                        AdmitReply::StaleRegistry => return,
                        AdmitReply::Decided(_) => assert!(!was_ready, "stored unrun after the newcomer was ready"),
                    }
                }
            });
        }
        let joined = newcomer
            .register(registration(WorkerId::new(), &[&format!("t{round}")]))
            .await
            .expect("it joins while admissions never pause");
        ready.store(true, Ordering::SeqCst);
        assert!(matches!(joined, Registered::Joined(_)));
        tasks.join_all().await;
    }
}
