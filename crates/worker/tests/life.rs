//! One event's life in one worker: stored, run, tried again, dead.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eventflow_core::{AttemptResult, EventKey, EventState, Payload, Reason};
use eventflow_testkit::event;
use eventflow_worker::{HandlerOptions, Handlers, Outcome, handler_fn};
use world::{World, add, at_once, plain, sim, simulated};

#[tokio::test(start_paused = true)]
async fn a_type_without_a_handler_is_stored_as_done_and_its_entry_is_settled() {
    let world = World::new();
    let worker = world.start(simulated());
    world.put(&[plain("1")]).await;
    let record = world.reaches(plain("1").key, EventState::Done).await;
    assert!(record.attempts.is_empty());
    world.drained().await;
    assert_eq!(worker.stop().await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_stored_at_its_third_attempt() {
    let world = World::new();
    let worker = world.start(simulated());
    let event = sim("1", "transient:2");
    world.put(&[Arc::clone(&event)]).await;
    let record = world.reaches(event.key, EventState::Done).await;
    let results: Vec<_> = record.attempts.iter().map(|a| (a.number, a.result)).collect();
    assert_eq!(
        results,
        [
            (1, AttemptResult::Failed),
            (2, AttemptResult::Failed),
            (3, AttemptResult::Done)
        ]
    );
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_can_never_succeed_and_what_never_did_are_dead_with_their_history() {
    let world = World::new();
    let worker = world.start_with(simulated(), |settings| settings.retry = at_once(3));
    let (permanent, transient) = (sim("1", "permanent"), sim("2", "transient:9"));
    world.put(&[Arc::clone(&permanent), Arc::clone(&transient)]).await;
    let dead = world.reaches(permanent.key, EventState::Dead).await;
    assert_eq!(dead.death.expect("a death").reason, Reason::Permanent);
    assert_eq!(dead.attempts.len(), 1);
    let dead = world.reaches(transient.key, EventState::Dead).await;
    assert_eq!(dead.death.expect("a death").reason, Reason::AttemptsSpent);
    assert_eq!(dead.attempts.len(), 3);
    assert!(dead.attempts.iter().all(|a| a.error.is_some() && a.worker == worker.id));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_time_out_are_failed_attempts_and_harm_nobody_else() {
    let world = World::new();
    let mut handlers = simulated();
    let options = HandlerOptions {
        timeout: Some(Duration::from_secs(2)),
        ..HandlerOptions::default()
    };
    let never = handler_fn(|_, context| async move {
        context.cancelled.cancelled().await;
        Outcome::Done
    });
    handlers.add("slow", never, options).expect("a good pattern");
    let worker = world.start_with(handlers, |settings| settings.retry = at_once(2));
    let slow = event("slow", "2", "{}").shared();
    world
        .put(&[sim("1", "crash"), Arc::clone(&slow), sim("3", "slow:200ms"), plain("4")])
        .await;
    let dead = world.reaches(sim("1", "crash").key, EventState::Dead).await;
    assert!(dead.death.expect("a death").message.starts_with("panicked"));
    let dead = world.reaches(slow.key, EventState::Dead).await;
    assert!(dead.death.expect("a death").message.contains("ran out of time"));
    assert_eq!(dead.attempts.len(), 2);
    world.reaches(sim("3", "slow:200ms").key, EventState::Done).await;
    world.reaches(plain("4").key, EventState::Done).await;
    assert_eq!(worker.stop().await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn unavailable_holds_up_its_own_handler_only_and_counts_nothing() {
    let world = World::new();
    let mut handlers = simulated();
    add(&mut handlers, "other", handler_fn(|_, _| async { Outcome::Done }));
    let worker = world.start_with(handlers, |settings| settings.retry = at_once(1));
    let away = sim("1", "unavailable:20s");
    world.put(&[Arc::clone(&away)]).await;
    world.until("the breaker opens", || worker.status.is_ready()).await;
    world.reaches(away.key, EventState::Due).await;
    let others: Vec<_> = (0..50)
        .map(|i| event("other", &format!("o{i}"), "{}").shared())
        .collect();
    world.put(&others).await;
    for other in &others {
        world.reaches(other.key, EventState::Done).await;
    }
    assert_eq!(world.state(away.key).await, Some(EventState::Due));
    let record = world.reaches(away.key, EventState::Done).await;
    assert_eq!(record.attempts.len(), 1, "only the success is counted");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn copies_are_counted_and_another_payload_is_a_dead_letter_of_its_own() {
    let world = World::new();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    let mut handlers = Handlers::new();
    add(
        &mut handlers,
        "order",
        handler_fn(move |_, _| {
            seen.fetch_add(1, Ordering::Relaxed);
            async { Outcome::Done }
        }),
    );
    let worker = world.start(handlers);
    let first = event("order", "1", "{\"a\":1}").shared();
    let other = event("order", "1", "{\"a\":2}").shared();
    world.put(&[Arc::clone(&first)]).await;
    world.reaches(first.key, EventState::Done).await;
    world.drained().await;
    for copy in [&first, &other, &first, &other] {
        world.queue.inner().expire_marks();
        world.put(&[Arc::clone(copy)]).await;
        world.drained().await;
    }
    let record = world.reaches(first.key, EventState::Done).await;
    assert_eq!(record.copies_seen, 2);
    let reused = EventKey::of_reused(&other.source, &other.id, &other.fingerprint);
    assert_eq!(record.id_reused, [reused]);
    let letter = world.reaches(reused, EventState::Dead).await;
    assert_eq!(letter.death.expect("a death").reason, Reason::IdReused);
    assert_eq!(letter.event.data, other.data);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_is_halved_until_the_culprits_stand_alone() {
    let world = World::new();
    let events: Vec<_> = (0..100).map(|i| plain(&i.to_string())).collect();
    for bad in [3, 4, 77] {
        world.ledger.refuse(events[bad].key);
    }
    world.put(&events).await;
    let worker = world.start(simulated());
    for (i, event) in events.iter().enumerate() {
        if [3, 4, 77].contains(&i) {
            let dead = world.reaches(event.key, EventState::Dead).await;
            assert_eq!(dead.death.expect("a death").reason, Reason::Unstorable);
            assert_eq!(dead.event.data, Payload::Binary(event.data.bytes().to_vec().into()));
        } else {
            world.reaches(event.key, EventState::Done).await;
        }
    }
    world.drained().await;
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_is_kept_as_bytes_under_the_key_beside_it() {
    let world = World::new();
    let key = plain("1").key;
    world
        .queue
        .inner()
        .append_unreadable(Some(key), b"\xff\x00", "no type")
        .expect("taken");
    world
        .queue
        .inner()
        .append_unreadable(None, b"garbage", "no key")
        .expect("taken");
    let worker = world.start(simulated());
    let dead = world.reaches(key, EventState::Dead).await;
    assert_eq!(dead.event.data.bytes(), b"\xff\x00");
    assert_eq!(dead.death.expect("a death").reason, Reason::Unreadable);
    world.reaches(EventKey::of_entry(b"garbage"), EventState::Dead).await;
    world.drained().await;
    worker.stop().await;
}
