//! The screen as plain text.

use eventflow_core::EventKey;
use eventflow_wire::HandlerView;

use super::*;
use crate::testing::{event, look_80, look_pipe};

fn around(now: &str) -> Around {
    let worker: WorkerId = serde_json::from_str("\"0190a5d0-0000-7000-8000-000000000001\"").expect("a worker's id");
    Around {
        workers: HashMap::from([(worker, "web-1/4711".to_owned())]),
        handlers: Some(Handlers {
            version: 1,
            paused: false,
            handlers: vec![HandlerView {
                pattern: "order.*".parse().expect("a pattern"),
                paused: false,
                carriers: 2,
                due: None,
                running: None,
                oldest_due: None,
                counted_at: None,
            }],
        }),
        now: now.parse().expect("a time"),
    }
}

fn dead() -> EventView {
    event(
        r#"{"state":"dead","copies_seen":2,"admitted_at":"2026-05-01T12:00:00.130000Z","attempts":[
            {"number":1,"result":"failed","worker":"0190a5d0-0000-7000-8000-000000000001",
             "ended_at":"2026-05-01T12:00:00.190000Z","duration_ms":41.25,"error":"the webhook answered 503"},
            {"number":2,"result":"crashed","worker":"0190a5d0-0000-7000-8000-000000000002",
             "ended_at":"2026-05-02T00:00:03.220000Z","error":"the worker's lease lapsed"},
            {"number":2,"result":"failed","worker":"0190a5d0-0000-7000-8000-000000000001",
             "ended_at":"2026-05-02T00:00:09.000000Z","duration_ms":1234.0,"error":"the webhook answered 503"},
            {"number":3,"result":"failed","worker":"0190a5d0-0000-7000-8000-000000000001",
             "ended_at":"2026-05-02T00:00:12.000000Z","duration_ms":1234.0,"error":"the webhook answered 503"}],
          "death":{"reason":"attempts-spent","message":"the webhook answered 503","cause":"00ff00ff00ff00ff",
             "died_at":"2026-05-02T00:00:12.000000Z","handler":"order.*","attempt":3,"crashes":1,"requeues":0}}"#,
    )
}

#[test]
fn a_dead_event_tells_its_whole_life() {
    let screen = render(&dead(), &around("2026-05-02T00:01:00Z"), look_80(), Payload::Glance);
    assert_eq!(
        screen,
        "DEAD  attempts-spent: the webhook answered 503

  type     order.created
  source   checkout
  id       4711
  key      9d4eb02a-cf1e-88c7-9bb1-86cb54b80777
  in logs  corr-1
  data     13 B  {\"total\": 7 }

  2026-05-01 (UTC)
  12:00:00.123  received
  12:00:00.130  admitted to the ledger
                2 further copies seen, at least; none of them was run
  12:00:00.190  attempt 1 failed after 41 ms on web-1/4711
                the webhook answered 503
  2026-05-02 (UTC)
  00:00:03.220  attempt 2 crashed, not counted
                on 0190a5d0-0000-7000-8000-000000000002
                the worker's lease lapsed
  00:00:09.000  attempt 2 failed after 1.2 s on web-1/4711
                the webhook answered 503
  00:00:12.000  attempt 3 failed after 1.2 s on web-1/4711
                the same error
  00:00:12.000  dead: attempts-spent
                of `order.*`, after 3 attempts, 1 crash; cause 00ff00ff00ff00ff"
    );
    assert_eq!(
        verdict::next(&dead()).as_deref(),
        Some("efctl dlq requeue 9d4eb02a-cf1e-88c7-9bb1-86cb54b80777 (once the cause is gone)")
    );
}

#[test]
fn a_due_event_says_what_it_waits_for() {
    let view = event(
        r#"{"state":"due","admitted_at":"2026-05-01T12:00:00.130000Z",
            "work":{"handler":"order.*","due_at":"2026-05-01T12:00:10.000000Z","attempt":1,"base":0,"crashes":0}}"#,
    );
    let mut around = around("2026-05-01T12:00:07Z");
    assert_eq!(
        verdict::of(&view, &around),
        "waits for `order.*`: attempt 2 in about 3.0 s"
    );
    around.now = "2026-05-01T12:00:22Z".parse().expect("a time");
    assert_eq!(
        verdict::of(&view, &around),
        "waits for a free slot of `order.*`: attempt 2, due for about 12 s"
    );
    let mut set = |change: fn(&mut Handlers)| {
        let list = around.handlers.get_or_insert_with(|| panic!("there is a list"));
        change(list);
        verdict::of(&view, &around)
    };
    assert!(set(|list| list.handlers[0].carriers = 0).ends_with("no living worker carries that handler"));
    assert!(set(|list| list.handlers[0].paused = true).ends_with("that handler is paused"));
    assert!(set(|list| list.handlers.clear()).ends_with("it will be matched anew"));
    assert!(set(|list| list.paused = true).ends_with("all running is paused (`efctl resume`)"));
}

