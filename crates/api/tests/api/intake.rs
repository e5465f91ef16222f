//! Where events go when places fail, lose replies, or hold back.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Archive as _, EventKey, EventState, Fault, Ledger as _, Queue as _, RegistryVersion, WorkerId};
use eventflow_testkit::build::{registration, row};
use eventflow_testkit::{Side, Trouble, Verb, event};
use eventflow_wire::{BatchResult, NewEvent};
use serde_json::json;

use crate::rig::{Rig, With, problem, settings, with_queue, without_queue};

const AWAY: Trouble = Trouble::Fails(Fault::Infrastructure);

fn body(id: &str) -> String {
    json!({"type": "t", "id": id}).to_string()
}

async fn state(rig: &Rig, id: &str) -> Option<EventState> {
    let record = rig.memory.get(EventKey::of("/", id)).await.expect("the model answers");
    record.map(|record| record.state)
}

async fn queued(rig: &Rig) -> u64 {
    let depth = rig.queue().inner().inner().depth().await.expect("the model answers");
    depth.iter().map(|partition| partition.entries).sum()
}

#[tokio::test]
async fn with_a_queue_events_wait_in_it() {
    let rig = Rig::start(with_queue()).await;
    assert_eq!(rig.post("/events", &body("a")).await.status(), 202);
    assert_eq!((queued(&rig).await, state(&rig, "a").await), (1, None));
}

#[tokio::test]
async fn without_a_queue_events_without_a_handler_are_done_and_others_due() {
    let rig = Rig::start(without_queue()).await;
    rig.memory
        .register(registration(WorkerId::new(), &["order.*"]))
        .await
        .expect("registered");
    let batch = json!([{"type": "t", "id": "a"}, {"type": "order.created", "id": "b"}]).to_string();
    assert_eq!(rig.post("/events", &batch).await.status(), 200);
    assert_eq!(state(&rig, "a").await, Some(EventState::Done));
    assert_eq!(state(&rig, "b").await, Some(EventState::Due));
}

