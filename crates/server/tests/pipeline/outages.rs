//! Servers that are away.

use std::time::Duration;

use eventflow_core::EventState;
use eventflow_stack::Reply;
use eventflow_wire::Taker;

use crate::rig::{Mode, Plan, Stack, Traffic, event, eventually, key, number, tests};

tests!([Postgres Pipeline]: a_store_that_is_killed_costs_nothing a_store_that_stands_still_costs_nothing);
tests!([Pipeline]:
    without_the_queue_events_go_straight_into_the_ledger
    without_any_place_the_door_says_so
    what_a_flush_destroyed_is_said_and_all_that_comes_later_flows
);

/// For how long a server is away.
fn outage() -> Duration {
    Duration::from_secs(number("EVENTFLOW_TEST_OUTAGE", 6).into())
}

fn doors(stack: &Stack) -> Traffic {
    Traffic::mixed([stack.client().clone()])
}

async fn a_store_that_is_killed_costs_nothing(mode: Mode) {
    let stack = Plan::new(mode).own_server().workers(2).start().await;
    let traffic = doors(&stack);
    traffic.acks(200).await;
    let server = stack.database().own_server();
    tokio::task::block_in_place(|| server.kill()).expect("killed");
    if mode == Mode::Pipeline {
        ingest_goes_on(&stack, &traffic).await;
    } else {
        traffic.is_refused().await;
        let refusal = stack.client().ready().await.expect_err("not ready");
        assert_eq!(refusal.problem().map(|problem| problem.status), Some(503));
    }
    tokio::time::sleep(outage()).await;
    tokio::task::block_in_place(|| server.restart()).expect("started anew");
    nothing_was_counted(&stack, traffic).await;
}

async fn a_store_that_stands_still_costs_nothing(mode: Mode) {
    let stack = Plan::new(mode).own_server().workers(2).start().await;
    let traffic = doors(&stack);
    traffic.acks(200).await;
    let server = stack.database().own_server();
    tokio::task::block_in_place(|| server.stop()).expect("stopped");
    if mode == Mode::Pipeline {
        ingest_goes_on(&stack, &traffic).await;
    }
    tokio::time::sleep(outage()).await;
    tokio::task::block_in_place(|| server.cont()).expect("goes on");
    nothing_was_counted(&stack, traffic).await;
}

/// The queue takes events, and what stands there is found; what nobody there knows may yet be in the ledger.
async fn ingest_goes_on(stack: &Stack, traffic: &Traffic) {
    traffic.acks(200).await;
    assert_eq!(stack.client().ready().await.expect("ready").taken_by, Taker::Queue);
    let sent = stack
        .client()
        .send(event("order.created", "in-the-outage"))
        .await
        .expect("accepted");
    let queued = stack.client().event(sent.key).await.expect("an answer").expect("known");
    assert_eq!(queued.state, EventState::Queued);
    let unknown = stack.client().event(key("nobody")).await.expect_err("no answer");
    assert_eq!(unknown.problem().map(|problem| problem.status), Some(503), "{unknown}");
}

/// All goes on by itself, and neither attempts nor crashes were counted.
async fn nothing_was_counted(stack: &Stack, traffic: Traffic) {
    traffic.acks(200).await;
    let mut log = traffic.end().await;
    if stack.mode() == Mode::Pipeline {
        log.attempted.insert("in-the-outage".to_owned());
        log.acked.insert("in-the-outage".to_owned());
        assert_eq!((log.refused, log.unknown), (0, 0), "the queue was there all the time");
    }
    stack.answers_for(&log).await;
    stack.each_was_run_once();
    assert_eq!(stack.history(), (0, 0), "failed attempts, crashes");
}

async fn without_the_queue_events_go_straight_into_the_ledger(mode: Mode) {
    let stack = Plan::new(mode).workers(2).start().await;
    let traffic = doors(&stack);
    traffic.acks(200).await;
    let before = stack.client().stats().await.expect("an answer").intake.direct;
    tokio::task::block_in_place(|| stack.redis().kill()).expect("killed");
    traffic.acks(200).await;
    let stats = stack.client().stats().await.expect("an answer");
    assert!(stats.intake.direct > before, "{:?}", stats.intake);
    taken_by(&stack, Taker::Ledger).await;
    traffic.acks(200).await;
    tokio::time::sleep(outage()).await;

    tokio::task::block_in_place(|| stack.redis().restart()).expect("started anew");
    taken_by(&stack, Taker::Queue).await;
    let through_the_queue = async || {
        let intake = stack.client().stats().await.expect("an answer").intake;
        intake.accepted - intake.direct
    };
    let then = through_the_queue().await;
    eventually("events go through the queue again", async || {
        match through_the_queue().await {
            now if now > then + 100 => Ok(()),
            now => Err(format!("{now} of {then}")),
        }
    })
    .await;
    let log = traffic.end().await;
    assert_eq!((log.refused, log.unknown), (0, 0), "the ledger was there all the time");
    stack.answers_for(&log).await;
    stack.each_was_run_once();
    assert_eq!(stack.history(), (0, 0), "failed attempts, crashes");
}

