//! Bounds: the backlog's cap, tokens, slow and silent clients, large bodies, the end.

use std::sync::Arc;
use std::time::Duration;

use eventflow_api::{Settings, Tokens};
use eventflow_core::{EventState, Fate, Ledger as _, RegistryVersion, WorkerId};
use eventflow_testkit::build::{admission, pattern, registration, row};
use eventflow_testkit::{Side, Verb, event};
use eventflow_wire::{BatchResult, Client, ClientError, NewEvent};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{PATIENCE, Rig, With, problem, settings, with_queue, without_queue};

fn with(change: impl FnOnce(&mut Settings)) -> With {
    let mut with = without_queue();
    change(&mut with.settings);
    with
}

/// Rows that wait for a handler, counted.
async fn wait_for(rig: &Rig, handler: &str, event_type: &str, count: usize) {
    rig.memory
        .register(registration(WorkerId::new(), &[handler]))
        .await
        .expect("registered");
    let version = rig
        .memory
        .registry(Duration::from_secs(15))
        .await
        .expect("a list")
        .version;
    let rows = (0..count)
        .map(|i| {
            row(
                event(event_type, &format!("{handler}{i}"), "1").shared(),
                Fate::Due(pattern(handler)),
            )
        })
        .collect();
    rig.memory
        .admit(admission(version, rows, None))
        .await
        .expect("admitted");
    assert_ne!(version, RegistryVersion(0));
    assert!(rig.memory.count(Duration::ZERO).await.expect("counted"));
}

#[tokio::test]
async fn at_the_cap_the_door_is_shut() {
    let rig = Rig::start(With {
        settings: Settings {
            backlog_cap: 3,
            ..settings()
        },
        ..with_queue()
    })
    .await;
    rig.until_ready().await;
    for id in ["a", "b", "c"] {
        let body = json!({"type": "t", "id": id}).to_string();
        assert_eq!(rig.post("/events", &body).await.status(), 202);
    }
    rig.until("the backlog is seen", async |rig| {
        rig.get("/readyz").await.status() == 503
    })
    .await;
    let refused = rig.refused("not even looked at").await;
    assert_eq!((refused.slug(), refused.retry_after), ("backlog-full", Some(2)));
    let stats = rig.client().stats().await.expect("stats");
    assert_eq!((stats.backlog.events, stats.backlog.cap), (Some(3), 3));
    assert_eq!(stats.queue.and_then(|q| q.partitions).map(|p| p[0].entries), Some(3));
}

