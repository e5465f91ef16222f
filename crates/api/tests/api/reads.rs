//! Looking events up: by key, by name, in pages, as a stream.

use std::time::Duration;

use eventflow_core::{EventKey, EventState, Fault, Ledger as _, Verdict, WorkerId};
use eventflow_testkit::{Trouble, Verb, build};
use eventflow_wire::{EventQuery, NewEvent};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use crate::rig::{Rig, problem, with_queue, without_queue};

const AWAY: Option<Trouble> = Some(Trouble::Fails(Fault::Infrastructure));

async fn fill(rig: &Rig, count: usize) {
    for from in (0..count).step_by(1000) {
        let batch: Vec<_> = (from..count.min(from + 1000))
            .map(|i| json!({"type": if i % 2 == 0 { "even" } else { "odd" }, "id": i.to_string(), "data": {"i": i}}))
            .collect();
        assert_eq!(rig.post("/events", &json!(batch).to_string()).await.status(), 200);
    }
}

#[tokio::test]
async fn an_event_is_found_in_the_queue_and_in_the_ledger() {
    let rig = Rig::start(with_queue()).await;
    let raw = r#"{ "n" : 18446744073709551617 }"#;
    let body = format!(r#"{{"type":"t","id":"a","source":"s","color":"red","data":{raw}}}"#);
    assert_eq!(rig.post("/events", &body).await.status(), 202);
    let key = EventKey::of("s", "a");
    let event = rig.client().event(key).await.expect("asked").expect("queued");
    assert_eq!(
        (event.state, event.data.as_ref().map(|d| d.get())),
        (EventState::Queued, Some(raw))
    );
    assert!(event.queue.is_some() && event.admitted_at.is_none());
    assert_eq!(event.extensions.as_ref().map(|e| e.get()), Some(r#"{"color":"red"}"#));

    let by_name = EventQuery {
        source: Some("s".into()),
        id: Some("a".into()),
        ..EventQuery::default()
    };
    let page = rig.client().events(&by_name).await.expect("a page");
    assert_eq!(page.events[0].state, Some(EventState::Queued));

    rig.queue().inner().outage_of(Verb::Append, AWAY);
    assert_eq!(rig.post("/events", &body).await.status(), 202);
    let event = rig.client().event(key).await.expect("asked").expect("admitted");
    assert_eq!(event.state, EventState::Done, "the ledger's answer wins");
    assert_eq!(event.data.as_ref().map(|d| d.get()), Some(raw));
}

#[tokio::test]
async fn where_nobody_can_tell_it_is_503_never_404() {
    let rig = Rig::start(with_queue()).await;
    assert_eq!(rig.post("/events", r#"{"type":"t","id":"a"}"#).await.status(), 202);
    let (known, unknown) = (EventKey::of("/", "a"), EventKey::of("/", "b"));
    let path = |key: EventKey| format!("/events/{key}");
    assert_eq!(problem(rig.get(&path(unknown)).await).await.slug(), "unknown-event");
    rig.archive.outage_of(Verb::Get, AWAY);
    assert_eq!(rig.get(&path(known)).await.status(), 200, "the queue knows it");
    assert_eq!(problem(rig.get(&path(unknown)).await).await.slug(), "store-unreachable");
    rig.archive.mend();
    rig.queue().inner().outage_of(Verb::Find, AWAY);
    assert_eq!(problem(rig.get(&path(unknown)).await).await.slug(), "store-unreachable");
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let rig = Rig::start(without_queue()).await;
    fill(&rig, 25).await;
    let mut query = EventQuery {
        limit: Some(10),
        ..EventQuery::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = rig.client().events(&query).await.expect("a page");
        assert!(page.events.iter().all(|line| line.data.is_none()));
        keys.extend(page.events.iter().map(|line| line.key));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(keys.len(), 25);
    assert!(keys.is_sorted());
}

#[tokio::test]
async fn a_stream_gives_every_match_and_only_the_fields_asked_for() {
    let rig = Rig::start(without_queue()).await;
    fill(&rig, 2500).await;
    let query = EventQuery {
        event_type: Some("odd".into()),
        fields: Some("id,data".into()),
        ..EventQuery::default()
    };
    let lines: Vec<_> = rig
        .client()
        .stream_events(&query)
        .try_collect()
        .await
        .expect("all lines");
    assert_eq!(lines.len(), 1250);
    assert!(
        lines
            .iter()
            .all(|line| line.id.is_some() && line.data.is_some() && line.state.is_none())
    );
    let first = EventQuery {
        limit: Some(1500),
        ..EventQuery::default()
    };
    let lines: Vec<_> = rig
        .client()
        .stream_events(&first)
        .try_collect()
        .await
        .expect("all lines");
    assert_eq!(lines.len(), 1500);
    let letters: Vec<_> = rig
        .client()
        .stream_letters(&eventflow_wire::LetterQuery::default())
        .try_collect()
        .await
        .expect("no lines");
    assert!(letters.is_empty());
}

#[tokio::test]
async fn a_list_tells_of_runs_where_its_fields_ask_for_it() {
    let rig = Rig::start(with_queue()).await;
    let body = json!({"type": "h", "id": "queued", "source": "s"}).to_string();
    assert_eq!(rig.post("/events", &body).await.status(), 202);
    rig.queue().inner().outage_of(Verb::Append, AWAY);
    let worker = WorkerId::new();
    let join = rig.memory.register(build::registration(worker, &["h"])).await;
    join.expect("a worker joins");
    for event_type in ["h", "stored"] {
        let body = json!({"type": event_type, "id": event_type, "source": "s"}).to_string();
        assert_eq!(rig.post("/events", &body).await.status(), 202);
    }
    let request = build::lease_request(worker, &["h"], Duration::from_hours(1));
    let reply = rig.memory.lease(request).await.expect("leased");
    let outcome = build::outcome(worker, &reply.leased[0], Verdict::Done);
    rig.memory.record(vec![outcome]).await.expect("recorded");

    let fields = |names: &str, id: Option<&str>| EventQuery {
        source: Some("s".into()),
        id: id.map(Into::into),
        fields: Some(names.into()),
        ..EventQuery::default()
    };
    let lines = async |query: EventQuery| rig.client().events(&query).await.expect("a page").events;
    let all = "admitted_at,ended_at,runs";
    for line in lines(fields(all, None)).await {
        assert!(line.admitted_at.is_some() && line.id.is_none());
        let was_run = line.key == EventKey::of("s", "h");
        assert_eq!(
            (line.runs, line.ended_at.is_some()),
            (Some(u32::from(was_run)), was_run)
        );
    }
    for (id, runs, admitted) in [("h", Some(1), true), ("stored", Some(0), true), ("queued", None, false)] {
        let [line] = &lines(fields(all, Some(id))).await[..] else {
            panic!("`{id}` is one event")
        };
        assert_eq!((line.runs, line.admitted_at.is_some()), (runs, admitted), "{id}");
    }
    for line in lines(fields("key,state", None)).await {
        assert_eq!((line.admitted_at, line.ended_at, line.runs), (None, None, None));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so() {
    let rig = Rig::start(without_queue()).await;
    fill(&rig, 2500).await;
    let client = rig.client().with_deadline(Duration::from_secs(10));
    let mut lines = Box::pin(client.stream_events(&EventQuery::default()));
    // The outage begins behind the first page: the second one is asked for when the first was taken off the wire.
    lines.next().await.expect("a line").expect("of the first page");
    rig.archive.outage_of(Verb::List, AWAY);
    let rest: Vec<_> = lines.collect().await;
    let is_whole = rest.len() == 2499 && rest.iter().all(Result::is_ok);
    assert!(
        is_whole || rest.last().is_some_and(Result::is_err),
        "a part never looks like the whole"
    );
}

#[tokio::test]
async fn the_client_makes_its_repeats_safe() {
    let rig = Rig::start(without_queue()).await;
    let events = vec![
        NewEvent {
            event_type: "t".into(),
            ..NewEvent::default()
        };
        3
    ];
    let result = rig.client().send_batch(events, false).await.expect("taken");
    assert_eq!(result.accepted, 3);
    assert!(
        result
            .results
            .iter()
            .all(|item| item.id.is_some() && item.key.is_some())
    );
}

#[tokio::test]
async fn an_api_that_is_not_there_is_unreachable() {
    let rig = Rig::start(without_queue()).await;
    rig.shutdown.cancel();
    let client = rig.client();
    rig.served.await.expect("it ends");
    let error = client.stats().await.expect_err("nobody listens");
    assert!(
        matches!(
            error,
            eventflow_wire::ClientError::Unreachable {
                before_sending: true,
                ..
            }
        ),
        "{error}"
    );
}
