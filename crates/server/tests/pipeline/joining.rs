//! A worker that brings a new handler joins others that lack it.

use std::collections::BTreeSet;

use eventflow_core::EventState;

use crate::rig::{Mode, Plan, Program, Traffic, errand, event, key, tests};

tests!([Postgres Pipeline]: from_its_readiness_on_a_new_handler_gets_every_event);

async fn from_its_readiness_on_a_new_handler_gets_every_event(mode: Mode) {
    let mut stack = Plan::new(mode).apis(2).workers(2).start().await;
    let clients: Vec<_> = stack.apis.iter().map(|api| api.client().clone()).collect();
    let traffic = Traffic::start(clients, |number, id| match number % 2 {
        0 => errand("errand.new", id, None),
        _ => event("order.created", id),
    });
    traffic.acks(200).await;
    let newcomer = stack
        .add_worker(Program::Errands, &[("test_carries", "errand.new")])
        .await
        .worker();
    // What was not even attempted before that moment came after it.
    let before = traffic.so_far().attempted;
    traffic.acks(400).await;
    let log = traffic.end().await;
    stack.answers_for(&log).await;

    let later: BTreeSet<String> = log.acked.difference(&before).cloned().collect();
    assert!(later.len() >= 300, "{}", later.len());
    let rows = stack
        .database()
        .sql("SELECT e.id, a.worker FROM events e LEFT JOIN attempts a ON a.key = e.key WHERE e.type = 'errand.new'");
    let mut run = 0;
    for row in rows {
        let [Some(id), worker] = row.as_slice() else {
            panic!("an id")
        };
        if later.contains(id) {
            assert_eq!(
                worker.as_deref(),
                Some(newcomer.0.to_string().as_str()),
                "{id} was merely stored"
            );
            run += 1;
        }
    }
    assert!(run >= 150, "{run}");
    let noted: BTreeSet<String> = stack.runs().into_iter().map(|run| run.0).collect();
    assert_eq!(noted.len(), stack.runs().len(), "none ran twice");
    let sample = stack
        .event(
            later
                .iter()
                .find(|id| noted.contains(&key(id).to_string()))
                .expect("one that ran"),
            "done",
            |view| view.state == EventState::Done,
        )
        .await;
    assert_eq!(sample.attempts.len(), 1);
}
