//! Sending much: nothing dropped, nothing under two ids, whatever the API does in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Answer, Api, Request};
use crate::tool::{run, run_with};

/// An API that keeps what it acknowledges.
#[derive(Default)]
struct Store {
    /// By id: the number in the payload.
    kept: Mutex<BTreeMap<String, u64>>,
}

impl Store {
    /// Takes a batch as the real one does.
    fn take(&self, request: &Request) -> Value {
        let events: Vec<Value> = serde_json::from_slice(&request.body).expect("a JSON array");
        assert!(events.len() <= 1_000 && request.body.len() <= 1024 * 1024);
        let mut kept = self.kept.lock().expect("the store");
        let results: Vec<Value> = events
            .iter()
            .enumerate()
            .map(|(index, event)| {
                let id = event["id"].as_str().expect("an id").to_owned();
                let n = event["data"]["n"].as_u64().expect("a number");
                let before = kept.insert(id, n);
                assert!(before.is_none_or(|before| before == n), "an id of two events");
                let status = if before.is_some() { "duplicate" } else { "accepted" };
                json!({"index": index, "status": status})
            })
            .collect();
        let count = |status: &str| results.iter().filter(|r| r["status"] == status).count();
        json!({"accepted": count("accepted"), "duplicates": count("duplicate"), "rejected": 0, "results": results})
    }

    /// Every number once, under one id.
    fn assert_whole(&self, n: u64) {
        let kept = self.kept.lock().expect("the store");
        let numbers: BTreeSet<u64> = kept.values().copied().collect();
        assert_eq!(numbers, (1..=n).collect());
        assert_eq!(kept.len(), numbers.len(), "an event under two ids");
    }
}

/// Lines of which every second one bears an id.
fn lines(n: u64) -> String {
    (1..=n)
        .map(|n| match n % 2 {
            0 => format!("{{\"type\":\"t\",\"id\":\"given-{n}\",\"data\":{{\"n\":{n}}}}}\n"),
            _ => format!("{{\"type\":\"t\",\"data\":{{\"n\":{n}}}}}\n"),
        })
        .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("it is written");
    file
}

#[test]
fn a_file_goes_in_whole_through_an_api_that_stumbles() {
    let store = Arc::new(Store::default());
    let (kept, calls) = (Arc::clone(&store), AtomicUsize::new(0));
    let api = Api::start(move |request| match calls.fetch_add(1, Ordering::SeqCst) % 5 {
        0 => Answer::problem(503, "backlog-full", "Try later.").retry_after(0),
        1 => Answer::problem(429, "too-many", "Slower.").retry_after(0),
        // Carried out, and the answer is lost.
        2 => {
            kept.take(request);
            Answer::Lost
        }
        _ => Answer::ok(kept.take(request).to_string()),
    });
    let file = file(&lines(10_000));
    let path = file.path().to_str().expect("UTF-8");
    let ran = run(&api.url, &["send", "--file", path, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    store.assert_whole(10_000);
    let report = &ran.json_lines()[0];
    let count = |name: &str| report[name].as_u64().expect("a number");
    assert_eq!(count("sent"), 10_000);
    assert_eq!(count("accepted") + count("duplicates"), 10_000);
    assert_eq!((count("rejected"), count("unknown")), (0, 0));
    assert_eq!(
        count("duplicates"),
        count("duplicates_maybe_own"),
        "all duplicates are its own: {report}"
    );
    assert_eq!(count("ids_assigned"), 5_000);
    assert!(count("retries") > 0);
}

#[test]
fn batches_go_out_side_by_side_and_no_more_than_eight() {
    let gate = Arc::new((Mutex::new((0_usize, 0_usize)), Condvar::new()));
    let (store, inside) = (Arc::new(Store::default()), Arc::clone(&gate));
    let kept = Arc::clone(&store);
    let api = Api::start(move |request| {
        let (count, changed) = &*inside;
        let mut now = count.lock().expect("the count");
        now.0 += 1;
        now.1 = now.1.max(now.0);
        changed.notify_all();
        // Nobody is answered before eight are here at once; the deadline only ends a failed test.
        let (mut now, _) = changed
            .wait_timeout_while(now, Duration::from_secs(20), |now| now.1 < 8)
            .expect("the count");
        now.0 -= 1;
        drop(now);
        Answer::ok(kept.take(request).to_string())
    });
    let ran = run_with(&api.url, &["send", "--file", "-"], &lines(20_000));
    assert_eq!(ran.code, 0, "{ran:?}");
    store.assert_whole(20_000);
    assert_eq!(gate.0.lock().expect("the count").1, 8);
}

#[test]
fn a_bad_event_stops_no_neighbour() {
    let store = Arc::new(Store::default());
    let kept = Arc::clone(&store);
    // Refuses a whole body for one event in it, and names nothing.
    let api = Api::start(move |request| {
        let bad = String::from_utf8_lossy(&request.body).contains("poison");
        if bad {
            return Answer::problem(400, "malformed-json", "A control character stands in a string.");
        }
        Answer::ok(kept.take(request).to_string())
    });
    let input = lines(777).replace("\"given-300\"", "\"poison\"");
    let ran = run_with(&api.url, &["send"], &input);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stdout.starts_with("accepted 776  duplicates 0  rejected 1  in "),
        "{ran:?}"
    );
    assert!(
        ran.stderr.starts_with("line 300: rejected: A control character"),
        "{ran:?}"
    );
    assert_eq!(store.kept.lock().expect("the store").len(), 776);
}

#[test]
fn refusals_that_are_named_need_no_search() {
    let api = Api::start(|request| {
        let events: Vec<Value> = serde_json::from_slice(&request.body).expect("a JSON array");
        let errors: Vec<Value> = (0..events.len())
            .map(|i| json!({"index": i, "code": "too-deep", "detail": "Nest less."}))
            .collect();
        Answer::Whole {
            status: 422,
            media_type: "application/problem+json",
            headers: Vec::new(),
            body: json!({"type": "/problems/batch-rejected", "title": "T", "status": 422, "detail": "All.", "errors": errors})
                .to_string(),
        }
    });
    let ran = run_with(&api.url, &["send"], &lines(3));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(api.seen().len(), 1);
    assert_eq!(ran.stderr.matches("Nest less. (too-deep)").count(), 3, "{ran:?}");
}

#[test]
fn what_may_be_taken_later_is_sent_again_alone() {
    let calls = AtomicUsize::new(0);
    let api = Api::start(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::ok(
            r#"{"accepted":1,"duplicates":0,"rejected":1,"results":[{"index":0,"status":"accepted"},
                {"index":1,"status":"rejected","retryable":true,"error":{"code":"backlog-full","detail":"Later."}}]}"#,
        ),
        _ => Answer::ok(r#"{"accepted":1,"duplicates":0,"rejected":0,"results":[{"index":0,"status":"accepted"}]}"#),
    });
    let ran = run_with(&api.url, &["send"], &lines(2));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("accepted 2"), "{ran:?}");
    let again: Vec<Value> = serde_json::from_slice(&api.seen()[1].body).expect("a JSON array");
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["id"], "given-2");
}