#[tokio::test]
async fn a_due_event_wakes_workers() {
    use eventflow_core::Pulse as _;
    let rig = Rig::start(without_queue()).await;
    rig.memory
        .register(registration(WorkerId::new(), &["order.*"]))
        .await
        .expect("registered");
    let notice = rig.memory.noticed();
    assert_eq!(rig.post("/events", r#"{"type":"order.created"}"#).await.status(), 202);
    tokio::time::timeout(crate::rig::PATIENCE, notice)
        .await
        .expect("a notice");
}

#[tokio::test]
async fn the_ledger_takes_what_the_queue_does_not_until_it_is_back() {
    let rig = Rig::start(with_queue()).await;
    let queue = rig.queue().inner();
    queue.outage_of(Verb::Append, Some(AWAY));
    assert_eq!(rig.post("/events", &body("a")).await.status(), 202);
    assert_eq!(state(&rig, "a").await, Some(EventState::Done));
    assert_eq!(
        rig.client().stats().await.expect("stats").queue.map(|q| q.bypassed),
        Some(true)
    );
    queue.mend();
    rig.until("the queue takes events again", async |rig| {
        rig.client()
            .send(NewEvent {
                event_type: "t".into(),
                ..NewEvent::default()
            })
            .await
            .expect("taken");
        queued(rig).await > 0
    })
    .await;
    let stats = rig.client().stats().await.expect("stats");
    assert_eq!(stats.queue.map(|queue| queue.bypassed), Some(false));
    assert!(stats.intake.direct >= 1 && stats.intake.direct < stats.intake.accepted);
}

#[tokio::test]
async fn a_lost_reply_of_the_queue_does_no_harm() {
    let rig = Rig::start(with_queue()).await;
    rig.queue().inner().next(Verb::Append, Trouble::LosesReply);
    assert_eq!(rig.post("/events", &body("a")).await.status(), 202);
    // It stands in both; law 1 makes the later one a copy.
    assert_eq!(
        (queued(&rig).await, state(&rig, "a").await),
        (1, Some(EventState::Done))
    );
}

#[tokio::test]
async fn a_lost_reply_of_the_ledger_is_a_503_and_the_repeat_a_duplicate() {
    let rig = Rig::start(without_queue()).await;
    rig.until_ready().await;
    rig.archive.next(Verb::Admit, Trouble::LosesReply);
    assert_eq!(rig.refused(&body("a")).await.slug(), "no-place");
    let mut event = NewEvent {
        event_type: "t".into(),
        ..NewEvent::default()
    };
    event.id = Some("a".into());
    let client = eventflow_wire::Client::new(&rig.url(""), None).expect("a client");
    let accepted = client.send(event).await.expect("the client tries again");
    assert_eq!(accepted.status, eventflow_wire::Acceptance::Duplicate);
}

#[tokio::test]
async fn with_both_away_nothing_is_acknowledged_and_all_comes_back_by_itself() {
    let rig = Rig::start(with_queue()).await;
    rig.until_ready().await;
    rig.queue().inner().outage(Some(AWAY));
    rig.archive.outage(Some(AWAY));
    let refused = rig.refused(&body("a")).await;
    assert_eq!((refused.slug(), refused.retry_after), ("no-place", Some(2)));
    let batch = json!([{"type": "t", "id": "b"}, {"id": "bad"}]).to_string();
    assert_eq!(problem(rig.post("/events", &batch).await).await.slug(), "no-place");
    rig.until("it says that it is not ready", async |rig| {
        rig.get("/readyz").await.status() == 503
    })
    .await;
    rig.queue().inner().mend();
    rig.archive.mend();
    rig.until("events are taken again", async |rig| {
        rig.post("/events", &body("a")).await.status() == 202
    })
    .await;
    rig.until_ready().await;
}

#[tokio::test]
async fn a_queue_that_hangs_costs_one_deadline() {
    let with = With {
        settings: eventflow_api::Settings {
            append_deadline: Duration::from_millis(50),
            ..settings()
        },
        ..with_queue()
    };
    let rig = Rig::start(with).await;
    rig.queue().hold(Verb::Append, Side::Before);
    assert_eq!(rig.post("/events", &body("a")).await.status(), 202);
    assert_eq!(state(&rig, "a").await, Some(EventState::Done));
}

#[tokio::test]
async fn requests_in_flight_are_written_together() {
    let rig = Arc::new(Rig::start(without_queue()).await);
    rig.until_ready().await;
    rig.ledger.hold(Verb::Admit, Side::Before);
    let before = rig.archive.calls(Verb::Admit);
    let posts: Vec<_> = (0..40)
        .map(|i| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.post("/events", &body(&i.to_string())).await.status() })
        })
        .collect();
    rig.ledger.until_held(Verb::Admit, 2).await;
    rig.until("all are in flight", async |rig| {
        rig.client().stats().await.expect("stats").intake.in_flight == 40
    })
    .await;
    assert_eq!(rig.ledger.held(Verb::Admit), 2, "at most two statements at a time");
    rig.ledger.release(Verb::Admit);
    for post in posts {
        assert_eq!(post.await.expect("answered"), 202);
    }
    let statements = rig.archive.calls(Verb::Admit) - before;
    assert!(statements <= 10, "{statements} statements for 40 requests");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_in_flight() {
    let rig = Rig::start(without_queue()).await;
    rig.until_ready().await;
    rig.ledger.hold(Verb::Admit, Side::Before);
    let impatient = rig.client().with_deadline(Duration::from_millis(100));
    let event = NewEvent {
        event_type: "t".into(),
        id: Some("a".into()),
        ..NewEvent::default()
    };
    assert!(impatient.send(event).await.is_err());
    rig.until("nothing is in flight", async |rig| {
        rig.client().stats().await.expect("stats").intake.in_flight == 0
    })
    .await;
    rig.ledger.release(Verb::Admit);
    rig.until("it is stored all the same", async |rig| {
        state(rig, "a").await == Some(EventState::Done)
    })
    .await;
}

#[tokio::test]
async fn a_bad_event_does_not_stop_its_batch_mates() {
    let rig = Rig::start(without_queue()).await;
    rig.archive.refuse(EventKey::of("/", "7"));
    let batch: Vec<_> = (0..20).map(|i| json!({"type": "t", "id": i.to_string()})).collect();
    let answer = rig.post("/events", &json!(batch).to_string()).await;
    let result: BatchResult = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("a result");
    assert_eq!((result.accepted, result.rejected), (19, 1));
    assert_eq!(
        result.results[7].error.as_ref().map(|e| e.code.as_str()),
        Some("unstorable")
    );
    assert_eq!(result.results[7].retryable, Some(false));
    assert_eq!(rig.refused(&body("7")).await.slug(), "unstorable");
}

