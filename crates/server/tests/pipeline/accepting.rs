//! From one POST to a stored row.

use eventflow_core::{AttemptResult, EventState};
use eventflow_wire::{Acceptance, EventQuery, ItemStatus, NewEvent};

use crate::rig::{Mode, Plan, Tally, event, eventually, failing, key, tests};

tests!([Embedded Postgres Pipeline]:
    an_event_is_stored_and_found
    the_correlation_id_goes_all_the_way
    the_same_again_is_one_row
    a_batch_is_stored_without_its_bad_events
    handlers_of_a_users_own_binary_run
);

async fn an_event_is_stored_and_found(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    let accepted = stack
        .client()
        .send(event("order.created", "a"))
        .await
        .expect("accepted");
    assert_eq!(accepted.status, Acceptance::Accepted);
    assert_eq!((accepted.key, accepted.source.as_str()), (key("a"), "/"));
    // Known from the moment it is acknowledged, wherever it stands.
    let known = stack.client().event(key("a")).await.expect("an answer").expect("known");
    assert!(
        matches!(known.state, EventState::Queued | EventState::Done),
        "{known:?}"
    );
    let stored = stack.event("a", "done", |view| view.state == EventState::Done).await;
    assert_eq!(stored.event_type, "order.created");
    assert_eq!(stored.data.expect("data").get(), r#"{"of":"a"}"#);
    assert!(stored.attempts.is_empty(), "nothing handles it");
    assert!(stored.admitted_at.is_some());

    let by_id = EventQuery {
        id: Some("a".to_owned()),
        source: Some("/".to_owned()),
        ..EventQuery::default()
    };
    let found = stack.client().events(&by_id).await.expect("a page").events;
    assert_eq!(found.iter().map(|line| line.key).collect::<Vec<_>>(), [key("a")]);
    assert_eq!(
        stack
            .client()
            .event(key("nobody"))
            .await
            .expect("an answer")
            .map(|view| view.key),
        None
    );

    stack
        .client()
        .send(event("efctl.sim.order", "handled"))
        .await
        .expect("accepted");
    let handled = stack
        .event("handled", "done", |view| view.state == EventState::Done)
        .await;
    let [attempt] = handled.attempts.as_slice() else {
        panic!("one attempt: {handled:?}")
    };
    assert_eq!((attempt.number, attempt.result), (1, AttemptResult::Done));
    assert_eq!(attempt.worker, stack.runner().worker());
    assert_eq!(stack.settled(2).await, Tally::done(2));
}

async fn the_correlation_id_goes_all_the_way(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    let http = crate::inputs::http();
    let answer = http
        .post(stack.apis[0].url("/events"))
        .header("content-type", "application/json")
        .header("x-correlation-id", "from-the-header")
        .body(r#"{"type":"efctl.sim.order","id":"a","data":{"fail":"transient:1"}}"#)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["x-correlation-id"], "from-the-header");
    let stored = stack.event("a", "done", |view| view.state == EventState::Done).await;
    assert_eq!(stored.correlation_id, "from-the-header");
    let body = NewEvent {
        correlation_id: Some("from-the-body".to_owned()),
        ..event("order.created", "b")
    };
    assert_eq!(
        stack.client().send(body).await.expect("accepted").correlation_id,
        "from-the-body"
    );
    let stored = stack.event("b", "done", |view| view.state == EventState::Done).await;
    assert_eq!(stored.correlation_id, "from-the-body");
    // Whoever looks into the log for it finds the failed attempt.
    let line = stack
        .runner()
        .process
        .wait_for("logged the failed attempt", crate::rig::PATIENCE, |line| {
            line.text.contains("from-the-header")
        });
    line.unwrap_or_else(|error| panic!("{error}"));
}

async fn the_same_again_is_one_row(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    let send = async |event| stack.client().send(event).await.expect("an answer").status;
    assert_eq!(send(event("order.created", "a")).await, Acceptance::Accepted);
    assert_eq!(send(event("order.created", "a")).await, Acceptance::Duplicate);
    stack.settled(1).await;
    assert_eq!(send(event("order.created", "a")).await, Acceptance::Duplicate);
    let other = stack
        .client()
        .send(event("order.changed", "a"))
        .await
        .expect_err("refused");
    assert_eq!(
        other.problem().map(|problem| (problem.status, problem.slug())),
        Some((422, "id-reused"))
    );
    // The same id of another source is another event.
    let elsewhere = NewEvent {
        source: Some("elsewhere".to_owned()),
        ..event("order.created", "a")
    };
    assert_eq!(send(elsewhere).await, Acceptance::Accepted);
    assert_eq!(stack.settled(2).await, Tally::done(2));
}

async fn a_batch_is_stored_without_its_bad_events(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    let mut events: Vec<NewEvent> = (0..50).map(|n| event("order.created", &format!("plain-{n}"))).collect();
    events.extend((0..50).map(|n| failing(&format!("handled-{n}"), "transient:1")));
    events[10] = event("", "no-type");
    events[60] = event("order.created", "no\nid");
    events[70] = event("order.created", "plain-0");
    let batch = stack.client().send_batch(events, false).await.expect("an answer");
    assert_eq!((batch.accepted, batch.duplicates, batch.rejected), (97, 1, 2));
    for (index, status) in [
        (0, ItemStatus::Accepted),
        (10, ItemStatus::Rejected),
        (60, ItemStatus::Rejected),
        (70, ItemStatus::Duplicate),
        (99, ItemStatus::Accepted),
    ] {
        assert_eq!(batch.results[index].status, status, "{index}");
    }
    assert_eq!(stack.settled(97).await, Tally::done(97));
    let handled = stack.event("handled-30", "there", |_| true).await;
    assert_eq!(handled.attempts.len(), 2, "{handled:?}");
    // What the API lists is what stands in the database.
    let listed = eventually("listed", async || stack.states().await).await;
    assert_eq!(listed.len(), 97);
    if let Some(database) = &stack.database {
        let mut in_sql = database.column("SELECT id FROM event_states WHERE state = 'done'");
        in_sql.sort_unstable();
        assert_eq!(listed.into_keys().collect::<Vec<_>>(), in_sql);
    }
}

async fn handlers_of_a_users_own_binary_run(mode: Mode) {
    let stack = Plan::new(mode).program(crate::rig::Program::Orders).start().await;
    for n in 0..20 {
        let order = NewEvent {
            data: Some(order(n)),
            ..event("order.created", &format!("order-{n}"))
        };
        stack.client().send(order).await.expect("accepted");
    }
    stack
        .client()
        .send(event("order.paid", "paid"))
        .await
        .expect("accepted");
    // The one order that costs less than nothing can never be charged.
    let tally = stack.settled(21).await;
    assert_eq!((tally.done, tally.dead), (20, 1));
    let bad = stack
        .client()
        .letter(key("order-0"))
        .await
        .expect("an answer")
        .expect("a dead letter");
    assert_eq!(bad.death.expect("a death").message, "an order's total is not negative");
}

fn order(n: i32) -> Box<serde_json::value::RawValue> {
    let text = format!(r#"{{"order_id":"o-{n}","total":{}}}"#, f64::from(n) - 0.5);
    serde_json::value::RawValue::from_string(text).expect("JSON")
}
