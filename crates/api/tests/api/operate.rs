//! Dead letters, pause, retire, probes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use eventflow_api::{LocalWorker, serve_worker_probes};
use eventflow_core::{
    Durability, Event, EventState, Fate, Fault, Finding, Inspection, Ledger as _, LetterAction, Refusal, WorkerId,
};
use eventflow_testkit::build::{admission, pattern, permanent, registration, row};
use eventflow_testkit::{Trouble, Verb, event};
use eventflow_wire::{AuditQuery, Client, ClientError, HealthStatus, LetterQuery, Taker};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::rig::{Rig, With, problem, settings, with_queue, without_queue};

async fn dead(rig: &Rig, id: &str) -> Arc<Event> {
    let event = event("t", id, r#"{"n":1}"#).shared();
    let version = rig
        .memory
        .registry(Duration::from_secs(15))
        .await
        .expect("a list")
        .version;
    let rows = vec![row(Arc::clone(&event), Fate::Dead(permanent("it is bad")))];
    rig.memory
        .admit(admission(version, rows, None))
        .await
        .expect("admitted");
    event
}

#[tokio::test]
async fn dead_letters_are_listed_shown_requeued_discarded_and_restored() {
    let rig = Rig::start(without_queue()).await;
    rig.memory
        .register(registration(WorkerId::new(), &["t"]))
        .await
        .expect("registered");
    let (a, b) = (dead(&rig, "a").await, dead(&rig, "b").await);
    let client = rig.client();
    let page = client
        .letters(&LetterQuery {
            data: true,
            ..LetterQuery::default()
        })
        .await
        .expect("letters");
    assert_eq!(page.letters.len(), 2);
    assert_eq!(page.letters[0].data.as_ref().map(|d| d.get()), Some(r#"{"n":1}"#));
    assert_eq!(client.stats().await.expect("stats").letters.map(|l| l.dead), Some(2));
    let shown = client.letter(a.key).await.expect("asked").expect("a letter");
    assert_eq!(shown.death.map(|death| death.message), Some("it is bad".to_owned()));

    let name = Uuid::now_v7();
    for _ in 0..3 {
        let job = client
            .change_letters(LetterAction::Requeue, vec![a.key], Some(name))
            .await
            .expect("done");
        assert_eq!((job.id, job.applied), (name, 1), "the same name is the same job");
    }
    assert_eq!(client.job(name).await.expect("asked").map(|job| job.applied), Some(1));
    let again = client
        .change_letters(LetterAction::Requeue, vec![a.key], None)
        .await
        .expect("done");
    assert_eq!(again.refused[0].why, Refusal::NotDead);
    assert_eq!(
        client.event(a.key).await.expect("asked").map(|e| e.state),
        Some(EventState::Due)
    );
    assert!(client.letter(a.key).await.expect("asked").is_none());

    client
        .change_letters(LetterAction::Discard, vec![b.key], None)
        .await
        .expect("done");
    assert_eq!(
        client.letter(b.key).await.expect("asked").map(|e| e.state),
        Some(EventState::Discarded)
    );
    client
        .change_letters(LetterAction::Restore, vec![b.key], None)
        .await
        .expect("done");
    let actions: Vec<_> = client.audit(&AuditQuery::default()).await.expect("audit").entries;
    let actions: Vec<_> = actions
        .iter()
        .map(|entry| (entry.action.as_str(), entry.actor.as_str()))
        .collect();
    assert_eq!(
        actions,
        [
            ("requeue", "anonymous"),
            ("discard", "anonymous"),
            ("restore", "anonymous")
        ]
    );
}

#[tokio::test]
async fn a_jobs_name_stands_for_one_action() {
    let rig = Rig::start(without_queue()).await;
    let a = dead(&rig, "a").await;
    let order = |action: &str| {
        let body = format!(r#"{{"keys":["{}"]}}"#, a.key);
        let request = rig.http.post(rig.url(&format!("/dead-letters/{action}")));
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", "friday");
        async move { request.body(body).send().await.expect("an answer") }
    };
    let first = order("discard").await;
    assert_eq!(first.status(), 202);
    let first: eventflow_wire::JobView = serde_json::from_slice(&first.bytes().await.expect("a body")).expect("a job");
    let second = order("discard").await;
    let second: eventflow_wire::JobView =
        serde_json::from_slice(&second.bytes().await.expect("a body")).expect("a job");
    assert_eq!(first, second);
    assert_eq!(problem(order("restore").await).await.slug(), "job-name-taken");
}

#[tokio::test]
async fn handlers_are_paused_resumed_and_retired() {
    let rig = Rig::start(without_queue()).await;
    let worker = WorkerId::new();
    rig.memory
        .register(registration(worker, &["a.*", "b.*"]))
        .await
        .expect("registered");
    let client = rig.client();
    assert!(client.pause(Some(pattern("a.*"))).await.expect("paused").paused);
    assert!(client.pause(None).await.expect("paused").paused);
    client.resume(None).await.expect("resumed");
    let handlers = client.handlers().await.expect("handlers");
    let paused: Vec<_> = handlers
        .handlers
        .iter()
        .map(|h| (h.pattern.as_str(), h.paused, h.carriers))
        .collect();
    assert_eq!(
        (handlers.paused, paused),
        (false, vec![("a.*", true, 1), ("b.*", false, 1)])
    );
    assert_eq!(handlers.handlers[0].due, None, "not counted yet is not 0");

    let carried = client
        .retire(pattern("a.*"))
        .await
        .expect_err("a living worker carries it");
    assert_eq!(
        carried.problem().map(|p| (p.slug(), p.status)),
        Some(("handler-carried", 409))
    );
    rig.memory.leave(worker).await.expect("left");
    client.retire(pattern("a.*")).await.expect("retired");
    let unknown = client.retire(pattern("a.*")).await.expect_err("it is gone");
    assert_eq!(
        unknown.problem().map(eventflow_wire::Problem::slug),
        Some("unknown-handler")
    );
    assert!(client.workers().await.expect("workers").workers.is_empty());
}

#[tokio::test]
async fn what_a_store_that_is_away_cannot_answer_is_503() {
    let rig = Rig::start(without_queue()).await;
    rig.archive.outage(Some(Trouble::Fails(Fault::Infrastructure)));
    for path in [
        "/events",
        "/dead-letters",
        "/audit",
        "/workers",
        "/handlers",
        "/dead-letters/jobs/0190b3a0-0000-7000-8000-000000000000",
    ] {
        assert_eq!(problem(rig.get(path).await).await.slug(), "store-unreachable", "{path}");
    }
    let stats = rig.client().stats().await.expect("stats answer all the same");
    assert_eq!(
        (stats.letters, stats.workers.map(|w| w.living)),
        (None, None),
        "unknown is not 0"
    );
    let paused = rig.client().pause(None).await.expect_err("nothing changed");
    assert!(matches!(paused, ClientError::Problem(p) if p.slug() == "store-unreachable"));
    rig.archive.mend();
    rig.archive.outage_of(Verb::List, Some(Trouble::Fails(Fault::Unknown)));
    assert_eq!(problem(rig.get("/events").await).await.slug(), "internal");
}

struct Loops(AtomicBool);

impl LocalWorker for Loops {
    fn stalled(&self) -> Vec<String> {
        if self.0.load(SeqCst) {
            vec!["reader".to_owned()]
        } else {
            Vec::new()
        }
    }

    fn is_ready(&self) -> bool {
        !self.0.load(SeqCst)
    }
}

#[tokio::test]
async fn a_worker_without_an_api_answers_its_probes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (worker, stop) = (Arc::new(Loops(AtomicBool::new(false))), CancellationToken::new());
    let serving = tokio::spawn(serve_worker_probes(listener, Arc::clone(&worker) as _, stop.clone()));
    let client = Client::new(&format!("http://{address}"), None).expect("a client");
    client.live().await.expect("alive");
    let status = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(status("/readyz").await, 200);
    assert_eq!(status("/events").await, 404);
    worker.0.store(true, SeqCst);
    assert_eq!((status("/livez").await, status("/readyz").await), (503, 503));
    stop.cancel();
    serving.await.expect("it ends");
}

#[tokio::test]
async fn a_stalled_loop_is_said_aloud() {
    let worker = Arc::new(Loops(AtomicBool::new(false)));
    let rig = Rig::start(With {
        worker: Some(Arc::clone(&worker) as _),
        ..without_queue()
    })
    .await;
    rig.until_ready().await;
    rig.client().live().await.expect("alive");
    assert_eq!(rig.client().health().await.expect("health").status, HealthStatus::Pass);
    worker.0.store(true, SeqCst);
    let stalled = problem(rig.get("/livez").await).await;
    assert!(
        stalled.slug() == "stalled" && stalled.detail.contains("reader"),
        "{stalled:?}"
    );
    let health = rig.client().health().await.expect("health, also with 503");
    assert_eq!(health.checks["worker:progress"][0].status, HealthStatus::Fail);
}

struct Broken;

impl LocalWorker for Broken {
    fn stalled(&self) -> Vec<String> {
        panic!("a fault of our own")
    }

    fn is_ready(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let rig = Rig::start(With {
        worker: Some(Arc::new(Broken)),
        ..without_queue()
    })
    .await;
    let failed = problem(rig.get("/livez").await).await;
    assert_eq!((failed.slug(), failed.status), ("internal", 500));
    assert!(!failed.detail.contains("a fault of our own"));
    assert_eq!(
        rig.post("/events", r#"{"type":"t"}"#).await.status(),
        202,
        "the others go on"
    );
}

fn inspection(level: Option<Durability>) -> Inspection {
    let findings = vec![Finding {
        problem: "appendonly is off".into(),
        remedy: vec!["CONFIG SET appendonly yes".into()],
    }];
    Inspection {
        version: "Memory 1".into(),
        level,
        findings: if level < Some(Durability::Disk) {
            findings
        } else {
            Vec::new()
        },
        round_trip_us: 1500,
        facts: vec![("role".into(), "alone".into())],
    }
}

#[tokio::test]
async fn a_place_below_the_level_is_not_counted_on() {
    let mut with = with_queue();
    with.settings = eventflow_api::Settings {
        durability: Durability::Disk,
        ..settings()
    };
    let rig = Rig::start(with).await;
    rig.until("both were inspected", async |rig| {
        let stats = rig.client().stats().await.expect("stats");
        stats.backends.len() == 2 && stats.backends.iter().all(|b| b.reachable == Some(true))
    })
    .await;
    assert_eq!(problem(rig.get("/readyz").await).await.slug(), "not-ready");
    assert_eq!(rig.get("/health").await.status(), 503);
    rig.memory.set_inspection(inspection(Some(Durability::Disk)));
    rig.until("the ledger takes events", async |rig| {
        rig.client()
            .ready()
            .await
            .is_ok_and(|ready| ready.taken_by == Taker::Ledger)
    })
    .await;
    let health = rig.client().health().await.expect("health");
    assert_eq!(health.status, HealthStatus::Warn, "one of two");
    rig.queue()
        .inner()
        .inner()
        .set_inspection(inspection(Some(Durability::Disk)));
    rig.until("the queue takes events", async |rig| {
        rig.client()
            .ready()
            .await
            .is_ok_and(|ready| ready.taken_by == Taker::Queue)
    })
    .await;
    rig.memory.set_inspection(inspection(None));
    rig.until("an unknown level is seen", async |rig| {
        rig.client()
            .health()
            .await
            .is_ok_and(|health| health.status == HealthStatus::Warn)
    })
    .await;
    let stats = rig.client().stats().await.expect("stats");
    let ledger = stats
        .backends
        .iter()
        .find(|backend| backend.level_in_force.is_none())
        .expect("the ledger");
    assert_eq!(
        (ledger.round_trip_us, ledger.findings.len(), ledger.assumed),
        (Some(1500), 1, false)
    );
    assert_eq!(ledger.facts["role"], "alone");
}

#[tokio::test]
async fn a_level_taken_on_trust_is_counted_on_and_shown() {
    let rig = Rig::start(With {
        assumed: true,
        settings: eventflow_api::Settings {
            durability: Durability::Disk,
            ..settings()
        },
        ..without_queue()
    })
    .await;
    rig.memory.set_inspection(inspection(Some(Durability::Process)));
    rig.until("a lower level is seen", async |rig| {
        let health = rig.client().health().await.expect("health");
        let check = health
            .checks
            .values()
            .flatten()
            .find(|check| check.assumed.is_some())
            .expect("a check");
        assert_eq!(check.assumed, Some(true));
        check.level_in_force == Some(Durability::Process) && health.status == HealthStatus::Warn
    })
    .await;
    assert!(rig.client().ready().await.is_ok());
    assert_eq!(rig.post("/events", r#"{"type":"t"}"#).await.status(), 202);
}
