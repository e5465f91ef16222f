//! Handlers that fail, and what becomes of their events.

use std::os::unix::process::ExitStatusExt as _;

use eventflow_core::{AttemptResult, EventState, LetterAction, Reason, Refusal};
use eventflow_wire::{EventView, LetterQuery};
use uuid::Uuid;

use crate::rig::{Mode, Plan, Program, Stack, Tally, errand, event, eventually, failing, key, keys, tests};

tests!([Embedded Postgres Pipeline]:
    what_fails_twice_is_done_at_the_third_attempt
    dead_letters_have_their_history_and_a_requeue_runs_once
    attempts_are_spent_and_go_on_after_a_requeue
    what_is_unavailable_holds_up_its_own_handler_and_counts_nothing
);
/// The signal of a process that aborts itself.
const ABORTED: i32 = 6;

tests!([Postgres Pipeline]: an_event_that_ends_processes_dies_and_accuses_nobody_else);

fn results(view: &EventView) -> Vec<(u32, AttemptResult)> {
    view.attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.result))
        .collect()
}

async fn what_fails_twice_is_done_at_the_third_attempt(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    stack
        .client()
        .send(failing("a", "transient:2"))
        .await
        .expect("accepted");
    let done = stack.event("a", "done", |view| view.state == EventState::Done).await;
    assert_eq!(
        results(&done),
        [
            (1, AttemptResult::Failed),
            (2, AttemptResult::Failed),
            (3, AttemptResult::Done)
        ]
    );
    for attempt in &done.attempts {
        assert_eq!(attempt.worker, stack.runner().worker());
        assert!(attempt.duration_ms.is_some());
        assert_eq!(
            attempt.error.is_some(),
            attempt.result == AttemptResult::Failed,
            "{attempt:?}"
        );
    }
    assert!(done.death.is_none() && done.work.is_none());
}

async fn dead_letters_have_their_history_and_a_requeue_runs_once(mode: Mode) {
    let stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.*")
        .start()
        .await;
    let gate = stack.path("gate");
    stack
        .client()
        .send(errand("errand.a", "a", Some((&gate, "dead"))))
        .await
        .expect("accepted");
    stack.client().send(failing("b", "permanent")).await.expect("accepted");
    for (id, message) in [("a", "the gate is shut"), ("b", "simulated: it can never succeed")] {
        let dead = stack.event(id, "dead", |view| view.state == EventState::Dead).await;
        assert_eq!(results(&dead), [(1, AttemptResult::Failed)]);
        assert_eq!(dead.attempts[0].error.as_deref(), Some(message));
        let death = dead.death.expect("a death");
        assert_eq!((death.reason, death.message.as_str()), (Reason::Permanent, message));
        assert_eq!((death.attempt, death.crashes, death.requeues), (1, 0, 0));
        assert!(dead.data.is_some(), "a dead letter keeps its payload");
    }
    let listed = stack
        .client()
        .letters(&LetterQuery::default())
        .await
        .expect("a page")
        .letters;
    assert_eq!(listed.len(), 2);

    // With the cause still there it dies again, and that is said.
    requeue(&stack, "a", None).await;
    let again = stack
        .event("a", "dead again", |view| {
            view.death.as_ref().is_some_and(|death| death.requeues == 1)
        })
        .await;
    assert_eq!(again.death.expect("a death").attempt, 2);

    Stack::open(&gate);
    let client = stack.client();
    let orders = (0..3).map(|_| client.change_letters(LetterAction::Requeue, keys(["a"]), None));
    let jobs = futures_util::future::try_join_all(orders).await.expect("jobs");
    assert_eq!(jobs.iter().map(|job| job.applied).sum::<u64>(), 1, "{jobs:?}");
    let refused: Vec<_> = jobs
        .iter()
        .flat_map(|job| &job.refused)
        .map(|letter| letter.why)
        .collect();
    assert_eq!(refused, [Refusal::NotDead, Refusal::NotDead]);
    let done = stack.event("a", "done", |view| view.state == EventState::Done).await;
    assert_eq!(
        results(&done),
        [
            (1, AttemptResult::Failed),
            (2, AttemptResult::Failed),
            (3, AttemptResult::Done)
        ]
    );
    let of_a: Vec<_> = stack
        .runs()
        .into_iter()
        .filter(|run| run.0 == key("a").to_string())
        .collect();
    let outcomes: Vec<_> = of_a.iter().map(|run| (run.1, run.3.as_str())).collect();
    assert_eq!(
        outcomes,
        [(1, "dead"), (2, "dead"), (3, "done")],
        "what the handler itself saw"
    );
    let tally = stack.settled(2).await;
    assert_eq!((tally.done, tally.dead), (1, 1));
}

/// Requeues one letter, and says whether it was applied.
async fn requeue(stack: &Stack, id: &str, job: Option<Uuid>) -> u64 {
    let done = stack
        .client()
        .change_letters(LetterAction::Requeue, keys([id]), job)
        .await;
    done.expect("a job").applied
}

