//! A worker in trouble: outages, lost replies, crashes, suspects, drains, pauses, and other workers beside it.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use eventflow_core::{
    Archive as _, AttemptResult, EventKey, EventState, Fault, Ledger as _, LetterAction, PauseOrder, Reason,
    RetryPolicy,
};
use eventflow_testkit::{Trouble, Verb, build, event};
use eventflow_worker::{HandlerOptions, Handlers, Outcome, WorkerError, handler_fn};
use world::{LEASE, Running, World, add, at_once, plain, sim, simulated};

/// Ends it as a kill -9 would: nothing is said to anybody.
fn kill(worker: &Running) {
    worker.task.abort();
}

async fn pause(world: &World, handler: Option<&str>, paused: bool) {
    let order = PauseOrder {
        handler: handler.map(build::pattern),
        paused,
        actor: "test".into(),
    };
    assert!(world.memory.pause(order).await.expect("the ledger in memory answers"));
}

const AWAY: Trouble = Trouble::Fails(Fault::Infrastructure);

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_ledger_counts_nothing_and_loses_nothing() {
    let world = World::new();
    let worker = world.start_with(simulated(), |settings| settings.retry = at_once(1));
    let before: Vec<_> = (0..20).map(|i| sim(&format!("b{i}"), "slow:5s")).collect();
    world.put(&before).await;
    world.reaches(before[19].key, EventState::Running).await;
    world.ledger.outage(Some(AWAY));
    let during: Vec<_> = (0..20).map(|i| sim(&format!("d{i}"), "slow:1s")).collect();
    world.put(&during).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(
        worker.status.stalled().is_empty(),
        "waiting for the ledger is not a stall"
    );
    assert_eq!(world.backlog().await, 20, "nothing is read that cannot be admitted");
    world.ledger.outage(None);
    for event in before.iter().chain(&during) {
        let record = world.reaches(event.key, EventState::Done).await;
        assert_eq!(record.attempts.len(), 1, "{:?}", record.attempts);
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lost_replies_cost_neither_crash_nor_copy_that_runs() {
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
    world.until("ready", || worker.status.is_ready()).await;
    for verb in [Verb::Admit, Verb::Lease, Verb::Record, Verb::Renew] {
        world.ledger.next(verb, Trouble::LosesReply);
        let event = event("order", &format!("{verb:?}"), "{}").shared();
        world.put(&[Arc::clone(&event)]).await;
        let record = world.reaches(event.key, EventState::Done).await;
        assert!(
            record.attempts.iter().all(|a| a.number == 1),
            "{verb:?}: {:?}",
            record.attempts
        );
    }
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_worker_held_is_taken_over_with_one_crash() {
    let world = World::new();
    let first = world.start(simulated());
    let held = sim("1", "slow:10s");
    world.put(&[Arc::clone(&held)]).await;
    world.reaches(held.key, EventState::Running).await;
    kill(&first);
    let second = world.start(simulated());
    let record = world.reaches(held.key, EventState::Done).await;
    assert_eq!(
        record.attempts.len(),
        2,
        "a crash and the success: {:?}",
        record.attempts
    );
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn entries_that_a_killed_worker_had_in_hand_are_taken_over() {
    let world = World::new();
    world.ledger.outage_of(Verb::Admit, Some(AWAY));
    let first = world.start(simulated());
    let events: Vec<_> = (0..50).map(|i| plain(&i.to_string())).collect();
    world.put(&events).await;
    world.until("it has read", || world.ledger.calls(Verb::Admit) > 0).await;
    kill(&first);
    world.ledger.outage_of(Verb::Admit, None);
    let second = world.start(simulated());
    for event in &events {
        world.reaches(event.key, EventState::Done).await;
    }
    world.drained().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_runs_alone_and_is_forgiven_by_an_outcome() {
    let world = World::new();
    let suspect = event("order", "suspect", "{}").shared();
    let company = Company::new(suspect.key);
    world.put(&[Arc::clone(&suspect)]).await;
    for crashes in 0..2 {
        company.hang.store(true, Ordering::SeqCst);
        let worker = world.start(company.handlers());
        let record = world.reaches(suspect.key, EventState::Running).await;
        let taken = async || {
            world
                .get(suspect.key)
                .await
                .and_then(|r| r.work)
                .is_some_and(|w| w.worker == Some(worker.id))
        };
        while !taken().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let record = world.get(suspect.key).await.unwrap_or(record);
        assert_eq!(record.work.expect("it runs").crashes, crashes);
        kill(&worker);
    }
    company.hang.store(false, Ordering::SeqCst);
    let others: Vec<_> = (0..200)
        .map(|i| event("order", &i.to_string(), "{}").shared())
        .collect();
    world.put(&others).await;
    let worker = world.start(company.handlers());
    let record = world.reaches(suspect.key, EventState::Done).await;
    assert_eq!(record.attempts.len(), 3, "two crashes and the success");
    assert_eq!(
        company.beside_suspect.load(Ordering::SeqCst),
        1,
        "nothing ran beside it"
    );
    for other in &others {
        world.reaches(other.key, EventState::Done).await;
    }
    assert!(company.most.load(Ordering::SeqCst) > 1, "the others ran in company");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_ends_its_process_again_and_again_is_dead_and_accuses_nobody() {
    let world = World::new();
    let poison = event("order", "poison", "{}").shared();
    let company = Company::new(poison.key);
    company.hang.store(true, Ordering::SeqCst);
    world.put(&[Arc::clone(&poison)]).await;
    for _ in 0..8 {
        let worker = world.start(company.handlers());
        let mine = async || match world.get(poison.key).await {
            Some(record) if record.state == EventState::Dead => true,
            Some(record) => record.work.is_some_and(|work| work.worker == Some(worker.id)),
            None => false,
        };
        while !mine().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kill(&worker);
    }
    let record = world.reaches(poison.key, EventState::Dead).await;
    let death = record.death.expect("a death");
    assert_eq!((death.reason, death.crashes, death.attempt), (Reason::Crashed, 7, 0));
}

/// A handler that counts how many it runs at once, and hangs on one event while told so.
struct Company {
    suspect: EventKey,
    hang: Arc<AtomicBool>,
    running: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    beside_suspect: Arc<AtomicU32>,
}

impl Company {
    fn new(suspect: EventKey) -> Self {
        Self {
            suspect,
            hang: Arc::default(),
            running: Arc::default(),
            most: Arc::default(),
            beside_suspect: Arc::default(),
        }
    }

    fn handlers(&self) -> Handlers {
        let (suspect, hang) = (self.suspect, Arc::clone(&self.hang));
        let (running, most, beside) = (
            Arc::clone(&self.running),
            Arc::clone(&self.most),
            Arc::clone(&self.beside_suspect),
        );
        let mut handlers = Handlers::new();
        let handler = handler_fn(move |event, _| {
            let (hang, running, most, beside) = (
                Arc::clone(&hang),
                Arc::clone(&running),
                Arc::clone(&most),
                Arc::clone(&beside),
            );
            async move {
                if event.key == suspect && hang.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                if event.key == suspect {
                    beside.store(running.load(Ordering::SeqCst), Ordering::SeqCst);
                }
                running.fetch_sub(1, Ordering::SeqCst);
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

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_it_can_and_hands_the_rest_back_with_nothing_counted() {
    let world = World::new();
    let worker = world.start_with(simulated(), |settings| settings.grace = Duration::from_secs(5));
    let (short, long) = (sim("short", "slow:2s"), sim("long", "slow:20s"));
    world.put(&[Arc::clone(&short), Arc::clone(&long)]).await;
    world.reaches(short.key, EventState::Running).await;
    world.reaches(long.key, EventState::Running).await;
    assert_eq!(worker.stop().await.left, 0);
    assert_eq!(world.state(short.key).await, Some(EventState::Done));
    let record = world.get(long.key).await.expect("kept");
    assert_eq!(record.state, EventState::Due);
    assert!(record.attempts.is_empty());
    let work = record.work.expect("due");
    assert_eq!((work.attempt, work.crashes), (0, 0));
    let next = world.start(simulated());
    world.reaches(long.key, EventState::Done).await;
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_handler_waits_alone_and_a_pause_of_all_stops_reading() {
    let world = World::new();
    let mut handlers = simulated();
    add(&mut handlers, "other", handler_fn(|_, _| async { Outcome::Done }));
    let worker = world.start(handlers);
    world.until("ready", || worker.status.is_ready()).await;
    pause(&world, Some("other"), true).await;
    let (paused, open) = (event("other", "paused", "{}").shared(), sim("open", "slow:1s"));
    world.put(&[Arc::clone(&paused), Arc::clone(&open)]).await;
    world.reaches(open.key, EventState::Done).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.state(paused.key).await, Some(EventState::Due));
    pause(&world, None, true).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.put(&[plain("1")]).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.backlog().await, 1);
    assert!(worker.status.stalled().is_empty(), "a pause is not a stall");
    pause(&world, None, false).await;
    world.reaches(plain("1").key, EventState::Done).await;
    assert_eq!(world.state(paused.key).await, Some(EventState::Due));
    pause(&world, Some("other"), false).await;
    world.reaches(paused.key, EventState::Done).await;
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_brings_a_handler_is_heeded_by_those_that_lack_it() {
    let world = World::new();
    let old = world.start(simulated());
    world.until("ready", || old.status.is_ready()).await;
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
    let new = world.start(handlers);
    world.until("ready", || new.status.is_ready()).await;
    let events: Vec<_> = (0..500)
        .map(|i| event("order", &i.to_string(), "{}").shared())
        .collect();
    world.put(&events).await;
    for event in &events {
        world.reaches(event.key, EventState::Done).await;
    }
    assert_eq!(runs.load(Ordering::Relaxed), 500);
    old.stop().await;
    new.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_tie_with_the_ledgers_list_refuses_the_start() {
    let world = World::new();
    let mut handlers = Handlers::new();
    add(&mut handlers, "a.*", handler_fn(|_, _| async { Outcome::Done }));
    let first = world.start(handlers);
    world.until("ready", || first.status.is_ready()).await;
    let mut handlers = Handlers::new();
    add(&mut handlers, "*.b", handler_fn(|_, _| async { Outcome::Done }));
    let second = world.start(handlers);
    let ended = second.task.await.expect("no panic");
    assert!(matches!(ended, Err(WorkerError::Tie(..))), "{ended:?}");
    first.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_the_ledger_forgot_joins_again() {
    let world = World::new();
    let worker = world.start(simulated());
    world.until("ready", || worker.status.is_ready()).await;
    world.memory.leave(worker.id).await.expect("left");
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !world
        .memory
        .workers(LEASE)
        .await
        .expect("answers")
        .iter()
        .any(|w| w.worker == worker.id)
    {
        assert!(tokio::time::Instant::now() < deadline, "it never joined again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_requeued_letter_runs_once_however_often_it_is_requeued() {
    let world = World::new();
    let fails = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&fails);
    let mut handlers = Handlers::new();
    add(
        &mut handlers,
        "order",
        handler_fn(move |_, _| {
            let fails = switch.load(Ordering::SeqCst);
            async move { if fails { Outcome::dead("broken") } else { Outcome::Done } }
        }),
    );
    let worker = world.start(handlers);
    let order = event("order", "1", "{}").shared();
    world.put(&[Arc::clone(&order)]).await;
    world.reaches(order.key, EventState::Dead).await;
    fails.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        let requeue = build::letter_order(LetterAction::Requeue, &[order.key]);
        world.memory.change_letters(requeue).await.expect("answers");
    }
    let record = world.reaches(order.key, EventState::Done).await;
    assert_eq!(record.attempts.len(), 2);
    worker.stop().await;
}

/// A world in which one call of twenty fails, before it or by a lost reply, while workers come and go: everything still
/// ends once, where it belongs.
async fn a_bad_day(seed: u64) {
    let world = World::new();
    let mut random = fastrand::Rng::with_seed(seed);
    world.ledger.chance(seed, 5);
    world.queue.chance(seed ^ 1, 5);
    let mut handlers = simulated;
    let mut workers = vec![start(&world, &mut handlers), start(&world, &mut handlers)];
    let kinds = [
        "transient:1",
        "permanent",
        "slow:300ms",
        "unavailable:3s",
        "transient:2",
        "slow:1s",
    ];
    let events: Vec<_> = (0..300)
        .map(|i| match i % 3 {
            0 => plain(&i.to_string()),
            _ => sim(&i.to_string(), kinds[random.usize(..kinds.len())]),
        })
        .collect();
    for chunk in events.chunks(30) {
        world.put(chunk).await;
        world.put(&chunk[..5]).await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..4_000))).await;
        let victim = random.usize(..workers.len());
        if random.bool() {
            kill(&workers.swap_remove(victim));
            workers.push(start(&world, &mut handlers));
        }
    }
    world.ledger.mend();
    world.queue.mend();
    for event in &events {
        let permanent = event.data.bytes().windows(9).any(|w| w == b"permanent");
        let end = if permanent { EventState::Dead } else { EventState::Done };
        let record = world.reaches(event.key, end).await;
        let done = record
            .attempts
            .iter()
            .filter(|a| a.result == AttemptResult::Done)
            .count();
        assert!(
            done <= 1,
            "seed {seed}: recorded done {done} times: {:?}",
            record.attempts
        );
        if let Some(death) = record.death {
            assert_eq!(death.reason, Reason::Permanent, "seed {seed}");
        }
    }
    for worker in workers {
        worker.stop().await;
    }
}

fn start(world: &World, handlers: &mut impl FnMut() -> Handlers) -> Running {
    world.start_with(handlers(), |settings| {
        settings.retry = RetryPolicy {
            attempts: 20,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(1),
        };
    })
}

#[tokio::test(start_paused = true)]
async fn bad_days_lose_nothing_and_store_nothing_twice() {
    for seed in 1..=8 {
        a_bad_day(seed).await;
    }
}