#[test]
fn a_single_event_keeps_its_id_over_all_tries() {
    let calls = AtomicUsize::new(0);
    let api = Api::start(move |request| {
        let event: Value = serde_json::from_slice(&request.body).expect("a JSON object");
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::problem(503, "store-away", "Try later."),
            1 => Answer::Lost,
            _ => Answer::json(
                202,
                json!({"id": event["id"], "source": "/", "key": "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777",
                       "status": "duplicate", "correlation_id": "c"})
                .to_string(),
            ),
        }
    });
    let ran = run(&api.url, &["send", "--type", "t", "--data", r#"{"total":7}"#]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let seen = api.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.body == seen[0].body));
    assert_eq!(ran.stderr.matches("trying again").count(), 1, "said once: {ran:?}");
}

#[test]
fn an_api_that_goes_away_for_good_is_told_with_what_is_not_known() {
    let store = Arc::new(Store::default());
    let (kept, calls) = (Arc::clone(&store), AtomicUsize::new(0));
    let api = Api::start(move |request| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::ok(kept.take(request).to_string()),
        _ => Answer::problem(503, "store-away", "The store is away.").retry_after(3600),
    });
    let ran = run_with(&api.url, &["send"], &lines(5_000));
    assert_eq!(ran.code, 69, "{ran:?}");
    let kept = store.kept.lock().expect("the store").len();
    assert!(
        ran.stdout
            .starts_with(&format!("accepted {kept}  duplicates 0  rejected 0  unknown ")),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("got their id here"), "{ran:?}");
    assert!(ran.stderr.contains("come again in 3600 s"), "{ran:?}");
}

#[test]
fn many_of_the_same_have_ids_of_their_own() {
    let store = Arc::new(Mutex::new(BTreeSet::new()));
    let ids = Arc::clone(&store);
    let api = Api::start(move |request| {
        let events: Vec<Value> = serde_json::from_slice(&request.body).expect("a JSON array");
        let mut ids = ids.lock().expect("the store");
        let results: Vec<Value> = (0..events.len())
            .map(|i| json!({"index": i, "status": "accepted"}))
            .collect();
        ids.extend(events.iter().map(|event| event["id"].to_string()));
        assert!(
            events
                .iter()
                .all(|event| event["subject"] == "s" && event["source"] == "shop")
        );
        Answer::ok(json!({"accepted": events.len(), "duplicates": 0, "rejected": 0, "results": results}).to_string())
    });
    let args = [
        "send",
        "--type",
        "t",
        "--source",
        "shop",
        "--subject",
        "s",
        "--count",
        "1234",
    ];
    let ran = run(&api.url, &args);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("accepted 1,234  duplicates 0  rejected 0  in "),
        "{ran:?}"
    );
    assert_eq!(store.lock().expect("the store").len(), 1_234);
}