async fn taken_by(stack: &Stack, taker: Taker) {
    eventually(&format!("taken by {taker:?}"), async || {
        match stack.client().ready().await {
            Ok(readiness) if readiness.taken_by == taker => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn without_any_place_the_door_says_so(mode: Mode) {
    let stack = Plan::new(mode).own_server().workers(2).start().await;
    let traffic = doors(&stack);
    traffic.acks(200).await;
    let server = stack.database().own_server();
    tokio::task::block_in_place(|| server.kill()).expect("killed");
    tokio::task::block_in_place(|| stack.redis().kill()).expect("killed");
    // Every refusal is a 503 with Retry-After: the traffic sees to that.
    traffic.is_refused().await;
    let acked = traffic.so_far().acked.len();
    traffic.is_refused().await;
    assert_eq!(traffic.so_far().acked.len(), acked, "nothing is acknowledged");
    eventually("not ready", async || match stack.client().ready().await {
        Err(error) if error.problem().is_some_and(|problem| problem.status == 503) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(stack.client().live().await.is_ok(), "alive all the same");
    tokio::time::sleep(outage()).await;

    tokio::task::block_in_place(|| stack.redis().restart()).expect("started anew");
    traffic.acks(100).await;
    tokio::task::block_in_place(|| server.restart()).expect("started anew");
    traffic.acks(100).await;
    let log = traffic.end().await;
    stack.answers_for(&log).await;
    stack.each_was_run_once();
    assert_eq!(stack.history(), (0, 0), "failed attempts, crashes");
}

async fn what_a_flush_destroyed_is_said_and_all_that_comes_later_flows(mode: Mode) {
    let stack = Plan::new(mode).workers(2).start().await;
    let traffic = doors(&stack);
    traffic.acks(200).await;
    // So that there is something to destroy, and workers that look at it.
    stack.client().pause(None).await.expect("paused");
    traffic.acks(500).await;
    seen_by_workers(&stack).await;
    assert_eq!(stack.ask_redis(&["FLUSHALL"]), Reply::Text("OK".to_owned()));
    let before = traffic.so_far().attempted;
    traffic.acks(50).await;
    stack.client().resume(None).await.expect("resumed");
    eventually("the group is back", async || {
        match tokio::task::block_in_place(|| stack.redis().command(&["XINFO", "GROUPS", "ef:{events:0}:stream"])) {
            Ok(Reply::List(groups)) if groups.len() == 1 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    traffic.acks(300).await;
    let log = traffic.end().await;

    let later: Vec<&String> = log.acked.difference(&before).collect();
    assert!(later.len() >= 300, "{}", later.len());
    let states = eventually("all that came later is done", async || {
        let states = stack.states().await?;
        let left = later
            .iter()
            .filter(|id| states.get(**id) != Some(&EventState::Done))
            .count();
        if left == 0 {
            Ok(states)
        } else {
            Err(format!("{left} left"))
        }
    })
    .await;
    let destroyed: Vec<&String> = log.acked.iter().filter(|id| !states.contains_key(*id)).collect();
    assert!(!destroyed.is_empty() && destroyed.iter().all(|id| before.contains(*id)));
    estimated(&stack, destroyed.len()).await;

    // What was destroyed is accepted anew.
    for id in &destroyed {
        let again = stack.client().send(event("order.created", id)).await.expect("accepted");
        assert_eq!(again.status, eventflow_wire::Acceptance::Accepted, "{id}");
    }
    stack.answers_for(&log).await;
}

/// Waits until every worker has looked at the queue once more: it does so between two beats that follow the next.
async fn seen_by_workers(stack: &Stack) {
    let sequences = async || {
        let workers = stack
            .client()
            .workers()
            .await
            .map_err(|error| error.to_string())?
            .workers;
        let beats = workers.iter().filter_map(|worker| worker.beat.as_ref());
        let sequences: Vec<u64> = beats
            .map(|beat| {
                serde_json::from_str::<eventflow_core::Beat>(beat.get())
                    .expect("a beat")
                    .sequence
            })
            .collect();
        Ok::<_, String>(sequences)
    };
    let then = eventually("beats", &sequences).await;
    // A beat comes with each renewal, every half a second; the queue is looked at once a second.
    eventually("later beats", async || {
        let now = sequences().await?;
        if now.len() == then.len() && now.iter().zip(&then).all(|(now, then)| *now >= then + 6) {
            return Ok(());
        }
        Err(format!("{now:?} after {then:?}"))
    })
    .await;
}

/// Some worker says aloud about how many were destroyed.
async fn estimated(stack: &Stack, destroyed: usize) {
    let told = eventually("the loss is told", async || {
        let workers = stack
            .client()
            .workers()
            .await
            .map_err(|error| error.to_string())?
            .workers;
        let told: u64 = workers
            .iter()
            .filter_map(|worker| worker.beat.as_ref())
            .map(|beat| {
                serde_json::from_str::<eventflow_core::Beat>(beat.get())
                    .expect("a beat")
                    .destroyed
            })
            .sum();
        if told > 0 {
            Ok(told)
        } else {
            Err("0 in all beats".to_owned())
        }
    })
    .await;
    let destroyed = u64::try_from(destroyed).expect("small");
    assert!(
        told >= destroyed / 2 && told <= destroyed * 2 + 300,
        "told {told}, destroyed {destroyed}"
    );
}
