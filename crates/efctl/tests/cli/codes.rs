//! Every exit code.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex};

use crate::api::{Answer, Api, nobody};
use crate::tool::{efctl, ended, run, run_with};

const KEY: &str = "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777";

#[test]
fn help_and_completions_are_fine() {
    for args in [
        &["--help"][..],
        &["send", "--help"],
        &["completions", "bash"],
        &["--version"],
    ] {
        let ran = run(&nobody(), args);
        assert_eq!(ran.code, 0, "{args:?}");
        assert!(ran.stdout.contains("efctl"), "{args:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_2_and_asks_nobody() {
    let api = Api::start(|_| Answer::problem(500, "internal", "not expected"));
    for args in [
        &["nonsense"][..],
        &["why"],
        &["why", KEY, "--source", "checkout"],
        &["dlq", "inspect", "not-a-key"],
        &["dlq", "requeue"],
        &["dlq", "list", "--reason", "bored"],
        &["dlq", "list", "--data"],
        &["events", "--state", "queued"],
        &["events", "--from", "yesterday"],
        &["events", "--all", "--limit", "3"],
        &["pause", "order.cr*"],
        &["send", "--type", "t", "--data", "not json"],
        &["send", "--type", "t", "--count", "0"],
        &["send", "--type", "t", "--count", "2", "--id", "a"],
        &["send", "--data", "{}"],
        &["send", "--file", "/nowhere/at/all"],
        &["send", "--file", "/"],
        &["completions", "no-shell"],
    ] {
        let ran = run(&api.url, args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
    assert!(api.seen().is_empty());
    assert_eq!(run("ftp://127.0.0.1", &["status"]).code, 2);
    assert_eq!(run(&api.url, &["status", "--token", "a b"]).code, 2);
}

#[test]
fn an_answer_of_no_is_1() {
    let api = Api::start(|request| match request.method.as_str() {
        "GET" => Answer::problem(404, "not-found", "No such event."),
        _ => Answer::problem(422, "invalid-event", "`type` is empty."),
    });
    for args in [
        &["why", KEY][..],
        &["events", "--id", "4711"],
        &["dlq", "inspect", KEY],
        &["send", "--type", ""],
        &["handlers", "retire", "order.*"],
        &["pause", "order.*"],
    ] {
        let ran = run(&api.url, args);
        assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
        assert!(
            ran.stderr.starts_with("efctl: ") && ran.stdout.is_empty(),
            "{args:?}: {ran:?}"
        );
    }
}

#[test]
fn an_api_that_nobody_reaches_is_69_and_a_finding_of_the_doctor() {
    let api = nobody();
    for args in [
        &["status"][..],
        &["why", KEY],
        &["events", "--all"],
        &["workers"],
        &["handlers"],
        &["pause"],
        &["audit"],
        &["dlq", "list"],
        &["send", "--type", "t", "--patience", "0"],
        &["send", "--type", "t", "--count", "3", "--patience", "0"],
    ] {
        let ran = run(&api, args);
        assert_eq!(ran.code, 69, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("eventflow dev"), "{args:?}: {ran:?}");
    }
    let ran = run(&api, &["send", "--type", "t", "--count", "3", "--patience", "0"]);
    assert!(
        ran.stdout.starts_with("accepted 0  duplicates 0  rejected 0  in "),
        "{ran:?}"
    );
    assert!(ran.stderr.starts_with("nothing was taken\n"), "{ran:?}");
    let doctor = run(&api, &["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.stdout.contains("WRONG  api"), "{doctor:?}");
    assert!(doctor.stdout.contains("> start it"), "{doctor:?}");
}

#[test]
fn an_api_that_cannot_serve_now_is_69() {
    let api = Api::start(|_| Answer::problem(503, "store-away", "The store is away.").retry_after(3600));
    for args in [
        &["status"][..],
        &["events"],
        &["send", "--type", "t"],
        &["send", "--type", "t", "--count", "3"],
    ] {
        let ran = run(&api.url, args);
        assert_eq!(ran.code, 69, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("The store is away."), "{args:?}: {ran:?}");
    }
}

#[test]
fn what_is_not_allowed_is_77() {
    for status in [401, 403] {
        let api = Api::start(move |_| Answer::problem(status, "unauthorized", "Present a token."));
        for args in [
            &["status"][..],
            &["events", "--all", "--json"],
            &["send", "--type", "t"],
            &["send", "--type", "t", "--count", "3"],
            &["dlq", "requeue", "--yes", KEY],
        ] {
            let ran = run(&api.url, args);
            assert_eq!(ran.code, 77, "{args:?}: {ran:?}");
            assert!(ran.stderr.contains("EVENTFLOW_TOKEN"), "{args:?}: {ran:?}");
        }
    }
}

#[test]
fn the_token_is_presented_and_never_shown() {
    let api = Api::start(|request| match request.headers.get("authorization") {
        Some(value) if value == "Bearer s3cr3t-canary" => Answer::ok(r#"{"workers":[]}"#),
        _ => Answer::problem(401, "unauthorized", "Present a token."),
    });
    assert_eq!(run(&api.url, &["workers", "--token", "s3cr3t-canary"]).code, 0);
    let by_environment = efctl(&api.url, &["workers"])
        .env("EVENTFLOW_TOKEN", "s3cr3t-canary")
        .output();
    assert_eq!(ended(by_environment.expect("it runs")).code, 0);
    let help = efctl(&api.url, &["--help"])
        .env("EVENTFLOW_TOKEN", "s3cr3t-canary")
        .output();
    assert!(!ended(help.expect("it runs")).stdout.contains("canary"));
    assert_eq!(run(&api.url, &["workers"]).code, 77);
}

#[test]
fn without_a_terminal_nothing_is_changed_unless_yes_is_said() {
    let api = Api::start(|request| {
        assert_eq!(request.path, "/dead-letters/requeue");
        Answer::json(
            202,
            format!(
                r#"{{"id":"0190a5d0-0000-7000-8000-000000000001","action":"requeue","actor":"a",
                  "at":"2026-05-01T12:00:00Z","applied":0,"stored":0,"refused":[{{"key":"{KEY}","why":"not-dead"}}]}}"#
            ),
        )
    });
    let ran = run_with(&api.url, &["dlq", "requeue", KEY], "1\n");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--yes"), "{ran:?}");
    assert!(api.seen().is_empty());
    let ran = run(&api.url, &["dlq", "requeue", "--yes", KEY, KEY]);
    assert_eq!(ran.code, 1, "what was refused is an answer of no: {ran:?}");
    assert!(ran.stderr.contains("not dead (any more)"), "{ran:?}");
    let body = String::from_utf8(api.seen()[0].body.clone()).expect("UTF-8");
    assert_eq!(body.matches(KEY).count(), 1, "a key twice counts once");
}

#[test]
fn an_interrupt_is_130() {
    static ENDLESS: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
    for args in [
        &["status"][..],
        &["send", "--type", "t"],
        &["send", "--type", "t", "--count", "9"],
    ] {
        let (tx, rx) = mpsc::channel();
        let api = Api::start(move |_| {
            tx.send(()).expect("somebody waits");
            let never = ENDLESS.0.lock().expect("the lock");
            drop(ENDLESS.1.wait(never));
            Answer::Lost
        });
        let child = efctl(&api.url, args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        rx.recv().expect("a request");
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        let ran = ended(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, 130, "{args:?}: {ran:?}");
        if args.contains(&"--count") {
            assert!(
                ran.stdout
                    .starts_with("accepted 0  duplicates 0  rejected 0  unknown 9"),
                "{ran:?}"
            );
        }
    }
}
