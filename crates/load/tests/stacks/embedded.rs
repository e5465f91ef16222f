//! The stack `dev`, and what happens to single processes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use eventflow_load::scenario::Role;
use eventflow_stack::Signal;

use crate::rig::{Heard, Rig, eventually, state};

#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_killed_frozen_ended_and_restarted_and_loses_nothing() {
    let faults = r#"
        { id = "KILL", at = "1s", proc = "worker[any]", signal = "KILL", respawn = "500ms" },
        { id = "STOP", at = "4s", for = "1s", proc = "api[0]", signal = "STOP" },
        { id = "TERM", at = "6s", proc = "worker[0]", signal = "TERM" },
        { id = "restart", at = "9s", proc = "worker[all]", do = "restart" },
    "#;
    let rig = Rig::start("dev", "", faults).await;
    assert!(
        rig.running
            .told
            .iter()
            .any(|told| told.contains("SQLite synchronous FULL")),
        "{:?}",
        rig.running.told
    );
    let members = rig.stack().members(Role::Worker);
    assert_eq!(members.len(), 1);
    let first = members[0].server().process().id();
    let heard = Arc::<Heard>::default();
    let reports = rig.strike(&heard).await;
    assert!(reports.iter().all(|report| report.touched == 1), "{reports:?}");
    assert_eq!(rig.running.died_unasked(), 0, "{:?}", rig.running.deaths());
    assert_ne!(members[0].server().process().id(), first);
    let reading = rig.drain().await;
    assert!(reading.ready && reading.backlog == Some(0), "{reading:?}");
    assert!(
        heard.acked.load(Relaxed) > 0 && heard.failed.load(Relaxed) > 0,
        "{heard:?}"
    );
    assert!(rig.stored().await >= heard.acked.load(Relaxed));
    let last = members[0].server().process().id();
    let journal = rig.written("journal.ndjson");
    assert!(journal.contains("KILL strikes: KILL worker[any]"), "{journal}");
    rig.running.stop().await;
    assert_eq!((state(first), state(last)), ('-', '-'));
    let log = rig.written("logs/dev.log");
    assert_eq!(log.matches("-- process").count(), 4, "each life is kept");
    drop(members);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_unasked_is_counted_and_started_again() {
    let rig = Rig::start("dev", "", "").await;
    let member = rig.stack().members(Role::Api).pop().expect("there is one");
    let first = member.server().process();
    first.signal(Signal::KILL).expect("it is killed");
    eventually("it is started again", async || {
        let now = member.server().process();
        (now.id() != first.id() && member.server().is_ready())
            .then_some(())
            .ok_or_else(|| format!("{now:?}"))
    })
    .await;
    assert_eq!(rig.running.died_unasked(), 1);
    assert!(
        rig.running.deaths()[0].starts_with("dev ended unasked: signal: 9"),
        "{:?}",
        rig.running.deaths()
    );
    rig.still_takes_events().await;
    rig.drain().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_the_run_undoes_the_faults() {
    let faults = r#"
        { id = "STOP", at = "100ms", for = "10m", proc = "api[0]", signal = "STOP" },
        { id = "late", at = "9m", proc = "api[0]", signal = "KILL" },
    "#;
    let rig = Rig::start("dev", "", faults).await;
    let member = rig.stack().members(Role::Api).pop().expect("there is one");
    let (stop, heard) = (tokio_util::sync::CancellationToken::new(), Arc::<Heard>::default());
    let frozen = eventually("it is frozen", async || {
        let pid = member.server().process().id();
        (state(pid) == 'T').then_some(pid).ok_or_else(|| "it runs".to_owned())
    });
    let ending = async {
        let pid = frozen.await;
        stop.cancel();
        pid
    };
    let (reports, pid) = tokio::join!(rig.reports(&heard, &stop), ending);
    assert_ne!(state(pid), 'T');
    assert_eq!((reports[0].touched, reports[0].skipped.as_deref()), (1, None));
    assert_eq!(
        reports[1].skipped.as_deref(),
        Some("the run was ended before its moment")
    );
    assert_eq!((reports[1].struck_s, reports[1].touched), (None, 0));
    rig.stop().await;
}
