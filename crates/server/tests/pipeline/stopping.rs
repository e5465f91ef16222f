//! SIGTERM, at any time.

use eventflow_core::EventState;
use eventflow_stack::Signal;
use tokio::task::block_in_place;

use crate::rig::{Mode, PATIENCE, Plan, Service, Stack, Traffic, eventually, failing, tests};

tests!([Embedded Postgres Pipeline]:
    under_load_it_ends_in_order_and_nothing_is_counted
    what_outlasts_the_grace_time_is_handed_back
    the_second_signal_ends_it_at_once
);

async fn under_load_it_ends_in_order_and_nothing_is_counted(mode: Mode) {
    let mut stack = Plan::new(mode).apis(2).workers(2).start_for(mode).await;
    let clients: Vec<_> = stack.apis.iter().map(|api| api.client().clone()).collect();
    let traffic = Traffic::mixed(clients);
    traffic.acks(300).await;
    // One of each is started anew, while the others go on.
    if mode != Mode::Embedded {
        assert_eq!(stack.workers[0].terminate(), Some(0));
        let worker = stack.workers.remove(0).restart().await;
        stack.workers.push(worker);
        traffic.acks(200).await;
    }
    assert_eq!(stack.apis[0].terminate(), Some(0));
    let api = stack.apis.remove(0).restart().await;
    stack.apis.push(api);
    traffic.acks(200).await;
    // Then all of them at once.
    for service in stack.workers.iter().chain(&stack.apis) {
        service.process.signal(Signal::TERM).expect("signalled");
    }
    for service in stack.workers.iter().chain(&stack.apis) {
        assert_eq!(service.terminate_again(), Some(0));
    }
    let log = traffic.end().await;
    let (apis, workers) = (std::mem::take(&mut stack.apis), std::mem::take(&mut stack.workers));
    for api in apis {
        stack.apis.push(api.restart().await);
    }
    for worker in workers {
        stack.workers.push(worker.restart().await);
    }
    stack.answers_for(&log).await;
    if mode == Mode::Embedded {
        for id in log.acked {
            let view = stack.event(&id, "there", |_| true).await;
            let runs = usize::from(view.event_type.starts_with("efctl.sim."));
            assert_eq!(view.attempts.len(), runs, "{view:?}");
        }
    } else {
        stack.each_was_run_once();
        assert_eq!(stack.history(), (0, 0), "failed attempts, crashes");
    }
}

/// A stack whose one worker runs an event that takes far longer than anybody waits.
async fn busy(mode: Mode, grace: &str) -> Stack {
    let stack = Plan::new(mode).set("grace", grace).start().await;
    stack
        .client()
        .send(failing("long", "slow:600s"))
        .await
        .expect("accepted");
    stack
        .event("long", "running", |view| view.state == EventState::Running)
        .await;
    stack
}

async fn what_outlasts_the_grace_time_is_handed_back(mode: Mode) {
    let mut stack = busy(mode, "1s").await;
    let (first, worker) = (stack.runner().worker(), stack.runner());
    assert_eq!(worker.terminate(), Some(0));
    stack.set("concurrency", "2");
    // Alone the API shows it as due; the one process there is has to be started anew for that.
    let view = if mode == Mode::Embedded {
        let service = stack.apis.remove(0).restart().await;
        stack.apis.push(service);
        stack
            .event("long", "running again", |view| view.state == EventState::Running)
            .await
    } else {
        stack.event("long", "due", |view| view.state == EventState::Due).await
    };
    let work = view.work.as_ref().expect("unfinished");
    assert_eq!((work.attempt, work.crashes), (0, 0), "nothing is counted");
    assert_ne!(work.worker, Some(first));
    assert!(view.attempts.is_empty(), "{view:?}");
    let workers = eventually("the list of workers", async || {
        stack.client().workers().await.map_err(|error| error.to_string())
    })
    .await;
    assert!(
        workers.workers.iter().all(|worker| worker.id != first),
        "it left the list"
    );
}

async fn the_second_signal_ends_it_at_once(mode: Mode) {
    let stack = busy(mode, "10min").await;
    let worker = stack.runner();
    worker.process.signal(Signal::TERM).expect("signalled");
    worker.said("draining");
    assert!(worker.process.is_running(), "it waits for what runs");
    worker.process.signal(Signal::TERM).expect("signalled");
    assert_eq!(worker.ended().0, Some(143));
}

impl Plan {
    /// Where there is one process, it is the one API.
    async fn start_for(self, mode: Mode) -> Stack {
        match mode {
            Mode::Embedded => self.apis(1).start().await,
            Mode::Postgres | Mode::Pipeline => self.start().await,
        }
    }
}

impl Service {
    /// The exit code of one that was signalled already.
    fn terminate_again(&self) -> Option<i32> {
        let status = block_in_place(|| self.process.wait(PATIENCE));
        status.unwrap_or_else(|error| panic!("{error}")).code()
    }
}
