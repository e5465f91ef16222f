//! A user of Redis who may not read the settings.

use std::time::Duration;

use eventflow_core::{Backend as _, Queue as _, WorkerId};
use eventflow_redis::RedisQueue;

use crate::rig::{Rig, claim, events, options};

const DEADLINE: Duration = Duration::from_secs(5);

async fn as_user(rig: &Rig, rules: &[&str], assume: bool) -> RedisQueue {
    let mut words = vec!["ACL", "SETUSER", "shop", "on", ">secret", "~ef:*", "+@all"];
    words.extend(rules);
    let _: () = rig.run(&words).await;
    let url = rig.server.url().replace("redis://", "redis://shop:secret@");
    let mut options = options(url);
    options.assume_durability = assume;
    RedisQueue::new(options).expect("good options")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_config_does_not_tell_is_refused_and_says_how_to_allow_it() {
    let rig = Rig::start().await;
    let queue = as_user(&rig, &["-config"], false).await;
    let answer = queue.append(&events(0..1)).await.pop().expect("one answer");
    let error = answer.expect_err("refused").to_string();
    for part in [
        "CONFIG GET is refused",
        "+config|get",
        "--durability process",
        "--assume-durability",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let inspection = queue.inspect(DEADLINE).await.expect("asked");
    assert_eq!(inspection.level, None);
    assert_eq!(inspection.findings.len(), 1);

    let _: () = rig.run(&["ACL", "SETUSER", "shop", "+config|get"]).await;
    let inspection = queue.inspect(DEADLINE).await.expect("asked");
    assert!(inspection.findings.is_empty(), "{:?}", inspection.findings);
    let answer = queue.append(&events(0..1)).await.pop().expect("one answer");
    assert!(answer.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn assumed_it_is_taken_and_shown_as_assumed() {
    let rig = Rig::start().await;
    for rules in [["-config", "+info"], ["-config", "-info"]] {
        let queue = as_user(&rig, &rules, true).await;
        queue.ensure().await.expect("made");
        assert!(queue.append(&events(0..1)).await[0].is_ok());
        let mut reader = queue.reader(WorkerId::new());
        let entries = claim(&mut reader, 1).await.entries;
        queue.settle(&crate::rig::settlements(&entries)).await.expect("settled");
        queue.tend().await.expect("tended");
        queue.depth().await.expect("measured");
        let inspection = queue.inspect(DEADLINE).await.expect("asked");
        assert!(inspection.findings.is_empty());
        assert!(inspection.facts.iter().any(|(name, _)| name == "durability_assumed"));
        let _: () = rig.run(&["FLUSHALL"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_the_operators_and_is_not_shown() {
    let rig = Rig::start().await;
    let url = rig.server.url().replace("redis://", "redis://shop:hunter2@");
    let queue = RedisQueue::new(options(url)).expect("good options");
    let error = queue.ensure().await.expect_err("refused");
    assert!(error.is_transient());
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