#[tokio::test]
async fn a_handler_that_holds_too_much_is_refused_first() {
    let rig = Rig::start(with(|s| s.backlog_cap = 20)).await;
    wait_for(&rig, "slow.*", "slow.x", 8).await;
    wait_for(&rig, "fast.*", "fast.x", 4).await;
    rig.until("the backlog is seen", async |rig| {
        rig.client().stats().await.expect("stats").backlog.events == Some(12)
    })
    .await;
    assert_eq!(rig.refused(r#"{"type":"slow.y"}"#).await.slug(), "backlog-full");
    assert_eq!(rig.post("/events", r#"{"type":"fast.y"}"#).await.status(), 202);
    let mixed = json!([{"type": "slow.z"}, {"type": "other"}]).to_string();
    let answer = rig.post("/events", &mixed).await;
    let result: BatchResult = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("a result");
    assert_eq!((result.accepted, result.results[0].retryable), (1, Some(true)));
    let all = json!([{"type": "slow.z"}, {"type": "slow.y"}]).to_string();
    let refused = problem(rig.post("/events", &all).await).await;
    assert_eq!((refused.slug(), refused.errors.len()), ("backlog-full", 2));
}

#[tokio::test]
async fn without_a_token_only_probes_and_docs_answer() {
    let tokens = Tokens::parse("shop:s3cret\n").expect("tokens");
    let rig = Rig::start(with(|s| s.tokens = Some(tokens))).await;
    let response = rig.post("/events", r#"{"type":"t"}"#).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"eventflow\"");
    assert_eq!(problem(response).await.slug(), "unauthorized");
    for (path, status) in [
        ("/stats", 401),
        ("/livez", 200),
        ("/openapi.json", 200),
        ("/docs/", 200),
        ("/nowhere", 401),
    ] {
        assert_eq!(rig.get(path).await.status(), status, "{path}");
    }
    let wrong = Client::new(&rig.url(""), Some("s3cre")).expect("a client");
    assert!(matches!(wrong.stats().await, Err(ClientError::NotAllowed(_))));
    let right = Client::new(&rig.url(""), Some("s3cret")).expect("a client");
    let event = NewEvent {
        event_type: "t".into(),
        ..NewEvent::default()
    };
    right.send(event).await.expect("taken");
    right.pause(None).await.expect("paused");
    let audit = right
        .audit(&eventflow_wire::AuditQuery::default())
        .await
        .expect("audit");
    assert_eq!(audit.entries[0].actor, "shop");
    assert!(!format!("{right:?}").contains("s3cret"));
}

/// What a raw exchange gives until the server closes.
async fn raw(rig: &Rig, request: &str) -> String {
    let mut stream = TcpStream::connect(rig.address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("closed")
        .expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_silent_socket_and_slow_headers_are_closed() {
    let rig = Rig::start(with(|s| s.header_timeout = Duration::from_millis(50))).await;
    for said in ["", "P", "POST /events HTTP/1.1\r\nHost: x\r\n"] {
        let answer = raw(&rig, said).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{said:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let rig = Rig::start(with(|s| s.body_timeout = Duration::from_millis(50))).await;
    let head =
        "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"type\"";
    let answer = raw(&rig, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("/problems/request-timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_half_a_batch() {
    let rig = Rig::start(without_queue()).await;
    let mut stream = TcpStream::connect(rig.address).await.expect("connected");
    let head = "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(br#"[{"type":"t"},"#).await.expect("sent");
    rig.until("it is in flight", async |rig| {
        rig.client().stats().await.expect("stats").intake.in_flight == 1
    })
    .await;
    drop(stream);
    rig.until("it is not", async |rig| {
        rig.client().stats().await.expect("stats").intake.in_flight == 0
    })
    .await;
    assert_eq!(rig.client().stats().await.expect("stats").intake.accepted, 0);
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_413_announced_or_not() {
    let rig = Rig::start(with(|s| s.max_body = 1000)).await;
    let announced = raw(&rig, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n").await;
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let chunk = "x".repeat(0x300);
    let chunked = format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n300\r\n{chunk}\r\n300\r\n{chunk}\r\n300\r\n{chunk}\r\n0\r\n\r\n"
    );
    let answer = raw(&rig, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Up to 64 kB are read, so that the connection lives on.
    for _ in 0..2 {
        let large = "x".repeat(60_000);
        let answer = rig.post("/events", &large).await;
        assert!(!answer.headers().contains_key("connection"));
        assert_eq!(problem(answer).await.slug(), "body-too-large");
    }
    // Beyond that it says that it closes, so that its client takes another.
    let huge = "x".repeat(1_000_000);
    let answer = rig.post("/events", &huge).await;
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(problem(answer).await.slug(), "body-too-large");
}

#[tokio::test]
async fn the_bytes_in_flight_are_bounded() {
    let rig = Rig::start(with(|s| s.max_bytes_in_flight = 4096)).await;
    let body = json!({"type": "t", "data": "x".repeat(8000)}).to_string();
    assert_eq!(rig.refused(&body).await.slug(), "overloaded");
    assert_eq!(rig.post("/events", r#"{"type":"t"}"#).await.status(), 202);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait() {
    let rig = Rig::start(with(|s| s.max_connections = 1)).await;
    let first = TcpStream::connect(rig.address).await.expect("connected");
    let mut second = TcpStream::connect(rig.address).await.expect("in the backlog");
    second
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    drop(first);
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, second.read_to_string(&mut answer))
        .await
        .expect("in time")
        .expect("read");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn at_the_end_open_requests_are_answered() {
    let rig = Rig::start(without_queue()).await;
    rig.until_ready().await;
    rig.ledger.hold(Verb::Admit, Side::Before);
    let client = rig.client();
    let event = NewEvent {
        event_type: "t".into(),
        id: Some("a".into()),
        ..NewEvent::default()
    };
    let posting = tokio::spawn(async move { client.send(event).await });
    rig.ledger.until_held(Verb::Admit, 1).await;
    rig.shutdown.cancel();
    rig.until("no connection is taken any more", async |rig| {
        TcpStream::connect(rig.address).await.is_err()
    })
    .await;
    rig.ledger.release(Verb::Admit);
    posting.await.expect("run").expect("the open request is answered");
    let memory = Arc::clone(&rig.memory);
    tokio::time::timeout(PATIENCE, rig.served)
        .await
        .expect("in time")
        .expect("it ends");
    let record = eventflow_core::Archive::get(&*memory, eventflow_core::EventKey::of("/", "a")).await;
    assert_eq!(record.expect("the model").map(|r| r.state), Some(EventState::Done));
}

#[tokio::test]
async fn what_does_not_end_in_the_grace_time_is_cut_off() {
    let rig = Rig::start(with(|s| {
        s.grace = Duration::from_millis(50);
        s.write_deadline = Duration::from_millis(200);
    }))
    .await;
    rig.until_ready().await;
    rig.ledger.hold(Verb::Admit, Side::Before);
    let client = rig.client();
    let posting = tokio::spawn(async move {
        client
            .send(NewEvent {
                event_type: "t".into(),
                ..NewEvent::default()
            })
            .await
    });
    rig.ledger.until_held(Verb::Admit, 1).await;
    rig.shutdown.cancel();
    tokio::time::timeout(PATIENCE, rig.served)
        .await
        .expect("in time")
        .expect("it ends");
    assert!(posting.await.expect("run").is_err());
}
