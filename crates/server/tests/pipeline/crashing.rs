//! kill -9.

use eventflow_wire::NewEvent;

use crate::rig::{Mode, Plan, Traffic, event, eventually, failing, tests};

tests!([Postgres Pipeline]: what_a_killed_worker_held_is_taken_over_without_help a_killed_api_loses_nothing_it_acknowledged);

async fn what_a_killed_worker_held_is_taken_over_without_help(mode: Mode) {
    const EVENTS: u64 = 2_000;
    let mut stack = Plan::new(mode).workers(2).start().await;
    for batch in 0..EVENTS / 100 {
        let events: Vec<NewEvent> = (0..100)
            .map(|n| match n % 2 {
                0 => event("order.created", &format!("{batch}-{n}")),
                _ => failing(&format!("{batch}-{n}"), "slow:150ms"),
            })
            .collect();
        assert_eq!(
            stack
                .client()
                .send_batch(events, false)
                .await
                .expect("an answer")
                .accepted,
            100
        );
    }
    // In the middle: it has runs in hand, some of the events are done, and some are not.
    let victim = stack.workers.remove(0);
    let id = victim.worker();
    let held = format!("SELECT count(*) FROM work WHERE worker = '{}'", id.0);
    let done = "SELECT count(*) FROM attempts WHERE result = 'done'";
    eventually("in the middle", async || {
        let database = stack.database();
        let (held, done) = (database.number(&held), database.number(done));
        if held > 0 && done > 100 {
            return Ok(());
        }
        Err(format!("held {held}, done {done}"))
    })
    .await;
    victim.kill();
    let left = stack.database().number("SELECT count(*) FROM work");
    assert!(left > 0, "it was not killed in the middle");

    let tally = stack.settled(EVENTS).await;
    assert_eq!((tally.done, tally.dead), (EVENTS, 0));
    stack.each_was_run_once();
    let (failed, crashed) = stack.history();
    assert_eq!(failed, 0, "a crash is no failed attempt");
    let accused = stack.database().number(
        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM attempts WHERE result = 'crashed' GROUP BY key) c",
    );
    assert!(
        crashed == 0 || accused == 1,
        "each that it ran is accused once: {crashed}, {accused}"
    );
}

async fn a_killed_api_loses_nothing_it_acknowledged(mode: Mode) {
    let mut stack = Plan::new(mode).apis(2).workers(1).start().await;
    let clients: Vec<_> = stack.apis.iter().map(|api| api.client().clone()).collect();
    let traffic = Traffic::mixed(clients);
    traffic.acks(300).await;
    let victim = stack.apis.remove(1);
    victim.kill();
    traffic.is_cut_off().await;
    traffic.acks(200).await;
    let log = traffic.end().await;
    stack.answers_for(&log).await;
    stack.each_was_run_once();
}
