//! Runs as their journal and the store tell them, and what is counted.

use std::collections::BTreeMap;
use std::future::ready;
use std::io::{self, Write as _};
use std::path::PathBuf;

use eventflow_core::EventState;
use futures_util::stream;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::journal::testing::{SOURCE, head, send};
use crate::journal::{Answer, Journal};
use crate::verdict::Class;
use crate::verdict::testing::{at, key, row, scenario};

const ACKED: &str = r#""fate":"acked""#;
const DUPLICATE: &str = r#""fate":"duplicate""#;
const REFUSED: &str = r#""fate":"rejected","status":413,"why":"too-large""#;
const FAILED: &str = r#""fate":"rejected","status":503,"why":"no-place""#;
const TIMEOUT: &str = r#""fate":"unknown","why":"timeout""#;
const NOT_SENT: &str = r#""fate":"not_sent""#;

const ORDER: u16 = 0;
const POISON: u16 = 1;
const HUGE: u16 = 2;

/// A run: its journal, and what the store knows.
struct Run {
    journal: String,
    seq: u64,
    listed: Vec<Row>,
    elsewhere: BTreeMap<EventKey, Row>,
}

impl Run {
    fn new() -> Self {
        let head = json!({"journal": {
            "version": 1, "scenario": "s", "run": "r", "source": SOURCE, "seed": 7, "began": at(0.0).to_string(),
        }});
        Self {
            journal: format!("{head}\n{}\n", json!({"begin": {"at": 0}})),
            seq: 0,
            listed: Vec::new(),
            elsewhere: BTreeMap::new(),
        }
    }

