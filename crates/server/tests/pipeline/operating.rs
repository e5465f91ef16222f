//! What operators do through the API: pause, resume, retire.

use eventflow_core::{EventState, Pattern, Reason};
use eventflow_wire::ClientError;

use crate::rig::{Mode, Plan, Program, Stack, Tally, errand, event, eventually, failing, key, tests};

tests!([Embedded Postgres Pipeline]:
    a_paused_handler_waits_and_all_others_go_on
    a_pause_of_all_keeps_and_a_single_one_outlasts_its_end
    a_retired_handlers_rows_are_matched_anew
);

fn pattern(text: &str) -> Pattern {
    text.parse().expect("a pattern")
}

async fn a_paused_handler_waits_and_all_others_go_on(mode: Mode) {
    let stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.a,errand.b")
        .start()
        .await;
    let client = stack.client();
    let paused = client.pause(Some(pattern("errand.a"))).await.expect("paused");
    assert!(paused.paused);
    workers_know(&stack, "errand.a", true).await;
    for n in 0..20 {
        client
            .send(errand("errand.a", &format!("a-{n}"), None))
            .await
            .expect("accepted");
        client
            .send(errand("errand.b", &format!("b-{n}"), None))
            .await
            .expect("accepted");
        client
            .send(event("order.created", &format!("plain-{n}")))
            .await
            .expect("accepted");
    }
    eventually("all others are done", async || {
        let tally = stack.tally().await?;
        if tally.done == 40 && tally.unfinished == 20 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    let waits = stack.event("a-0", "there", |_| true).await;
    assert_eq!(waits.state, EventState::Due);
    assert!(
        client
            .resume(Some(pattern("errand.a")))
            .await
            .is_ok_and(|result| !result.paused)
    );
    assert_eq!(stack.settled(60).await, Tally::done(60));
    assert_eq!(stack.runs().len(), 40);
    let unknown = client.pause(Some(pattern("nobody.*"))).await.expect_err("refused");
    assert_eq!(unknown.problem().map(|problem| problem.status), Some(404));
    assert_eq!(
        actions(&stack).await,
        [("pause", "errand.a"), ("resume", "errand.a")].map(owned)
    );
}

fn owned((action, subject): (&str, &str)) -> (String, String) {
    (action.to_owned(), subject.to_owned())
}

async fn actions(stack: &Stack) -> Vec<(String, String)> {
    let audit = stack
        .client()
        .audit(&eventflow_wire::AuditQuery::default())
        .await
        .expect("a page");
    audit
        .entries
        .into_iter()
        .map(|entry| (entry.action, entry.subject))
        .collect()
}

/// Workers read the list on their own; a lease statement judges by the ledger's, an admission that starts by the worker's.
async fn workers_know(stack: &Stack, handler: &str, paused: bool) {
    eventually("the list says so", async || {
        let list = stack.client().handlers().await.map_err(|error| error.to_string())?;
        match list.handlers.iter().find(|entry| entry.pattern.as_str() == handler) {
            Some(entry) if entry.paused == paused => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn a_pause_of_all_keeps_and_a_single_one_outlasts_its_end(mode: Mode) {
    let stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.a,errand.b")
        .start()
        .await;
    let client = stack.client();
    client.pause(Some(pattern("errand.a"))).await.expect("paused");
    client.pause(None).await.expect("paused");
    assert!(client.handlers().await.expect("a list").paused);
    for id in ["a", "b"] {
        client
            .send(errand(&format!("errand.{id}"), id, None))
            .await
            .expect("accepted");
    }
    client.send(failing("sim", "transient:1")).await.expect("accepted");
    client.resume(None).await.expect("resumed");
    assert!(!client.handlers().await.expect("a list").paused);
    for id in ["b", "sim"] {
        stack.event(id, "done", |view| view.state == EventState::Done).await;
    }
    // What came before the one that waits was done after the pause: so this one waits, and is not only late.
    let waits = stack
        .event("a", "admitted", |view| view.state != EventState::Queued)
        .await;
    assert_eq!(waits.state, EventState::Due, "{waits:?}");
    assert!(waits.attempts.is_empty());
    client.resume(Some(pattern("errand.a"))).await.expect("resumed");
    assert_eq!(stack.settled(3).await, Tally::done(3));
}

async fn a_retired_handlers_rows_are_matched_anew(mode: Mode) {
    let mut stack = Plan::new(mode)
        .program(Program::Errands)
        .set("test_carries", "errand.a,other.a")
        .set("attempts", "1000")
        .start()
        .await;
    let gate = stack.path("gate");
    for n in 0..5 {
        for prefix in ["errand", "other"] {
            let waiting = errand(
                &format!("{prefix}.a"),
                &format!("{prefix}-{n}"),
                Some((&gate, "unavailable")),
            );
            stack.client().send(waiting).await.expect("accepted");
        }
    }
    stack
        .event("errand-0", "waiting", |view| view.state == EventState::Due)
        .await;
    let carried = stack.client().retire(pattern("errand.a")).await.expect_err("refused");
    assert!(
        matches!(&carried, ClientError::Problem(problem) if problem.status == 409),
        "{carried}"
    );

    // The next version carries something wider for the one, and nothing for the other.
    stack.set("test_carries", "errand.*");
    stack.restart().await;
    for handler in ["errand.a", "other.a"] {
        let retired = stack.client().retire(pattern(handler)).await.expect("retired");
        assert_eq!(retired.handler, pattern(handler));
    }
    for n in 0..5 {
        let dead = stack
            .event(&format!("other-{n}"), "dead", |view| view.state == EventState::Dead)
            .await;
        let death = dead.death.expect("a death");
        assert_eq!((death.reason, death.attempt), (Reason::NoHandler, 0));
    }
    Stack::open(&gate);
    let tally = stack.settled(10).await;
    assert_eq!((tally.done, tally.dead), (5, 5));
    let list = stack.client().handlers().await.expect("a list").handlers;
    let names: Vec<&str> = list.iter().map(|entry| entry.pattern.as_str()).collect();
    assert_eq!(names, ["efctl.sim.*", "errand.*"]);
    let again = stack.client().retire(pattern("errand.a")).await.expect_err("refused");
    assert_eq!(again.problem().map(|problem| problem.status), Some(404));
    assert_eq!(
        actions(&stack).await,
        [("retire", "errand.a"), ("retire", "other.a")].map(owned)
    );
    assert!(
        stack
            .client()
            .event(key("errand-0"))
            .await
            .expect("an answer")
            .is_some()
    );
}
