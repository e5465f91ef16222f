//! Faults of PostgreSQL, and more or fewer workers, on the stack `postgres`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use eventflow_load::scenario::Role;

use crate::rig::{Heard, Rig};

async fn number(rig: &Rig, statement: &str) -> u64 {
    let rows = rig.stack().sql(statement).await.expect("it answers");
    let text = rows[0][0].clone().expect("it is not NULL");
    text.parse().expect("it is a number")
}

/// What the API lists is what stands in the tables, row by row.
async fn compare(rig: &Rig) {
    use futures_util::TryStreamExt as _;
    let client = rig.running.client().await;
    let query = eventflow_wire::EventQuery::default();
    let lines: Vec<_> = client
        .stream_events(&query)
        .try_collect()
        .await
        .expect("the list is whole");
    let listed: Vec<String> = lines.iter().map(|line| line.key.to_string()).collect();
    let rows = rig
        .stack()
        .sql("SELECT key FROM events ORDER BY key")
        .await
        .expect("it answers");
    let rows: Vec<String> = rows.into_iter().flatten().flatten().collect();
    assert_eq!(listed, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_and_a_crowded_postgres_refuse_until_they_are_mended() {
    let faults = r#"
        { id = "held", at = "1s", for = "20s", backend = "postgres", do = "hold_snapshot" },
        { id = "read_only", at = "2s", for = "2s", backend = "postgres", do = "read_only" },
        { id = "crowded", at = "11s", for = "2s", backend = "postgres", do = "max_connections" },
    "#;
    let rig = Rig::start("postgres", "workers = 1", faults).await;
    let heard = Arc::<Heard>::default();
    let reports = rig.strike(&heard).await;
    assert_eq!(reports[0].touched, 1);
    assert!(reports[0].notes[0].contains("dead rows"), "{reports:?}");
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'eventflow-stack'";
    assert_eq!(number(&rig, sessions).await, 1, "nobody is held but the one who asks");
    let setting = "SELECT count(*) FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'off'";
    assert_eq!(number(&rig, setting).await, 1);
    let reading = rig.drain().await;
    assert_eq!(reading.dead, Some(0));
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    compare(&rig).await;
    assert_eq!(rig.running.deadlocks().await, Some(0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed_frozen_and_restarted_while_workers_come_and_go() {
    let faults = r#"
        { id = "more", at = "500ms", proc = "worker[all]", scale = 3 },
        { id = "KILL", at = "3s", for = "1s", backend = "postgres", do = "kill" },
        { id = "STOP", at = "10s", for = "1s", backend = "postgres", do = "stop" },
        { id = "restart", at = "17s", backend = "postgres", do = "restart" },
        { id = "fewer", at = "22s", for = "1s", proc = "worker[all]", scale = 1 },
    "#;
    let rig = Rig::start("postgres", "workers = 1", faults).await;
    let heard = Arc::<Heard>::default();
    let reports = rig.strike(&heard).await;
    let touched: Vec<u64> = reports.iter().map(|report| report.touched).collect();
    assert_eq!(touched, [2, 1, 1, 1, 2]);
    let names: Vec<String> = rig
        .stack()
        .members(Role::Worker)
        .iter()
        .map(|member| member.name().to_owned())
        .collect();
    assert_eq!(names, ["worker-0", "worker-1", "worker-2"]);
    rig.drain().await;
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    compare(&rig).await;
    assert!(rig.running.deadlocks().await.is_some());
    assert_eq!(rig.running.died_unasked(), 0, "{:?}", rig.running.deaths());
    rig.stop().await;
}