    /// An attempt in `steady`, a second after the one before.
    fn sent(mut self, id: &str, kind: u16, fate: &str) -> Self {
        let (seq, at) = (self.seq, (10 + self.seq) * 1_000_000);
        self.seq += 1;
        let send = json!({"send": {
            "seq": seq, "at": at, "key": key(id), "id": id, "intended": at, "phase": 1, "kind": kind, "resend": false,
        }});
        let answer = format!(r#"{{"answer":{{"seq":{seq},"at":{},{fate}}}}}"#, at + 1);
        self.journal
            .extend([send.to_string(), "\n".into(), answer, "\n".into()]);
        self
    }

    fn destroyed(mut self, id: &str) -> Self {
        let at = (10 + self.seq) * 1_000_000 - 1;
        let destroyed = json!({"destroyed": {"at": at, "keys": [key(id)]}});
        self.journal.extend([destroyed.to_string(), "\n".into()]);
        self
    }

    fn listed(mut self, id: &str, state: EventState) -> Self {
        self.listed.push(row(id, state));
        self
    }

    fn listed_as(mut self, row: Row) -> Self {
        self.listed.push(row);
        self
    }

    /// Known by its key, and not on the list.
    fn elsewhere(mut self, id: &str, state: EventState) -> Self {
        self.elsewhere.insert(key(id), row(id, state));
        self
    }

    fn file(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        std::fs::write(&path, &self.journal).expect("written");
        (folder, path)
    }

    async fn reconciled(mut self) -> (Tally, Vec<Finished>) {
        self.listed.sort_by_key(|row| row.key);
        let (_folder, path) = self.file();
        let mut known = self.elsewhere;
        known.extend(self.listed.iter().map(|row| (row.key, row.clone())));
        let find = |key| ready(Ok(known.get(&key).cloned()));
        // As the list of the API, it must not be asked again when it has ended.
        let rows = stream::unfold(self.listed.into_iter(), |mut rows| async move {
            rows.next().map(|row| (Ok::<_, io::Error>(row), rows))
        });
        let mut finished = Vec::new();
        let ended = |event: &Finished| finished.push(event.clone());
        let reconciled = reconcile(&path, &scenario(), &[], rows, find, ended)
            .await
            .expect("reconciled");
        finished.sort_by_key(|event| event.intended);
        (reconciled.tally, finished)
    }

    async fn tally(self) -> Tally {
        self.reconciled().await.0
    }
}

fn only(id: &str) -> Class {
    Class {
        count: 1,
        keys: vec![key(id)],
    }
}

/// All classes but those named are empty.
#[track_caller]
fn wrong(tally: &Tally, expected: &[&str]) {
    let found: Vec<&str> = [
        ("lost", &tally.lost),
        ("duplicate", &tally.duplicate),
        ("both", &tally.both),
        ("unexpected", &tally.unexpected),
        ("run_twice", &tally.run_twice),
        ("dead_unasked", &tally.dead_unasked),
        ("alive_unasked", &tally.alive_unasked),
        ("taken_unasked", &tally.taken_unasked),
    ]
    .into_iter()
    .filter(|(_, class)| **class != Class::default())
    .map(|(name, _)| name)
    .collect();
    assert_eq!(found, expected, "{tally:#?}");
}

#[tokio::test]
async fn a_run_that_is_well_has_nothing_wrong() {
    let run = Run::new()
        .sent("stored", ORDER, ACKED)
        .listed("stored", EventState::Done)
        .sent("copy", ORDER, ACKED)
        .sent("copy", ORDER, DUPLICATE)
        .listed("copy", EventState::Done)
        .sent("poison", POISON, ACKED)
        .listed("poison", EventState::Dead)
        .sent("huge", HUGE, REFUSED)
        .sent("full", ORDER, FAILED)
        .sent("perhaps", ORDER, TIMEOUT)
        .sent("recovered", ORDER, TIMEOUT)
        .listed("recovered", EventState::Done)
        .sent("late", ORDER, NOT_SENT);
    let (tally, finished) = run.reconciled().await;
    wrong(&tally, &[]);
    let counts = (tally.attempted, tally.acked, tally.unknown, tally.rejected);
    assert_eq!(counts, (7, 3, 2, 2));
    assert_eq!(
        (tally.stored, tally.dead, tally.unfinished, tally.recovered),
        (3, 1, 0, 1)
    );
    let dead_in: Vec<_> = tally.dead_in.into_iter().collect();
    assert_eq!(
        dead_in,
        [
            ("fault:F1".into(), 1),
            ("kind:poison".into(), 1),
            ("phase:steady".into(), 1),
            ("run".into(), 1)
        ]
    );
    let acked: Vec<_> = finished.iter().map(|event| (event.key, event.acked)).collect();
    assert_eq!(
        acked,
        [
            (key("stored"), true),
            (key("copy"), true),
            (key("poison"), true),
            (key("recovered"), false)
        ]
    );
}

#[tokio::test]
async fn an_acknowledged_event_that_nobody_knows_is_lost() {
    let tally = Run::new().sent("a", ORDER, ACKED).tally().await;
    wrong(&tally, &["lost"]);
    assert_eq!(tally.lost, only("a"));
    let one_of_two = Run::new()
        .sent("a", ORDER, ACKED)
        .sent("a", ORDER, TIMEOUT)
        .tally()
        .await;
    assert_eq!(one_of_two.lost, only("a"));
    let unknown = Run::new().sent("a", ORDER, TIMEOUT).tally().await;
    wrong(&unknown, &[]);
}

#[tokio::test]
async fn many_losses_are_all_counted_and_some_are_named() {
    let run = (0..600).fold(Run::new(), |run, i| run.sent(&i.to_string(), ORDER, ACKED));
    let tally = run.tally().await;
    assert_eq!((tally.lost.count, tally.lost.keys.len()), (600, Tally::NAMED));
}

#[tokio::test]
async fn what_is_not_listed_but_known_by_its_key_is_not_lost() {
    let queued = Run::new().sent("a", ORDER, ACKED).elsewhere("a", EventState::Queued);
    let tally = queued.tally().await;
    wrong(&tally, &[]);
    assert_eq!(tally.unfinished, 1);
    let passed_by = Run::new().sent("a", ORDER, ACKED).elsewhere("a", EventState::Done);
    let (tally, finished) = passed_by.reconciled().await;
    wrong(&tally, &[]);
    assert_eq!((tally.stored, finished.len()), (1, 1));
}

#[tokio::test]
async fn what_a_flush_destroyed_is_told_apart_from_what_is_lost() {
    let tally = Run::new().sent("a", ORDER, ACKED).destroyed("a").tally().await;
    wrong(&tally, &[]);
    assert_eq!(tally.destroyed, 1);
    let anew = Run::new()
        .sent("a", ORDER, ACKED)
        .destroyed("a")
        .sent("a", ORDER, ACKED);
    assert_eq!(anew.tally().await.lost, only("a"));
    let stored = Run::new()
        .sent("a", ORDER, ACKED)
        .destroyed("a")
        .listed("a", EventState::Done);
    assert_eq!(stored.tally().await.destroyed, 0);
    wrong(&Run::new().destroyed("somebody's").tally().await, &[]);
}

#[tokio::test]
async fn two_rows_of_one_event_are_a_duplicate_and_perhaps_both() {
    let run = || Run::new().sent("a", ORDER, ACKED).listed("a", EventState::Done);
    let tally = run().listed("a", EventState::Done).tally().await;
    wrong(&tally, &["duplicate"]);
    assert_eq!(tally.duplicate, only("a"));
    let tally = run().listed("a", EventState::Dead).tally().await;
    assert_eq!(tally.both, only("a"));
    let other_key = Row {
        key: EventKey::of("other", "a"),
        ..row("a", EventState::Done)
    };
    let tally = run().listed_as(other_key.clone()).tally().await;
    wrong(&tally, &["duplicate"]);
    let alone = Run::new().listed_as(other_key).tally().await;
    wrong(&alone, &["unexpected"]);
}

#[tokio::test]
async fn another_payload_under_a_taken_id_is_a_dead_letter_that_nobody_asked_for() {
    let reused = Row {
        key: EventKey::of("other", "a"),
        ..row("a", EventState::Dead)
    };
    let run = Run::new().sent("a", ORDER, ACKED).listed("a", EventState::Done);
    let tally = run.listed_as(reused).tally().await;
    wrong(&tally, &["dead_unasked"]);
    assert_eq!(tally.dead, 1);
}

#[tokio::test]
async fn a_row_that_was_never_sent_or_surely_refused_is_unexpected() {
    wrong(&Run::new().listed("a", EventState::Done).tally().await, &["unexpected"]);
    for fate in [REFUSED, NOT_SENT] {
        let tally = Run::new()
            .sent("a", ORDER, fate)
            .listed("a", EventState::Done)
            .tally()
            .await;
        assert_eq!(tally.unexpected, only("a"), "{fate}");
    }
    let failed = Run::new()
        .sent("a", ORDER, FAILED)
        .listed("a", EventState::Done)
        .tally()
        .await;
    wrong(&failed, &[]);
    assert_eq!((failed.rejected, failed.recovered), (1, 1));
    let foreign = Row {
        source: "other".into(),
        key: EventKey::of("other", "a"),
        ..row("a", EventState::Done)
    };
    wrong(&Run::new().listed_as(foreign).tally().await, &["unexpected"]);
}

#[tokio::test]
async fn an_event_that_was_run_to_its_end_twice_is_found() {
    let runs = |runs_done| Row {
        runs_done,
        ..row("a", EventState::Done)
    };
    let run = || Run::new().sent("a", ORDER, ACKED);
    wrong(&run().listed_as(runs(1)).tally().await, &[]);
    wrong(&run().listed_as(runs(2)).tally().await, &["run_twice"]);
}

#[tokio::test]
async fn an_event_must_end_where_its_kind_ends() {
    let run = |kind, state| Run::new().sent("a", kind, ACKED).listed("a", state);
    wrong(&run(ORDER, EventState::Dead).tally().await, &["dead_unasked"]);
    wrong(&run(ORDER, EventState::Discarded).tally().await, &["dead_unasked"]);
    wrong(&run(POISON, EventState::Done).tally().await, &["alive_unasked"]);
    wrong(&run(HUGE, EventState::Done).tally().await, &["taken_unasked"]);
    let unheard = Run::new().sent("a", HUGE, TIMEOUT).listed("a", EventState::Done);
    wrong(&unheard.tally().await, &["taken_unasked"]);
    let unfinished = run(POISON, EventState::Due).tally().await;
    wrong(&unfinished, &[]);
    assert_eq!(unfinished.unfinished, 1);
}

#[tokio::test]
async fn what_took_how_long_is_counted_from_the_first_attempt_and_never_negative() {
    let ended = |seconds| Row {
        ended_at: Some(at(seconds)),
        admitted_at: Some(at(0.0)),
        ..row("a", EventState::Done)
    };
    let run = || Run::new().sent("a", ORDER, ACKED).sent("a", ORDER, DUPLICATE);
    let (_, finished) = run().listed_as(ended(12.5)).reconciled().await;
    assert_eq!(finished[0].intended, Duration::from_secs(10));
    assert_eq!(finished[0].ended, Duration::from_millis(12_500));
    let (_, early) = run().listed_as(ended(3.0)).reconciled().await;
    assert_eq!(early[0].ended, early[0].intended);
}

#[tokio::test]
async fn recovery_is_told_for_each_moment() {
    let run = Run::new()
        .sent("old", ORDER, ACKED)
        .sent("new", ORDER, ACKED)
        .listed_as(Row {
            received_at: at(10.0),
            admitted_at: Some(at(17.0)),
            ..row("old", EventState::Done)
        })
        .listed_as(Row {
            received_at: at(13.0),
            admitted_at: Some(at(16.0)),
            ..row("new", EventState::Done)
        });
    let (_folder, path) = run.file();
    let mut rows = run.listed.clone();
    rows.sort_by_key(|row| row.key);
    let rows = stream::iter(rows.into_iter().map(Ok::<_, io::Error>));
    let moments = [Some(Duration::from_secs(12)), None, Some(Duration::from_secs(30))];
    let reconciled = reconcile(&path, &scenario(), &moments, rows, |_| ready(Ok(None)), |_| {}).await;
    assert_eq!(reconciled.expect("reconciled").recovery, [Some(5.0), None, None]);
}

#[tokio::test]
async fn a_store_that_breaks_off_or_a_journal_that_is_not_whole_is_said() {
    let run = Run::new().sent("a", ORDER, ACKED);
    let (_folder, path) = run.file();
    let broken = || io::Error::other("broke off");
    let rows = || stream::iter([Ok(row("a", EventState::Done)), Err(broken())]);
    let outcome = reconcile(&path, &scenario(), &[], rows(), |_| ready(Ok(None)), |_| {}).await;
    assert!(matches!(outcome, Err(Unread::Store(_))));
    let unanswered = reconcile(
        &path,
        &scenario(),
        &[],
        stream::empty(),
        |_| ready(Err(broken())),
        |_| {},
    )
    .await;
    assert!(matches!(unanswered, Err(Unread::Store(_))));
    let mut disorder = vec![row("a", EventState::Done), row("b", EventState::Done)];
    disorder.sort_by_key(|row| std::cmp::Reverse(row.key));
    let disorder = stream::iter(disorder.into_iter().map(Ok::<_, io::Error>));
    let outcome = reconcile(&path, &scenario(), &[], disorder, |_| ready(Ok(None)), |_| {}).await;
    assert!(matches!(outcome, Err(Unread::Disorder { .. })));
    let nowhere = reconcile(&path.join("x"), &scenario(), &[], rows(), |_| ready(Ok(None)), |_| {}).await;
    assert!(matches!(nowhere, Err(Unread::Journal(_))));
}

/// An event's attempts, its kind, and how the store has it: not at all, listed, or known by its key alone.
type Story = (Vec<&'static str>, u16, Option<(bool, EventState)>);

fn story() -> impl Strategy<Value = Story> {
    let fate = prop::sample::select(vec![ACKED, DUPLICATE, REFUSED, FAILED, TIMEOUT, NOT_SENT]);
    let state = prop::sample::select(vec![EventState::Due, EventState::Done, EventState::Dead]);
    let place = prop::option::of((any::<bool>(), state));
    (prop::collection::vec(fate, 1..4), 0..3u16, place)
}

/// The same counts, the slow and simple way.
fn simply(stories: &[Story]) -> [u64; 9] {
    let mut counts = [0; 9];
    for (fates, kind, place) in stories {
        let any = |wanted: &[&str]| fates.iter().any(|fate| wanted.contains(fate));
        let acked = any(&[ACKED, DUPLICATE]);
        let possible = acked || any(&[TIMEOUT, FAILED]);
        // An event that was not acknowledged is not looked up: it is seen where it is listed.
        let place = place.filter(|(listed, _)| *listed || acked).map(|(_, state)| state);
        let finished = matches!(place, Some(EventState::Done | EventState::Dead));
        let holds = [
            acked,
            !acked && any(&[TIMEOUT]),
            !acked && !any(&[TIMEOUT]) && any(&[REFUSED, FAILED]),
            acked && place.is_none(),
            !possible && place.is_some(),
            possible && *kind == ORDER && place == Some(EventState::Dead),
            possible && *kind == POISON && place == Some(EventState::Done),
            *kind == HUGE && (acked || (possible && place.is_some())),
            possible && !acked && finished,
        ];
        for (count, holds) in counts.iter_mut().zip(holds) {
            *count += u64::from(holds);
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_run_is_counted_as_the_simple_way_counts_it(stories in prop::collection::vec(story(), 0..40)) {
        let mut run = Run::new();
        for (i, (fates, kind, place)) in stories.iter().enumerate() {
            let id = i.to_string();
            run = fates.iter().fold(run, |run, fate| run.sent(&id, *kind, fate));
            run = match place {
                None => run,
                Some((true, state)) => run.listed(&id, *state),
                Some((false, state)) => run.elsewhere(&id, *state),
            };
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let tally = runtime.block_on(run.tally());
        let found = [
            tally.acked,
            tally.unknown,
            tally.rejected,
            tally.lost.count,
            tally.unexpected.count,
            tally.dead_unasked.count,
            tally.alive_unasked.count,
            tally.taken_unasked.count,
            tally.recovered,
        ];
        prop_assert_eq!(found, simply(&stories));
        prop_assert_eq!(tally.attempted, tally.acked + tally.unknown + tally.rejected);
    }
}

/// Not a test of right or wrong: `cargo test --release -p eventflow-load -- --ignored a_million --nocapture`.
#[tokio::test]
#[ignore = "a measurement: how long a million events take to be judged"]
async fn a_million_events_are_judged() {
    const EVENTS: u64 = 1_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.ndjson");
    let journal = Journal::create(&path, &head()).expect("a journal");
    let acked = Answer::Acked { duplicate: false };
    let began = Instant::now();
    let mut keys: Vec<(EventKey, u64)> = Vec::new();
    for seq in 0..EVENTS {
        let send = send(seq, &format!("01890a5d-ac96-774b-bcce-{seq:012}"));
        journal.attempt(&send).expect("written");
        journal.answer(seq, &acked).expect("written");
        keys.push((send.key, seq));
    }
    let written = began.elapsed();
    keys.sort_unstable();
    let began = Instant::now();
    let rows = keys.iter().map(|(key, seq)| {
        let id = format!("01890a5d-ac96-774b-bcce-{seq:012}");
        Ok::<_, io::Error>(Row {
            key: *key,
            ..row(&id, EventState::Done)
        })
    });
    let find = |_| ready(Ok(None));
    let reconciled = reconcile(&path, &scenario(), &[], stream::iter(rows), find, |_| {})
        .await
        .expect("reconciled");
    let judged = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: ?");
    let size = std::fs::metadata(&path).expect("the journal").len() / 1_000_000;
    let said = format!("journal {size} MB written in {written:.1?}, judged in {judged:.1?}, {peak}");
    assert_eq!(reconciled.tally.stored, EVENTS, "{said}");
    assert_eq!(reconciled.tally.lost.count, 0);
    // The harness shows it with --nocapture.
    io::stderr().write_all(format!("{said}\n").as_bytes()).expect("stderr");
}
