//! `eventflow dev`: one process, one file.

use eventflow_core::{AttemptResult, EventState};
use eventflow_stack::Stream;

use crate::rig::{Mode, Plan, Service, Stack, Traffic, eventually, key, run};

async fn started() -> Stack {
    let mut stack = Plan::new(Mode::Embedded).prepare();
    let service = Service::start(stack.starting("dev")).await;
    stack.apis.push(service);
    stack
}

#[test]
fn it_says_where_it_listens_what_it_stores_where_and_what_to_try() {
    run(async {
        let stack = started().await;
        let dev = &stack.apis[0];
        // Its standard input has ended long ago; that is no reason to end.
        assert!(stack.client().live().await.is_ok());
        let said: Vec<String> = dev
            .process
            .lines()
            .into_iter()
            .filter(|line| line.stream == Stream::Out)
            .map(|line| line.text)
            .collect();
        let said = said.join("\n");
        for part in [
            dev.url("").as_str(),
            "SQLite",
            "eventflow.db",
            "curl ",
            "efctl send",
            "efctl status",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(stack.path(".eventflow/eventflow.db").is_file());
        assert_eq!(dev.terminate(), Some(0));
    });
}

#[test]
fn a_second_one_on_the_same_file_is_refused() {
    run(async {
        let stack = started().await;
        let other = Service::launch(stack.starting("dev"));
        let (code, said) = other.ended();
        assert_ne!(code, Some(0), "{said}");
        assert!(said.contains("eventflow.db") || said.contains(".eventflow"), "{said}");
        assert!(stack.client().ready().await.is_ok());
    });
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    run(async {
        let mut stack = started().await;
        let traffic = Traffic::mixed((0..3).map(|_| stack.client().clone()));
        traffic.acks(500).await;
        let dev = stack.apis.remove(0);
        dev.kill();
        traffic.is_cut_off().await;
        let log = traffic.end().await;
        stack.apis.push(dev.restart().await);
        stack.answers_for(&log).await;
        handled_once(&stack, &log).await;
        assert_eq!(stack.apis[0].terminate(), Some(0));
    });
}

/// Every handled event was done by one run; the kill may have cut another one short.
async fn handled_once(stack: &Stack, log: &crate::rig::Log) {
    for id in &log.acked {
        let view = stack.client().event(key(id)).await.expect("an answer").expect("known");
        let done = view
            .attempts
            .iter()
            .filter(|attempt| attempt.result == AttemptResult::Done)
            .count();
        assert_eq!(done, usize::from(view.event_type.starts_with("efctl.sim.")), "{view:?}");
        assert!(
            view.attempts
                .iter()
                .all(|attempt| attempt.result != AttemptResult::Failed),
            "{view:?}"
        );
    }
}

#[test]
fn the_simulated_handler_is_on_and_a_crash_is_only_a_panic() {
    run(async {
        let stack = started().await;
        let client = stack.client();
        client
            .send(crate::rig::failing("crash", "crash"))
            .await
            .expect("accepted");
        client
            .send(crate::rig::failing("twice", "transient:2"))
            .await
            .expect("accepted");
        let done = stack
            .event("twice", "done", |view| view.state == EventState::Done)
            .await;
        assert_eq!(done.attempts.len(), 3);
        let dead = stack
            .event("crash", "dead", |view| view.state == EventState::Dead)
            .await;
        assert_eq!(dead.attempts.len(), 5, "{dead:?}");
        assert!(
            dead.attempts
                .iter()
                .all(|attempt| attempt.result == AttemptResult::Failed)
        );
        assert!(stack.apis[0].process.is_running());
        eventually("alive", async || client.live().await.map_err(|error| error.to_string())).await;
    });
}
