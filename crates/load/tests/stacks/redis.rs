//! Faults of Redis on the stack `local`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use eventflow_load::verdict::FaultReport;
use eventflow_stack::Reply;

use crate::rig::{Heard, Rig};

fn by_id(reports: Vec<FaultReport>) -> BTreeMap<String, FaultReport> {
    reports.into_iter().map(|report| (report.id.clone(), report)).collect()
}

fn config(rig: &Rig, name: &str) -> String {
    let redis = rig.stack().redis().expect("it has a Redis");
    match redis.command(&["CONFIG", "GET", name]).expect("it answers") {
        Reply::List(pair) => format!("{:?}", pair.last()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_a_read_only_and_a_crowded_redis_refuse_until_they_are_mended() {
    let faults = r#"
        { id = "full", at = "1s", for = "2s", backend = "redis", do = "maxmemory" },
        { id = "read_only", at = "8s", for = "2s", backend = "redis", do = "read_only" },
        { id = "crowded", at = "16s", for = "2s", backend = "redis", do = "max_connections" },
    "#;
    let rig = Rig::start("local", "workers = 2", faults).await;
    assert!(
        rig.running.told.iter().any(|told| told.contains("appendfsync always")),
        "{:?}",
        rig.running.told
    );
    let before = ["maxmemory", "maxclients"].map(|name| config(&rig, name));
    let heard = Arc::<Heard>::default();
    rig.strike(&heard).await;
    assert_eq!(before, ["maxmemory", "maxclients"].map(|name| config(&rig, name)));
    let redis = rig.stack().redis().expect("it has a Redis");
    let Reply::Text(role) = redis.command(&["INFO", "replication"]).expect("it answers") else {
        panic!("it says nothing")
    };
    assert!(role.contains("role:master"), "{role}");
    let reading = rig.drain().await;
    assert_eq!(reading.dead, Some(0));
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    assert_eq!(rig.running.died_unasked(), 0, "{:?}", rig.running.deaths());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_frozen_and_restarted_and_loses_nothing() {
    let faults = r#"
        { id = "KILL", at = "1s", for = "1s", backend = "redis", do = "kill" },
        { id = "STOP", at = "8s", for = "1s", backend = "redis", do = "stop" },
        { id = "restart", at = "15s", backend = "redis", do = "restart" },
    "#;
    let rig = Rig::start("local", "workers = 1", faults).await;
    let first = rig.stack().redis().expect("it has a Redis").process().id();
    let heard = Arc::<Heard>::default();
    let reports = by_id(rig.strike(&heard).await);
    assert!(reports.values().all(|report| report.touched == 1), "{reports:?}");
    assert_ne!(rig.stack().redis().expect("it has a Redis").process().id(), first);
    rig.drain().await;
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flush_destroys_is_named_and_all_else_is_there() {
    let faults = r#"
        { id = "frozen", at = "1s", for = "4s", proc = "worker[all]", signal = "STOP" },
        { id = "flush", at = "3s", backend = "redis", do = "flush" },
    "#;
    let rig = Rig::start("local", "workers = 1", faults).await;
    let heard = Arc::<Heard>::default();
    let reports = by_id(rig.strike(&heard).await);
    let destroyed = reports["flush"].destroyed;
    assert!(destroyed > 0 && reports["flush"].touched > destroyed, "{reports:?}");
    rig.drain().await;
    let journal = rig.written("journal.ndjson");
    let named = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| Some(line["destroyed"]["keys"].as_array()?.len() as u64))
        .sum::<u64>();
    assert_eq!(named, destroyed);
    // What was in the hands of the frozen worker may have been stored all the same.
    let (stored, acked) = (rig.stored().await, heard.acked.load(Relaxed));
    assert!(stored + destroyed >= acked, "{stored} + {destroyed} < {acked}");
    assert!(
        stored < acked + 2 + heard.failed.load(Relaxed),
        "something was destroyed"
    );
    rig.stop().await;
}
