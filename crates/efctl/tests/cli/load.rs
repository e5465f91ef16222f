//! `efctl load`, against an EventFlow that keeps what it acknowledges, or does not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use eventflow_core::EventKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::api::{Answer, Api, Request, nobody};
use crate::tool::{Ran, efctl, ended, run};

const STATS: &str = r#"{"version":"0.1.0","at":"2026-05-01T12:00:00Z","uptime_s":1.0,"durability":"disk",
    "intake":{"accepted":0,"direct":0,"duplicates":0,"rejected":{},"in_flight":0,"accepted_per_s":0.0},
    "backlog":{"events":0,"cap":10,"estimate":true},"ledger":{"due":0,"running":0,"age_s":0.1,"estimate":true},
    "letters":{"dead":0,"discarded":0},"handlers":[],"backends":[]}"#;

/// What a store of one table has kept: lines of a list by their keys.
type Kept = Arc<Mutex<BTreeMap<EventKey, String>>>;

/// An EventFlow that forgets every `forgets`th event that it has acknowledged.
fn eventflow(forgets: usize, heard: impl Fn() + Send + Sync + 'static) -> Api {
    let kept = Kept::default();
    let count = Mutex::new(0);
    Api::start(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/readyz") => Answer::ok(r#"{"status":"pass","taken_by":"ledger"}"#),
        ("GET", "/stats") => Answer::ok(STATS),
        ("GET", "/events") => Answer::lines(kept.lock().expect("the store").values().cloned().collect()),
        ("POST", "/events") => {
            heard();
            let mut count = count.lock().expect("the count");
            *count += 1;
            take(request, (!usize::is_multiple_of(*count, forgets)).then_some(&kept))
        }
        _ => Answer::problem(404, "not-found", "No such thing."),
    })
}

fn take(request: &Request, kept: Option<&Kept>) -> Answer {
    let event: Value = serde_json::from_slice(&request.body).expect("an event");
    let text = |member: &str| event[member].as_str().expect("a text").to_owned();
    let (source, id) = (text("source"), text("id"));
    let key = EventKey::of(&source, &id);
    let line = format!(
        "{}\n",
        serde_json::json!({
            "key": key, "source": source, "id": id, "type": event["type"], "state": "done",
            "received_at": "2026-05-01T12:00:00Z", "admitted_at": "2026-05-01T12:00:00Z",
            "runs": 0,
        })
    );
    if let Some(kept) = kept {
        kept.lock().expect("the store").insert(key, line);
    }
    Answer::json(
        202,
        serde_json::json!({"id": id, "source": source, "key": key, "status": "accepted", "correlation_id": "c"})
            .to_string(),
    )
}

