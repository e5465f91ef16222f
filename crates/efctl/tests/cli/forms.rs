//! `--json` on every command: a list is a value a line, a single thing one object. Tables otherwise.

use serde_json::Value;

use crate::api::{Answer, Api, Request};
use crate::tool::{Ran, run};

const KEY: &str = "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777";
const EVENT: &str = r#"{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","source":"checkout","id":"4711","id_given":true,
    "type":"order.created","state":"dead","time":"2026-05-01T12:00:00Z","received_at":"2026-05-01T12:00:00Z",
    "correlation_id":"c","copies_seen":1,"data":{"n": 1.000000000000000000001},
    "death":{"reason":"permanent","message":"no","cause":"00ff","died_at":"2026-05-01T12:00:01Z","attempt":1,
             "crashes":0,"requeues":0}}"#;
const LINE: &str = r#"{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","source":"checkout","id":"4711","type":"order.created",
    "state":"dead","received_at":"2026-05-01T12:00:00Z"}"#;
const LETTER: &str = r#"{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","source":"checkout","id":"4711","type":"order.created",
    "received_at":"2026-05-01T12:00:00Z","correlation_id":"c","death":{"reason":"permanent","message":"no","cause":"00ff",
    "died_at":"2026-05-01T12:00:01Z","attempt":1,"crashes":0,"requeues":0}}"#;
const WORKER: &str = r#"{"id":"0190a5d0-0000-7000-8000-000000000001","name":"web-1","patterns":["order.*"],
    "joined_at":"2026-05-01T12:00:00Z","renewed_at":"2026-05-01T12:00:00Z","living":true,"running":0}"#;
const HANDLER: &str = r#"{"pattern":"order.*","paused":false,"carriers":1}"#;
const STATS: &str = r#"{"version":"0.1.0","at":"2026-05-01T12:00:00Z","uptime_s":1.0,"durability":"disk",
    "intake":{"accepted":0,"direct":0,"duplicates":0,"rejected":{},"in_flight":0,"accepted_per_s":0.0},
    "backlog":{"cap":10,"estimate":true},"ledger":{"estimate":true},"handlers":[],"backends":[]}"#;
const JOB: &str = r#"{"id":"0190a5d0-0000-7000-8000-000000000001","action":"requeue","actor":"a",
    "at":"2026-05-01T12:00:00Z","applied":1,"stored":0,"refused":[]}"#;

