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