fn faithful() -> Api {
    eventflow(usize::MAX, || {})
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Twenty events in a tenth of a second.
fn twenty(api: &str, out: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["load", "--events", "20", "--rate", "200", "--out", text(out)];
    args.extend(more);
    run(api, &args)
}

#[test]
fn what_is_acknowledged_and_kept_passes_and_leaves_its_files() {
    let (api, out) = (faithful(), folder());
    let ran = twenty(&api.url, out.path(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("PASS  ad-hoc: all "), "{ran:?}");
    assert!(ran.stdout.contains("20 sent  20 acknowledged"), "{ran:?}");
    assert!(ran.stderr.contains("==> sending"), "{ran:?}");
    for name in [
        "summary.json",
        "report.html",
        "series.csv",
        "scopes.csv",
        "junit.xml",
        "scenario.toml",
        "journal.ndjson",
    ] {
        assert!(out.path().join(name).is_file(), "{name}");
    }
    let compared = run(&api.url, &["load", "compare", text(out.path()), text(out.path())]);
    assert_eq!((compared.code, compared.stdout.as_str()), (0, ""), "{compared:?}");
    assert!(compared.stderr.starts_with("0 worse, 0 better, "), "{compared:?}");
}

#[test]
fn what_is_lost_is_3_and_named() {
    let (api, out) = (eventflow(7, || {}), folder());
    let ran = twenty(&api.url, out.path(), &["--json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let summaries = ran.json_lines();
    assert_eq!(summaries.len(), 1, "{ran:?}");
    assert_eq!(summaries[0]["verdict"]["outcome"], "broken");
    let lost = &summaries[0]["facts"]["tally"]["lost"];
    assert_eq!(lost["count"], 2);
    assert_eq!(lost["keys"].as_array().map(Vec::len), Some(2));
    assert!(ran.stderr.contains("BROKEN ad-hoc: an invariant is broken"), "{ran:?}");

    let well = folder();
    assert_eq!(twenty(&faithful().url, well.path(), &[]).code, 0);
    let worse = run(&api.url, &["load", "compare", text(well.path()), text(out.path())]);
    assert_eq!(worse.code, 1, "{worse:?}");
    assert!(
        worse.stdout.contains("WORSE") && worse.stdout.contains("lost"),
        "{worse:?}"
    );
}

#[test]
fn a_load_that_is_refused_from_beginning_to_end_is_no_pass_but_4() {
    let api = Api::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/readyz") => Answer::ok(r#"{"status":"pass","taken_by":"ledger"}"#),
        ("GET", "/stats") => Answer::ok(STATS),
        ("GET", "/events") => Answer::lines(String::new()),
        _ => Answer::problem(413, "too-large", "Too large."),
    });
    let out = folder();
    let ran = twenty(&api.url, out.path(), &[]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.stdout
            .starts_with("INCONCLUSIVE  ad-hoc: nobody can say: acknowledged"),
        "{ran:?}"
    );
}

#[test]
fn an_api_that_is_away_is_69() {
    let out = folder();
    let ran = twenty(&nobody(), out.path(), &[]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.stderr.contains("EVENTFLOW_API"), "{ran:?}");
}

/// A long load that has begun, and its first event has come.
fn begun(out: &Path, answers: bool) -> (Api, Child) {
    let (tx, rx) = mpsc::channel();
    let tx = Mutex::new(tx);
    let api = eventflow(usize::MAX, move || {
        // Only the first is awaited.
        let _ = tx.lock().expect("the sender").send(());
        if !answers {
            thread::park();
        }
    });
    let args = ["load", "--events", "10000", "--rate", "100", "--out", text(out)];
    let child = efctl(&api.url, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    rx.recv().expect("an event");
    (api, child.expect("it runs"))
}

fn kill(child: &Child, signal: &str) {
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
}

#[test]
fn an_interrupt_is_130_and_what_was_found_is_told() {
    for signal in ["-INT", "-TERM"] {
        let out = folder();
        let (_api, child) = begun(out.path(), true);
        kill(&child, signal);
        let ran = ended(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, 130, "{ran:?}");
        assert!(ran.stdout.starts_with("INTERRUPTED  ad-hoc"), "{ran:?}");
        assert!(out.path().join("report.html").is_file());
    }
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let out = folder();
    let (_api, mut child) = begun(out.path(), false);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    kill(&child, "-INT");
    let mut line = String::new();
    while !line.starts_with("stopping: ") {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("UTF-8") > 0, "it ended by itself");
    }
    kill(&child, "-INT");
    line.clear();
    stderr.read_to_string(&mut line).expect("UTF-8");
    let ran = ended(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran:?}");
    assert!(line.ends_with("efctl: interrupted\n"), "{line}");
}

#[test]
fn a_bad_file_is_2_and_says_where() {
    let folder = folder();
    let bad = folder.path().join("bad.toml");
    fs::write(
        &bad,
        "schema = 1\nname = \"x\"\nphases = [{ name = \"a\", for = \"1s\", rat = \"1/s\" }]\nmix = []\n",
    )
    .expect("a file");
    for args in [
        &["load", text(&bad)][..],
        &["load", "check", text(&bad)],
        &["load", "plan", text(&bad)],
    ] {
        let ran = run(&nobody(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("bad.toml:3:"), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("rate"), "{args:?}: {ran:?}");
    }
    let json = run(&nobody(), &["load", "check", "--json", text(&bad)]);
    let checked = json.json_lines();
    assert!(
        checked[0]["fine"] == false && checked[0]["problems"][0]["line"] == 3,
        "{json:?}"
    );
}

#[test]
fn what_cannot_be_meant_is_2() {
    for args in [
        &["load"][..],
        &["load", "--rate", "5"],
        &["load", "--events", "0"],
        &["load", "--events", "5", "--rate", "-1"],
        &["load", "--events", "5", "file.toml"],
        &["load", "--events", "5", "--data", "{"],
        &["load", "/nowhere/at/all.toml"],
        &["load", "check"],
        &["load", "compare", "/nowhere", "/nowhere"],
        &["load", "compare", "a", "b", "--noise", "x"],
        &["load", "file.toml", "--stack", "moon"],
    ] {
        let folder = folder();
        let ran = ended(
            efctl(&nobody(), args)
                .current_dir(folder.path())
                .output()
                .expect("it runs"),
        );
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}: {ran:?}");
        let left = fs::read_dir(folder.path().join(".eventflow/load")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{args:?}: no folder without a run");
    }
}

#[test]
fn a_plan_depends_on_nothing_but_file_and_seed() {
    let folder = folder();
    let file = folder.path().join("a.toml");
    let scenario = "schema = 1\nname = \"a\"\nphases = [{ name = \"p\", for = \"10s\", rate = \"50/s\", arrivals = \"poisson\" }]\n\
                    mix = [{ weight = 1, event = \"a.b\" }]\n";
    fs::write(&file, scenario).expect("a file");
    let plan = |seed: &str| {
        let ran = run(&nobody(), &["load", "plan", text(&file), "--seed", seed, "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json_lines().remove(0)
    };
    assert_eq!(plan("1"), plan("1"));
    assert_ne!(plan("1"), plan("2"));
    let checked = run(&nobody(), &["load", "check", text(&file)]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(
        checked
            .stdout
            .ends_with("a.toml: fine: 2 phases, 0 faults, 10 s of load\n"),
        "{checked:?}"
    );
}

#[test]
fn the_schema_is_json() {
    let ran = run(&nobody(), &["load", "schema"]);
    let schema: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert!(ran.code == 0 && schema["properties"]["phases"].is_object(), "{ran:?}");
}
