//! What a 202 is worth is checked on every new connection and whenever it is asked, and below the level nothing is taken.

use std::time::Duration;

use eventflow_core::{Backend as _, Durability, Queue as _};
use eventflow_stack::RedisSettings;

use crate::rig::{Rig, claim, events, until};

const DEADLINE: Duration = Duration::from_secs(5);

/// The error of an append, if it is refused.
async fn refusal(rig: &Rig) -> Option<String> {
    let answer = rig.queue.append(&events(0..1)).await.pop().expect("one answer");
    answer.err().map(|error| {
        assert!(error.is_transient());
        error.to_string()
    })
}

async fn level(rig: &Rig) -> Option<Durability> {
    rig.queue.inspect(DEADLINE).await.expect("asked").level
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_refused_by_what_keeps_it_down() {
    for (line, value, asked, level_in_force, is_refused) in [
        ("appendfsync", "always", Durability::Disk, Durability::Disk, false),
        ("appendfsync", "everysec", Durability::Disk, Durability::Process, true),
        (
            "appendfsync",
            "everysec",
            Durability::Process,
            Durability::Process,
            false,
        ),
        ("appendfsync", "no", Durability::Process, Durability::Memory, true),
        ("appendonly", "no", Durability::Process, Durability::Memory, true),
        ("appendonly", "no", Durability::Memory, Durability::Memory, false),
        (
            "no-appendfsync-on-rewrite",
            "yes",
            Durability::Disk,
            Durability::Process,
            true,
        ),
        (
            "no-appendfsync-on-rewrite",
            "yes",
            Durability::Process,
            Durability::Process,
            false,
        ),
    ] {
        let settings = RedisSettings::default().set(line, value);
        let rig = Rig::with(&settings, |options| options.durability = asked);
        rig.queue.ensure().await.expect("a group promises nothing");
        assert_eq!(refusal(&rig).await.is_some(), is_refused, "{line} {value} {asked}");
        assert_eq!(level(&rig).await, Some(level_in_force), "{line} {value} {asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_unsafe_is_refused_until_it_is_mended() {
    let rig = Rig::start().await;
    assert_eq!(refusal(&rig).await, None);
    let _: () = rig.run(&["CONFIG", "SET", "appendfsync", "everysec"]).await;
    let inspection = rig.queue.inspect(DEADLINE).await.expect("asked");
    assert_eq!(inspection.level, Some(Durability::Process));
    let remedy = &inspection.findings[0].remedy;
    assert!(remedy.contains(&"redis-cli CONFIG SET appendfsync always".to_owned()));
    assert!(remedy.contains(&"redis-cli CONFIG REWRITE".to_owned()));
    assert!(refusal(&rig).await.expect("refused").contains("--assume-durability"));
    // What is there already is read and settled.
    let entries = claim(&mut rig.reader(), 1).await.entries;
    assert_eq!(rig.settle(&entries).await, 1);

    let _: () = rig.run(&["CONFIG", "SET", "appendfsync", "always"]).await;
    assert!(refusal(&rig).await.is_some(), "not before it was looked at");
    assert!(rig.queue.inspect(DEADLINE).await.expect("asked").findings.is_empty());
    assert_eq!(refusal(&rig).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remedy_works_as_it_is_printed() {
    let settings = RedisSettings::default()
        .set("appendonly", "no")
        .set("appendfsync", "everysec")
        .set("no-appendfsync-on-rewrite", "yes")
        .set("maxmemory-policy", "allkeys-lru");
    let rig = Rig::with(&settings, |_| {});
    let inspection = rig.queue.inspect(DEADLINE).await.expect("asked");
    for line in inspection.findings.iter().flat_map(|finding| &finding.remedy) {
        if let Some(command) = line.strip_prefix("redis-cli ") {
            let words: Vec<&str> = command.split(' ').collect();
            let _: () = rig.run(&words).await;
        }
    }
    until("the first rewrite ends", async || {
        (level(&rig).await == Some(Durability::Disk)).then_some(())
    })
    .await;
    assert_eq!(refusal(&rig).await, None);
    // And it outlives a restart.
    rig.server.kill().expect("killed");
    rig.server.restart().expect("back");
    until("back on the queue", async || {
        refusal(&rig).await.is_none().then_some(())
    })
    .await;
    assert_eq!(level(&rig).await, Some(Durability::Disk));
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_first_rewrite_has_ended_a_file_keeps_nothing() {
    let settings = RedisSettings::default().set("appendonly", "no");
    let rig = Rig::with(&settings, |_| {});
    let fill = "for i = 1, 2000 do redis.call('SET', 'k' .. i, 'v') end";
    let _: redis::Value = rig.run(&["EVAL", fill, "0"]).await;
    assert!(refusal(&rig).await.is_some());
    let _: () = rig.run(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]).await;
    let _: () = rig.run(&["CONFIG", "SET", "appendonly", "yes"]).await;
    let inspection = rig.queue.inspect(DEADLINE).await.expect("asked");
    assert_eq!(inspection.level, Some(Durability::Memory));
    assert!(
        inspection.findings[0].problem.contains("first rewrite"),
        "{:?}",
        inspection.findings
    );
    assert!(refusal(&rig).await.is_some());
    // Somebody who looks for the first time sees it, too.
    let other = rig.another(|_| {});
    assert!(other.append(&events(0..1)).await[0].is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_evicts_streams_is_refused_at_every_level_but_memory() {
    for (policy, asked, is_refused) in [
        ("allkeys-lru", Durability::Disk, true),
        ("allkeys-random", Durability::Process, true),
        ("allkeys-lfu", Durability::Memory, false),
        ("volatile-lru", Durability::Disk, false),
    ] {
        let settings = RedisSettings::default().set("maxmemory-policy", policy);
        let rig = Rig::with(&settings, |options| options.durability = asked);
        let refusal = refusal(&rig).await;
        assert_eq!(refusal.is_some(), is_refused, "{policy}: {refusal:?}");
        let facts = rig.queue.inspect(DEADLINE).await.expect("asked").facts;
        let shown = facts
            .iter()
            .any(|(name, value)| name == "max_memory_policy" && value.starts_with(policy));
        assert!(shown, "{facts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assumed_it_is_taken_whatever_is_shown() {
    let settings = RedisSettings::default().set("appendfsync", "everysec");
    let rig = Rig::with(&settings, |options| options.assume_durability = true);
    assert_eq!(refusal(&rig).await, None);
    let inspection = rig.queue.inspect(DEADLINE).await.expect("asked");
    assert_eq!(inspection.level, Some(Durability::Process));
    assert!(inspection.findings.is_empty());
    assert!(inspection.facts.iter().any(|(name, _)| name == "durability_assumed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_says_what_a_person_wants_to_see() {
    let rig = Rig::start().await;
    let inspection = rig.queue.inspect(DEADLINE).await.expect("asked");
    assert!(inspection.version.starts_with("Redis "));
    assert!(inspection.round_trip_us > 0);
    for name in [
        "used_memory_bytes",
        "max_memory_bytes",
        "max_memory_policy",
        "connected_clients",
        "dedup_window_ms",
        "dedup_marks",
    ] {
        assert!(inspection.facts.iter().any(|(known, _)| known == name), "{name}");
    }
}