async fn attempts_are_spent_and_go_on_after_a_requeue(mode: Mode) {
    let stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.*")
        .set("attempts", "3")
        .start()
        .await;
    let gate = stack.path("gate");
    stack
        .client()
        .send(errand("errand.a", "a", Some((&gate, "retry"))))
        .await
        .expect("accepted");
    let dead = stack.event("a", "dead", |view| view.state == EventState::Dead).await;
    assert_eq!(results(&dead), [1, 2, 3].map(|number| (number, AttemptResult::Failed)));
    let death = dead.death.expect("a death");
    assert_eq!((death.reason, death.attempt), (Reason::AttemptsSpent, 3));
    assert!(
        dead.attempts
            .iter()
            .all(|attempt| attempt.error.as_deref() == Some("the gate is shut"))
    );

    Stack::open(&gate);
    // The same job again changes nothing, and shows what was done.
    let job = Some(Uuid::now_v7());
    for _ in 0..3 {
        assert_eq!(requeue(&stack, "a", job).await, 1);
    }
    let done = stack.event("a", "done", |view| view.state == EventState::Done).await;
    assert_eq!(results(&done).last(), Some(&(4, AttemptResult::Done)));
    assert_eq!(stack.runs().len(), 4, "{:?}", stack.runs());
    assert_eq!(requeue(&stack, "a", None).await, 0, "it is not dead any more");
    let audit = stack
        .client()
        .audit(&eventflow_wire::AuditQuery::default())
        .await
        .expect("a page")
        .entries;
    let changes: Vec<_> = audit.iter().map(|entry| (entry.action.as_str(), entry.job)).collect();
    assert_eq!(changes, [("requeue", job)]);
    assert_eq!(stack.settled(1).await, Tally::done(1));
}

async fn what_is_unavailable_holds_up_its_own_handler_and_counts_nothing(mode: Mode) {
    let stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.away,errand.here")
        .start()
        .await;
    let gate = stack.path("gate");
    let client = stack.client();
    for id in ["a", "b", "c"] {
        client
            .send(errand("errand.away", id, Some((&gate, "unavailable"))))
            .await
            .expect("accepted");
    }
    eventually("its breaker is open", async || {
        let workers = client.workers().await.map_err(|error| error.to_string())?.workers;
        let beat = workers
            .first()
            .and_then(|worker| worker.beat.as_ref())
            .ok_or("no beat")?;
        let beat: eventflow_core::Beat = serde_json::from_str(beat.get()).expect("a beat");
        let away = beat
            .handlers
            .iter()
            .find(|handler| handler.pattern.as_str() == "errand.away");
        match away {
            Some(handler) if handler.breaker_open && beat.unavailable > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    // All others go on.
    for n in 0..50 {
        client
            .send(errand("errand.here", &format!("here-{n}"), None))
            .await
            .expect("accepted");
        client
            .send(event("order.created", &format!("plain-{n}")))
            .await
            .expect("accepted");
    }
    client.send(failing("sim", "unavailable:1s")).await.expect("accepted");
    eventually("all others are done", async || {
        let tally = stack.tally().await?;
        if tally.done == 101 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    for id in ["a", "b", "c"] {
        let waits = stack.event(id, "there", |_| true).await;
        let work = waits.work.as_ref().expect("unfinished");
        assert_eq!(
            (work.attempt, work.crashes, waits.attempts.len()),
            (0, 0, 0),
            "{waits:?}"
        );
    }
    Stack::open(&gate);
    assert_eq!(stack.settled(104).await, Tally::done(104));
    for id in ["a", "b", "c", "sim"] {
        let done = stack.event(id, "done", |view| view.state == EventState::Done).await;
        assert_eq!(results(&done), [(1, AttemptResult::Done)]);
    }
}

async fn an_event_that_ends_processes_dies_and_accuses_nobody_else(mode: Mode) {
    let mut stack = Plan::new(mode).workers(1).set("lease", "1s").start().await;
    let mates: Vec<_> = (0..20).map(|n| failing(&format!("mate-{n}"), "slow:100ms")).collect();
    stack.client().send_batch(mates, false).await.expect("an answer");
    stack.client().send(failing("poison", "crash")).await.expect("accepted");
    // Somebody starts the worker again each time, as a supervisor does.
    let mut deaths = 0;
    let dead = loop {
        let ended = eventually("the worker ended, or the event died", async || {
            let view = stack
                .client()
                .event(key("poison"))
                .await
                .map_err(|error| error.to_string())?;
            match view {
                Some(view) if view.state == EventState::Dead => Ok(Some(view)),
                _ if !stack.workers[0].process.is_running() => Ok(None),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        if let Some(dead) = ended {
            break dead;
        }
        deaths += 1;
        let status = stack.workers[0].process.status().expect("it ended");
        assert_eq!(status.signal(), Some(ABORTED), "{status}");
        assert!(deaths <= 8, "it has ended {deaths} processes");
        let worker = stack.workers.remove(0).restart().await;
        stack.workers.push(worker);
    };
    let death = dead.death.expect("a death");
    assert_eq!((death.reason, death.attempt, death.crashes), (Reason::Crashed, 0, 7));
    assert_eq!(deaths, 7, "{:?}", dead.attempts);
    let tally = stack.settled(21).await;
    assert_eq!((tally.done, tally.dead), (20, 1));
    stack.each_was_run_once();
}