#[test]
fn a_running_event_says_where_and_whether_its_lease_holds() {
    let view = event(
        r#"{"state":"running","work":{"handler":"order.*","due_at":"2026-05-01T12:00:10.000000Z",
            "worker":"0190a5d0-0000-7000-8000-000000000001","attempt":0,"base":0,"crashes":0}}"#,
    );
    assert_eq!(
        verdict::of(&view, &around("2026-05-01T12:00:00Z")),
        "`order.*` runs attempt 1 on web-1/4711; its lease is good for about 10 s"
    );
    assert_eq!(
        verdict::of(&view, &around("2026-05-01T12:00:14Z")),
        "`order.*`, attempt 1 on web-1/4711: the lease lapsed about 4.0 s ago; another worker takes over"
    );
}

#[test]
fn a_queued_and_a_done_event_say_so() {
    let queued = event(r#"{"state":"queued","queue":{"partition":3,"entry":"17-0"}}"#);
    let now = around("2026-05-01T12:00:00Z");
    assert_eq!(
        verdict::of(&queued, &now),
        "durable in the queue (partition 3, entry 17-0); no worker has admitted it yet"
    );
    assert_eq!(
        verdict::of(&event(r#"{"state":"done"}"#), &now),
        "stored; no handler takes its type"
    );
    assert_eq!(verdict::next(&event(r#"{"state":"done"}"#)), None);
}

#[test]
fn other_payloads_under_the_id_are_listed_and_never_requeued() {
    let mut view = dead();
    view.id_reused = vec![EventKey::of("/", "x")];
    let screen = render(&view, &around("2026-05-02T00:01:00Z"), look_80(), Payload::Glance);
    assert!(screen.ends_with(&format!(
        "  Under this id came other payloads, kept as dead letters of their own:\n    efctl why {}",
        EventKey::of("/", "x")
    )));
    let death = view.death.as_mut().expect("it is dead");
    death.reason = eventflow_core::Reason::IdReused;
    death.original = Some(EventKey::of("/", "first"));
    let next = verdict::next(&view).expect("there is something to do");
    assert!(next.contains("dlq discard") && !next.contains("requeue"), "{next}");
}

#[test]
fn hostile_text_stays_visible_and_in_its_place() {
    let mut view = dead();
    view.id = "a\nDONE  all well\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{202e}".into();
    view.attempts[0].error = Some("x\r\n\u{1b}[2J".into());
    for payload in [Payload::Glance, Payload::Whole] {
        let screen = render(&view, &around("2026-05-02T00:01:00Z"), look_pipe(), payload);
        assert!(screen.contains("a\\u{a}DONE  all well\\u{1b}]52;c;eA==\\u{7}\\u{9b}2J\\u{202e}"));
        assert!(screen.contains("x\\u{d}\\u{a}\\u{1b}[2J"));
        assert!(screen.chars().all(|c| c == '\n' || !c.is_control()), "{screen}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut view = dead();
    view.event_type = "t".repeat(300);
    view.attempts[0].error = Some("word ".repeat(60) + &"x".repeat(200));
    if let Some(death) = &mut view.death {
        death.message = "word ".repeat(60);
    }
    let screen = render(&view, &around("2026-05-02T00:01:00Z"), look_80(), Payload::Glance);
    for line in screen.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
