//! Pipes: closed early, or slow to bring the next line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc;

use crate::api::{Answer, Api};
use crate::tool::{efctl, ended};

const LINE: &str = r#"{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","state":"done","type":"order.created"}"#;

#[test]
fn a_reader_who_has_had_enough_ends_it_without_a_word() {
    let api = Api::start(|_| Answer::lines(format!("{LINE}\n").repeat(50_000)));
    for args in [&["events", "--all"][..], &["events", "--all", "--json"]] {
        let mut child = efctl(&api.url, args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        reader.read_line(&mut line).expect("a line");
        drop(reader);
        let ran = ended(child.wait_with_output().expect("it ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        assert!(!line.is_empty());
    }
}

#[test]
fn what_went_wrong_is_told_by_the_code_although_nobody_reads() {
    let api = Api::start(|request| match request.path.as_str() {
        "/dead-letters/requeue" => {
            let body = String::from_utf8(request.body.clone()).expect("UTF-8");
            let key = body.split('"').nth(3).expect("a key").to_owned();
            Answer::json(
                202,
                format!(
                    r#"{{"id":"0190a5d0-0000-7000-8000-000000000001","action":"requeue","actor":"a",
                      "at":"2026-05-01T12:00:00Z","applied":0,"stored":0,"refused":[{{"key":"{key}","why":"not-dead"}}]}}"#
                ),
            )
        }
        _ => Answer::problem(422, "invalid-event", "No."),
    });
    let many: Vec<String> = (0..1500).map(|n| format!("9d4eb02a-cf1e-88c7-9bb1-{n:012x}")).collect();
    let mut requeue = vec!["dlq", "requeue", "--yes"];
    requeue.extend(many.iter().map(String::as_str));
    for args in [&["send", "--type", "t", "--count", "3"][..], &["doctor"], &requeue] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = efctl(&api.url, args).stdout(writer).output().expect("it runs");
        assert_eq!(ended(ran).code, 1, "{:?}", &args[..1]);
    }
    let orders = api.seen().iter().filter(|r| r.path == "/dead-letters/requeue").count();
    assert_eq!(orders, 2, "what was confirmed is done to its end");
}

#[test]
fn a_closed_stderr_is_no_reason_to_panic() {
    let api = Api::start(|_| Answer::problem(404, "not-found", "No."));
    let mut child = efctl(&api.url, &["events", "--id", "a"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_line_is_sent_before_the_next_one_comes() {
    let (tx, rx) = mpsc::channel();
    let api = Api::start(move |request| {
        tx.send(request.body.clone()).expect("somebody waits");
        Answer::ok(r#"{"accepted":1,"duplicates":0,"rejected":0,"results":[{"index":0,"status":"accepted"}]}"#)
    });
    let mut child = efctl(&api.url, &["send"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    for n in 1..=3 {
        writeln!(stdin, "{{\"id\":\"{n}\",\"type\":\"t\"}}").expect("it reads");
        // Blocks the test for ever where lines are held back, so that the next one is never written.
        let body = rx.recv().expect("a request");
        assert_eq!(body, format!("[{{\"id\":\"{n}\",\"type\":\"t\"}}]").as_bytes());
    }
    drop(stdin);
    let ran = ended(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("accepted 3  duplicates 0  rejected 0"),
        "{ran:?}"
    );
}