#[tokio::test]
async fn an_admission_by_an_old_list_is_made_again() {
    let rig = Rig::start(without_queue()).await;
    rig.until_ready().await;
    rig.ledger.hold(Verb::Registry, Side::Before);
    rig.ledger.until_held(Verb::Registry, 1).await;
    rig.memory
        .register(registration(WorkerId::new(), &["order.*"]))
        .await
        .expect("registered");
    let posting = rig.post("/events", r#"{"type":"order.created","id":"a"}"#);
    let release = async {
        rig.ledger.until_held(Verb::Registry, 2).await;
        rig.ledger.release(Verb::Registry);
    };
    let (response, ()) = tokio::join!(posting, release);
    assert_eq!(response.status(), 202);
    assert_eq!(state(&rig, "a").await, Some(EventState::Due), "never stored as done");
}

#[tokio::test]
async fn who_came_first_the_ledger_knows() {
    let rig = Rig::start(with_queue()).await;
    let first = event("t", "a", "1").shared();
    rig.memory
        .admit(eventflow_testkit::build::admission(
            RegistryVersion(0),
            vec![row(first, eventflow_core::Fate::Done)],
            None,
        ))
        .await
        .expect("admitted");
    // The queue's mark knows only the second payload, which came while nobody looked.
    let second = event("t", "a", "2").shared();
    assert!(rig.queue().inner().inner().append(&[second]).await[0].is_ok());
    let sent = |data: u32| json!({"type": "t", "id": "a", "data": data}).to_string();
    let answer: serde_json::Value =
        serde_json::from_slice(&rig.post("/events", &sent(1)).await.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(
        answer["status"], "duplicate",
        "the mark holds another payload, the ledger this one"
    );
    assert_eq!(rig.refused(&sent(3)).await.slug(), "id-reused");
    rig.archive.outage(Some(AWAY));
    assert_eq!(rig.refused(&sent(3)).await.slug(), "no-place", "nobody can tell");
}

#[tokio::test]
async fn a_mark_that_outlived_its_event_does_not_count() {
    let rig = Rig::start(with_queue()).await;
    assert_eq!(
        rig.post("/events", r#"{"type":"t","id":"a","data":1}"#).await.status(),
        202
    );
    let buffer = rig.queue().inner().inner();
    let key = EventKey::of("/", "a");
    let claimed = buffer
        .reader(WorkerId::new())
        .claim(1, Duration::ZERO)
        .await
        .expect("the model answers");
    let settlement = eventflow_core::Settlement {
        id: claimed.entries[0].id.clone(),
        key: Some(key),
        keep_mark: true,
    };
    assert_eq!(buffer.settle(&[settlement]).await.expect("settled"), 1);
    // Settled, but not in the ledger: only its admission can say who is first.
    assert_eq!(
        rig.post("/events", r#"{"type":"t","id":"a","data":2}"#).await.status(),
        202
    );
    assert_eq!(state(&rig, "a").await, Some(EventState::Done));
}

#[tokio::test]
async fn an_atomic_batch_needs_the_ledger_and_writes_nothing_without_it() {
    let rig = Rig::start(with_queue()).await;
    rig.until_ready().await;
    rig.archive.outage(Some(AWAY));
    let batch = json!([{"type": "t", "id": "a"}]).to_string();
    assert_eq!(
        problem(rig.post("/events?atomic=true", &batch).await).await.slug(),
        "no-place"
    );
    assert_eq!(queued(&rig).await, 0);
    assert_eq!(rig.post("/events", &batch).await.status(), 200);
}

#[tokio::test]
async fn numbers_say_what_happened() {
    let rig = Rig::start(without_queue()).await;
    let batch = json!([{"type": "t", "id": "a"}, {"type": "t", "id": "a"}, {"id": "bad"}]).to_string();
    assert_eq!(rig.post("/events", &batch).await.status(), 200);
    rig.refused("{").await;
    let intake = rig.client().stats().await.expect("stats").intake;
    assert_eq!((intake.accepted, intake.direct, intake.duplicates), (1, 1, 1));
    assert_eq!(intake.rejected.get("invalid-event"), Some(&1));
    assert_eq!(intake.rejected.get("malformed-json"), Some(&1));
}
