//! Answers that come late, calls that hang, handlers that break the rules: what must not follow from them.

mod world;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use eventflow_core::{Archive as _, Beat, Event, EventState, Fault, Queue as _};
use eventflow_testkit::{Faulty, MemoryLedger, Side, Slow, Trouble, Verb, event};
use eventflow_worker::{Context, Handler, HandlerOptions, Handlers, Outcome, handler_fn};
use world::{LEASE, Running, World, add, at_once, plain, sim, simulated};

const AWAY: Trouble = Trouble::Fails(Fault::Infrastructure);

/// The world's ledger behind a gate that holds calls.
fn slow(world: &World) -> Arc<Slow<Faulty<MemoryLedger>>> {
    Arc::new(Slow::new(Arc::clone(&world.ledger)))
}

/// A handler of `order` that counts its runs, takes a second for each, and never ends one while told so.
#[derive(Clone, Default)]
struct Counted {
    runs: Arc<AtomicU32>,
    hang: Arc<AtomicBool>,
}

impl Counted {
    fn handlers(&self) -> Handlers {
        let counted = self.clone();
        let mut handlers = Handlers::new();
        let handler = handler_fn(move |_, _| {
            counted.runs.fetch_add(1, Ordering::SeqCst);
            let hang = counted.hang.load(Ordering::SeqCst);
            async move {
                if hang {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                Outcome::Done
            }
        });
        let options = HandlerOptions {
            timeout: Some(Duration::from_hours(10)),
            ..HandlerOptions::default()
        };
        handlers.add("order", handler, options).expect("a good pattern");
        handlers
    }
}

fn order(id: &str) -> Arc<Event> {
    event("order", id, "{}").shared()
}

/// Lets the event end the process of two workers.
async fn make_suspect(world: &World, counted: &Counted, suspect: &Arc<Event>) {
    counted.hang.store(true, Ordering::SeqCst);
    world.put(&[Arc::clone(suspect)]).await;
    for runs in 1..=2 {
        let worker = world.start(counted.handlers());
        world
            .until("it runs", || counted.runs.load(Ordering::SeqCst) == runs)
            .await;
        worker.task.abort();
    }
    counted.hang.store(false, Ordering::SeqCst);
}

async fn beat(world: &World, worker: &Running) -> Beat {
    let workers = world.memory.workers(LEASE).await.expect("answers");
    let text = workers
        .into_iter()
        .find(|entry| entry.worker == worker.id)
        .and_then(|entry| entry.beat);
    text.map_or_else(Beat::default, |text| serde_json::from_str(&text).expect("a beat"))
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_a_lease_overtakes_does_not_hand_it_back() {
    let world = World::new();
    let ledger = slow(&world);
    let counted = Counted::default();
    let worker = world.start_on(Arc::clone(&ledger) as _, counted.handlers(), |_| {});
    world.until("ready", || worker.status.is_ready()).await;
    ledger.hold(Verb::Renew, Side::Before);
    ledger.until_held(Verb::Renew, 1).await;
    world.put(&[order("1")]).await;
    world.reaches(order("1").key, EventState::Running).await;
    ledger.release(Verb::Renew);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.state(order("1").key).await, Some(EventState::Running));
    world.reaches(order("1").key, EventState::Done).await;
    assert_eq!(counted.runs.load(Ordering::SeqCst), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_was_only_reserved_does_not_keep_a_suspect_waiting() {
    let world = World::new();
    let counted = Counted::default();
    let first = world.start(counted.handlers());
    world.put(&[order("copy")]).await;
    world.reaches(order("copy").key, EventState::Done).await;
    first.stop().await;
    counted.runs.store(0, Ordering::SeqCst);
    let suspect = order("suspect");
    make_suspect(&world, &counted, &suspect).await;
    let ledger = slow(&world);
    let worker = world.start_on(Arc::clone(&ledger) as _, counted.handlers(), |_| {});
    world.until("ready", || worker.status.is_ready()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ledger.hold(Verb::Admit, Side::After);
    world.queue.inner().expire_marks();
    world.put(&[order("copy")]).await;
    ledger.until_held(Verb::Admit, 1).await;
    tokio::time::sleep(LEASE * 2).await;
    ledger.release(Verb::Admit);
    world.reaches(suspect.key, EventState::Done).await;
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_cannot_be_leased_is_not_asked_for_without_pause() {
    let world = World::new();
    let counted = Counted::default();
    let suspect = order("suspect");
    make_suspect(&world, &counted, &suspect).await;
    world
        .ledger
        .outage_of(Verb::LeaseSuspect, Some(Trouble::Fails(Fault::Unknown)));
    let worker = world.start(counted.handlers());
    tokio::time::sleep(Duration::from_mins(1)).await;
    let asked = world.ledger.calls(Verb::LeaseSuspect);
    assert!((1..=60).contains(&asked), "{asked}");
    world.ledger.outage_of(Verb::LeaseSuspect, None);
    world.reaches(suspect.key, EventState::Done).await;
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_only_refuses_admissions_makes_no_dead_letters() {
    let world = World::new();
    world.ledger.outage_of(Verb::Admit, Some(AWAY));
    let worker = world.start(simulated());
    let events: Vec<_> = (0..20).map(|i| plain(&i.to_string())).collect();
    for event in &events {
        world.put(&[Arc::clone(event)]).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.ledger.outage_of(Verb::Admit, None);
    for event in &events {
        world.reaches(event.key, EventState::Done).await;
    }
    world.drained().await;
    assert_eq!(world.memory.letter_counts().await.expect("answers"), (0, 0));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_no_stall_and_is_given_up() {
    for verb in [Verb::Lease, Verb::Admit, Verb::Record, Verb::Renew, Verb::Registry] {
        let world = World::new();
        let ledger = slow(&world);
        let counted = Counted::default();
        let worker = world.start_on(Arc::clone(&ledger) as _, counted.handlers(), |_| {});
        world.until("ready", || worker.status.is_ready()).await;
        ledger.hold(verb, Side::Before);
        world.put(&[order("1")]).await;
        for _ in 0..300 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(
                worker.status.stalled().is_empty(),
                "{verb:?}: {:?}",
                worker.status.stalled()
            );
        }
        ledger.release(verb);
        world.reaches(order("1").key, EventState::Done).await;
        worker.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn housekeeping_that_fails_holds_up_nobody() {
    let world = World::new();
    world.ledger.outage_of(Verb::Count, Some(AWAY));
    world.ledger.outage_of(Verb::Rematch, Some(AWAY));
    let worker = world.start(simulated());
    world.until("ready", || worker.status.is_ready()).await;
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let beat = beat(&world, &worker).await;
        assert!(beat.store_up || beat.sequence == 0);
    }
    assert!(world.ledger.calls(Verb::Count) > 5);
    worker.stop().await;
}

/// Panics where no future exists yet, or as its future is dropped.
struct Rude {
    at_once: bool,
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped too early");
    }
}

impl Handler for Rude {
    fn handle<'a, 'b, 'c, 'd>(
        &'a self,
        _: &'b Event,
        _: &'c Context,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'd>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        assert!(!self.at_once, "no future");
        Box::pin(async {
            let _rude = PanicsWhenDropped;
            std::future::pending().await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_outside_a_poll_is_a_failed_attempt_too() {
    let world = World::new();
    let mut handlers = Handlers::new();
    add(&mut handlers, "no.future", Rude { at_once: true });
    add(&mut handlers, "bad.drop", Rude { at_once: false });
    let worker = world.start_with(handlers, |settings| settings.retry = at_once(2));
    for kind in ["no.future", "bad.drop"] {
        let event = event(kind, "1", "{}").shared();
        world.put(&[Arc::clone(&event)]).await;
        let record = world.reaches(event.key, EventState::Dead).await;
        assert_eq!(record.attempts.len(), 2, "{kind}");
        let message = record.death.expect("a death").message;
        assert!(message.starts_with("panicked"), "{message}");
    }
    assert_eq!(worker.stop().await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_end_ends() {
    let world = World::new();
    let mut handlers = Handlers::new();
    for (pattern, outcome) in [
        ("away", Outcome::unavailable("away")),
        ("again", Outcome::retry("again")),
    ] {
        let outcome = outcome.not_before(Duration::MAX);
        add(
            &mut handlers,
            pattern,
            handler_fn(move |_, _| std::future::ready(outcome.clone())),
        );
    }
    let worker = world.start(handlers);
    for pattern in ["away", "again"] {
        let event = event(pattern, "1", "{}").shared();
        world.put(&[Arc::clone(&event)]).await;
        world.reaches(event.key, EventState::Due).await;
        let work = world.get(event.key).await.and_then(|record| record.work).expect("due");
        let wait = work.due_at.since(event.received_at);
        assert!(wait < Duration::from_hours(24 * 400), "{pattern}: {wait:?}");
    }
    assert_eq!(worker.stop().await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_does_not_show_that_a_dependency_is_back() {
    let world = World::new();
    let mut handlers = Handlers::new();
    let handler = handler_fn(|event: Event, _| async move {
        if event.id == "quick" {
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Outcome::unavailable("away").not_before(Duration::from_hours(1));
        }
        std::future::pending().await
    });
    let options = HandlerOptions {
        timeout: Some(Duration::from_secs(5)),
        ..HandlerOptions::default()
    };
    handlers.add("order", handler, options).expect("a good pattern");
    let worker = world.start(handlers);
    world.put(&[order("quick"), order("hangs")]).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(beat(&world, &worker).await.handlers[0].breaker_open);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_of_a_handler_whose_dependency_is_away_waits_and_drains_nobody() {
    let world = World::new();
    let counted = Counted::default();
    let suspect = order("suspect");
    make_suspect(&world, &counted, &suspect).await;
    let mut handlers = simulated();
    let handler = handler_fn(|_, _| async { Outcome::unavailable("away").not_before(Duration::from_hours(1)) });
    add(&mut handlers, "order", handler);
    let worker = world.start(handlers);
    world.put(&[order("other")]).await;
    tokio::time::sleep(LEASE * 4).await;
    let asked = world.ledger.calls(Verb::LeaseSuspect);
    let events: Vec<_> = (0..100).map(|i| sim(&i.to_string(), "slow:100ms")).collect();
    world.put(&events).await;
    for event in &events {
        world.reaches(event.key, EventState::Done).await;
    }
    assert_eq!(world.ledger.calls(Verb::LeaseSuspect), asked);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_few_are_admitted_is_one_read_and_one_statement() {
    let world = World::new();
    let ledger = slow(&world);
    ledger.hold(Verb::Admit, Side::Before);
    let worker = world.start_on(Arc::clone(&ledger) as _, Handlers::new(), |_| {});
    world.put(&[plain("first")]).await;
    ledger.until_held(Verb::Admit, 1).await;
    for id in ["a", "b", "c", "d"] {
        world.put(&[plain(id)]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let depth = world.queue.inner().depth().await.expect("the queue in memory answers");
    assert_eq!((depth[0].entries, depth[0].pending), (5, 1));
    ledger.release(Verb::Admit);
    world.drained().await;
    assert_eq!(world.ledger.calls(Verb::Admit), 2);
    worker.stop().await;
}