fn answer(request: &Request) -> Answer {
    let one_line = |json: &str| json.replace('\n', " ");
    let lines = |json: &str| Answer::lines(format!("{0}\n{0}\n", one_line(json)));
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/events") if request.wants_lines() => lines(LINE),
        ("GET", "/events") if request.query.contains("cursor") => Answer::ok(format!(r#"{{"events":[{LINE}]}}"#)),
        ("GET", "/events") => Answer::ok(format!(r#"{{"events":[{LINE}],"next":"more"}}"#)),
        ("GET", "/dead-letters") if request.wants_lines() => lines(LETTER),
        ("GET", "/dead-letters") => Answer::ok(format!(r#"{{"letters":[{LETTER},{LETTER}]}}"#)),
        ("GET", path) if path.ends_with(KEY) => Answer::ok(EVENT),
        ("GET", "/workers") => Answer::ok(format!(r#"{{"workers":[{WORKER},{WORKER}]}}"#)),
        ("GET", "/handlers") => Answer::ok(format!(
            r#"{{"version":1,"paused":false,"handlers":[{HANDLER},{HANDLER}]}}"#
        )),
        ("GET", "/stats") => Answer::ok(STATS),
        ("GET", "/livez") => Answer::ok(r#"{"status":"pass","version":"0.1.0"}"#),
        ("GET", "/readyz") => Answer::ok(r#"{"status":"pass","taken_by":"ledger"}"#),
        ("GET", "/health") => Answer::ok(r#"{"status":"pass","version":"0.1.0","description":"","checks":{}}"#),
        ("GET", "/audit") => audit(request),
        ("POST", "/pause") => Answer::ok(r#"{"paused":true}"#),
        ("POST", "/resume") => Answer::ok(r#"{"handler":"order.*","paused":false}"#),
        ("POST", "/handlers/retire") => Answer::ok(r#"{"handler":"order.*"}"#),
        ("POST", "/events") if request.body.starts_with(b"[") => Answer::ok(
            r#"{"accepted":1,"duplicates":1,"rejected":0,"results":[{"index":0,"status":"accepted"},
                {"index":1,"status":"duplicate"}]}"#,
        ),
        ("POST", "/events") => Answer::json(
            202,
            format!(r#"{{"id":"4711","source":"/","key":"{KEY}","status":"accepted","correlation_id":"c"}}"#),
        ),
        ("POST", _) => Answer::json(202, JOB),
        _ => Answer::problem(404, "not-found", "No such thing."),
    }
}

/// Two pages of two changes.
fn audit(request: &Request) -> Answer {
    let entry =
        |seq: u32| format!(r#"{{"seq":{seq},"at":"2026-05-01T12:00:00Z","actor":"a","action":"pause","subject":"*"}}"#);
    let (from, next) = if request.query.contains("after") {
        (3, "")
    } else {
        (1, r#","next":2"#)
    };
    Answer::ok(format!(r#"{{"entries":[{},{}]{next}}}"#, entry(from), entry(from + 1)))
}

fn fine(args: &[&str]) -> Ran {
    let api = Api::start(answer);
    let ran = run(&api.url, args);
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran
}

#[test]
fn a_single_thing_is_one_object() {
    for args in [
        &["send", "--type", "t"][..],
        &["send", "--type", "t", "--count", "2"],
        &["events", KEY],
        &["events", "--id", "a"],
        &["why", KEY],
        &["status"],
        &["pause"],
        &["resume", "order.*"],
        &["handlers", "retire", "order.*"],
        &["dlq", "inspect", KEY],
        &["dlq", "requeue", "--yes", KEY],
        &["dlq", "discard", "--yes", KEY],
        &["dlq", "restore", "--yes", KEY],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        // Every id of these tests has the same key there.
        let api = Api::start(|request| match request.path.strip_prefix("/events/") {
            Some(_) => Answer::ok(EVENT),
            None => answer(request),
        });
        let ran = run(&api.url, &args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        let json = ran.json_lines();
        assert!(json.len() == 1 && json[0].is_object(), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_list_is_an_object_a_line() {
    for (args, n) in [
        (&["events"][..], 2),
        (&["events", "--limit", "1"], 1),
        (&["events", "--all"], 2),
        (&["dlq", "list"], 2),
        (&["dlq", "list", "--all", "--data"], 2),
        (&["workers"], 2),
        (&["handlers"], 2),
        (&["audit", "--all"], 4),
        (&["audit"], 4),
        (&["doctor"], 11),
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let api = Api::start(answer);
        let ran = run(&api.url, &args);
        assert_eq!(ran.code, i32::from(args[0] == "doctor"), "{args:?}: {ran:?}");
        let json = ran.json_lines();
        assert!(json.iter().all(Value::is_object), "{args:?}");
        assert_eq!(json.len(), n, "{args:?}: {ran:?}");
    }
}

#[test]
fn payloads_keep_their_digits() {
    assert!(fine(&["why", KEY, "--json"]).stdout.contains("1.000000000000000000001"));
    assert!(
        fine(&["dlq", "inspect", KEY])
            .stdout
            .contains("1.000000000000000000001")
    );
}

#[test]
fn the_last_changes_are_shown_or_those_behind_a_number() {
    let seqs = |args: &[&str]| -> Vec<i64> {
        let ran = fine(args);
        ran.json_lines()
            .iter()
            .filter_map(|entry| entry["seq"].as_i64())
            .collect()
    };
    assert_eq!(seqs(&["audit", "--limit", "3", "--json"]), [2, 3, 4]);
    assert_eq!(seqs(&["audit", "--limit", "1", "--after", "2", "--json"]), [3]);
}

#[test]
fn a_table_has_a_header_and_hints_go_to_stderr() {
    let events = fine(&["events", "--limit", "1"]);
    assert_eq!(events.stdout.lines().count(), 2, "{events:?}");
    assert!(events.stdout.starts_with("KEY "));
    assert!(events.stderr.contains("--limit"));
    assert_eq!(fine(&["status"]).stdout.lines().count(), 10);
    assert!(fine(&["workers"]).stdout.starts_with("WORKER "));
    assert!(fine(&["handlers"]).stdout.starts_with("HANDLER "));
    assert!(fine(&["dlq", "list"]).stdout.starts_with("KEY "));
}

#[test]
fn a_single_event_says_its_key_and_what_to_type_next() {
    let ran = fine(&["send", "--type", "t", "--id", "4711"]);
    assert_eq!(ran.stdout, format!("{KEY}  accepted  id 4711\n"));
    assert_eq!(ran.stderr, format!("Next: efctl why {KEY}\n"));
}

#[test]
fn why_says_what_to_do_on_stderr() {
    let ran = fine(&["why", KEY]);
    assert!(ran.stdout.starts_with("DEAD  permanent: no\n"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("efctl dlq requeue {KEY}")), "{ran:?}");
}

#[test]
fn doctor_goes_on_after_a_failed_check() {
    let api = Api::start(|request| match request.path.as_str() {
        "/workers" => Answer::problem(500, "internal", "It broke."),
        _ => answer(request),
    });
    let ran = run(&api.url, &["doctor"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("?      workers"), "{ran:?}");
    assert!(ran.stdout.contains("handlers"), "{ran:?}");
}
