//! Several APIs and several workers at once.

use eventflow_wire::NewEvent;

use crate::rig::{Mode, Plan, Tally, event, failing, tests};

tests!([Postgres Pipeline]: the_same_events_at_two_doors_are_one_row_and_one_run_each);

async fn the_same_events_at_two_doors_are_one_row_and_one_run_each(mode: Mode) {
    const EVENTS: u64 = 1_000;
    const DOORS: u64 = 4;
    let stack = Plan::new(mode).apis(2).workers(3).start().await;
    // Each sender sends the same events, in an order of its own.
    let senders = (0..DOORS).map(|sender| {
        let client = stack.apis[usize::try_from(sender).expect("small") % 2].client().clone();
        async move {
            let mut answers = [0; 3];
            for batch in 0..EVENTS / 50 {
                let batch = if sender < 2 { batch } else { EVENTS / 50 - 1 - batch };
                let events: Vec<NewEvent> = (batch * 50..batch * 50 + 50).map(made).collect();
                let result = client.send_batch(events, false).await.expect("an answer");
                answers[0] += result.accepted;
                answers[1] += result.duplicates;
                answers[2] += result.rejected;
            }
            answers
        }
    });
    let answers = futures_util::future::join_all(senders).await;
    let sum = |index: usize| answers.iter().map(|answer| answer[index]).sum::<u64>();
    assert_eq!(sum(2), 0);
    assert_eq!(sum(0) + sum(1), EVENTS * DOORS);
    assert_eq!(stack.settled(EVENTS).await, Tally::done(EVENTS));
    stack.each_was_run_once();
    assert_eq!(stack.history(), (EVENTS / 4, 0));
    let copies = stack.database().number("SELECT sum(copies_seen) FROM events");
    assert!(
        copies + sum(1) >= EVENTS * (DOORS - 1),
        "duplicates {}, copies seen {copies}",
        sum(1)
    );
    // Everybody works, and all see the same.
    let mut known = Vec::new();
    for api in &stack.apis {
        let workers = api.client().workers().await.expect("an answer").workers;
        known.push(workers.iter().filter(|worker| worker.living).count());
    }
    assert_eq!(known, [3, 3]);
    assert_eq!(
        stack.database().number("SELECT count(DISTINCT worker) FROM attempts"),
        3
    );
}

fn made(n: u64) -> NewEvent {
    let id = format!("event-{n}");
    match n % 4 {
        0 => failing(&id, "transient:1"),
        1 => failing(&id, "slow:20ms"),
        _ => event("order.created", &id),
    }
}
