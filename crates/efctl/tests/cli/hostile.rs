//! Outside text cannot steer a terminal, hide something, or break out of its line, wherever it is shown.

use crate::api::{Answer, Api, Request};
use crate::tool::{Ran, run, run_with};

const KEY: &str = "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777";

/// As a JSON string: a clear screen, OSC 52, a bell, C1's CSI, a bidi override, a zero-width space, DEL, line breaks.
const EVIL: &str = r"x\u001b[2J\u001b]52;c;ZXZpbA==\u0007\u009b31m\u202egpj\u200b\u007f\r\ny";
/// The same raw, as far as JSON lets a string bear it.
const EVIL_RAW: &str = "x\u{9b}31m\u{202e}gpj\u{200b}\u{7f}";

fn answer(request: &Request) -> Answer {
    let death = format!(
        r#""death":{{"reason":"permanent","message":"{EVIL}","cause":"{EVIL}","died_at":"2026-05-01T12:00:01Z",
           "attempt":1,"crashes":0,"requeues":0}}"#
    );
    let names = format!(
        r#""key":"{KEY}","source":"{EVIL}","id":"{EVIL}","type":"{EVIL}","subject":"{EVIL}","correlation_id":"{EVIL}",
           "received_at":"2026-05-01T12:00:00Z""#
    );
    let line = format!(r#"{{{names},"state":"dead"}}"#).replace('\n', " ");
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/events") if request.wants_lines() => Answer::lines(line),
        ("GET", "/events") => Answer::ok(format!(r#"{{"events":[{line}]}}"#)),
        ("GET", "/dead-letters") => Answer::ok(format!(r#"{{"letters":[{{{names},{death}}}]}}"#)),
        ("GET", "/workers") => Answer::ok(
            format!(
                r#"{{"workers":[{{"id":"0190a5d0-0000-7000-8000-000000000001","name":"{EVIL}","patterns":["a.\u202e*"],
                "joined_at":"2026-05-01T12:00:00Z","renewed_at":"2026-05-01T12:00:00Z","living":true,"running":0,
                "beat":{{"version":"{EVIL}","stalled":["{EVIL}"]}}}}]}}"#
            )
            .replace("a.\\u202e*", "a.*"),
        ),
        ("GET", "/handlers") => Answer::ok(
            "{\"version\":1,\"paused\":false,\"handlers\":[{\"pattern\":\"a\u{202e}\u{200b}.*\",\"paused\":true,\"carriers\":0}]}",
        ),
        ("GET", "/audit") => Answer::ok(format!(
            r#"{{"entries":[{{"seq":1,"at":"2026-05-01T12:00:00Z","actor":"{EVIL}","action":"{EVIL}","subject":"{EVIL}"}}]}}"#
        )),
        ("GET", path) if path.ends_with(KEY) => Answer::ok(format!(
            r#"{{{names},"id_given":true,"state":"dead","time":"2026-05-01T12:00:00Z","copies_seen":1,{death},
                "extensions":{{"a":"{EVIL_RAW}"}},"data":{{"a":
                    "{EVIL_RAW}"}},
                "attempts":[{{"number":1,"result":"failed","worker":"0190a5d0-0000-7000-8000-000000000001",
                  "ended_at":"2026-05-01T12:00:01Z","duration_ms":1.0,"error":"{EVIL}"}}]}}"#
        )),
        ("POST", "/events") if request.body.starts_with(b"[") => Answer::ok(format!(
            r#"{{"accepted":0,"duplicates":0,"rejected":1,"results":[{{"index":0,"status":"rejected",
                "error":{{"code":"{EVIL}","detail":"{EVIL}"}}}}]}}"#
        )),
        ("POST", "/events") => Answer::json(
            202,
            format!(
                r#"{{"id":"{EVIL}","source":"{EVIL}","key":"{KEY}","status":"accepted","correlation_id":"{EVIL}"}}"#
            ),
        ),
        _ => Answer::problem(503, "x\u{1b}[2J", "x\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}\u{202e}\ny"),
    }
}

fn assert_safe(args: &[&str], ran: &Ran) {
    let is_evil = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
    };
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(is_evil), "{args:?}: {text:?}");
        assert!(
            !text.lines().any(|line| line.starts_with('y')),
            "{args:?}: a line of its own: {text:?}"
        );
    }
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let api = Api::start(answer);
    for args in [
        &["events"][..],
        &["events", "--all"],
        &["events", KEY],
        &["why", KEY],
        &["dlq", "list"],
        &["dlq", "inspect", KEY],
        &["workers"],
        &["handlers"],
        &["audit"],
        &["status"],
        &["doctor"],
        &["send", "--type", "t"],
        &["pause"],
    ] {
        let ran = run(&api.url, args);
        assert_safe(args, &ran);
        let as_json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let ran = run(&api.url, &as_json);
        assert_safe(&as_json, &ran);
        ran.json_lines();
    }
}

#[test]
fn what_is_shown_says_what_it_was() {
    let api = Api::start(answer);
    let ran = run(&api.url, &["why", KEY]);
    assert!(
        ran.stdout
            .contains(r"x\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{7f}\u{d}\u{a}y"),
        "{ran:?}"
    );
    let ran = run(&api.url, &["events", KEY, "--json"]);
    assert_eq!(ran.json_lines()[0]["data"]["a"], EVIL_RAW, "JSON keeps the value");
}

#[test]
fn refusals_of_single_lines_are_safe_too() {
    let api = Api::start(answer);
    for args in [&["send"][..], &["send", "--json"]] {
        let ran = run_with(&api.url, args, "{\"type\":\"t\"}\nx\u{1b}[2J\n");
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.stderr.contains("line 1: rejected") && ran.stderr.contains("line 2: rejected"),
            "{ran:?}"
        );
        assert_safe(args, &ran);
    }
}

#[test]
fn what_was_typed_is_not_trusted_either() {
    let api = Api::start(|_| Answer::problem(404, "not-found", "No."));
    let args = ["why", "x\u{1b}[2J\u{202e}"];
    let ran = run(&api.url, &args);
    assert_eq!(ran.code, 1);
    assert_safe(&args, &ran);
    let args = ["dlq", "requeue", "x\u{1b}[2J\u{202e}"];
    let ran = run(&api.url, &args);
    assert_eq!(ran.code, 2);
    assert_safe(&args, &ran);
    let ran = run("http://x\u{1b}y", &["status"]);
    assert_safe(&["--api"], &ran);
}
