//! Loads against an API that is a function, in time that is not real.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alarm::Alarm;
use super::answer::{Loss, Tried};
use super::http::{Post, Try};
use super::{Generated, Job, through};
use crate::journal::{Head, Heard, Journal, Record, read};
use crate::measure::{Measures, Meter};
use crate::plan::{Plan, RunId};
use crate::scenario::{Overrides, Scenario};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What the API does with a try: how long it takes, and what it says. It is told when the try came, from the beginning of
/// the load, and how many came before it.
type Does = dyn Fn(Duration, usize) -> (Duration, Tried) + Send + Sync;

/// An API that is a function, and remembers what came when.
struct Api {
    does: Box<Does>,
    began: Instant,
    came: Mutex<Vec<(Duration, String)>>,
    journal: std::path::PathBuf,
}

impl Post for Arc<Api> {
    async fn post(&self, one: Try) -> Tried {
        let at = self.began.elapsed();
        let body: serde_json::Value = serde_json::from_slice(&one.body).expect("an event");
        let id = body["id"].as_str().expect("an id").to_owned();
        let written = std::fs::read_to_string(&self.journal).expect("the journal");
        assert!(
            written.contains(&id),
            "an attempt stands in the journal before it is made"
        );
        let before = {
            let mut came = self.came.lock().expect("no panic");
            came.push((at, id));
            came.len() - 1
        };
        let (takes, tried) = (self.does)(at, before);
        tokio::time::sleep(takes).await;
        tried
    }
}

struct Ran {
    generated: Generated,
    measures: Measures,
    came: Vec<(Duration, String)>,
    records: Vec<Record>,
    _folder: TempDir,
}

impl Ran {
    fn count(&self, heard: Heard) -> usize {
        self.records.iter().filter(|record| record.heard == heard).count()
    }
}

fn scenario(phases: &str, load: &str) -> Scenario {
    let text = format!(
        "schema = 1\nname = \"test\"\nphases = [{phases}]\nmix = [{{ event = \"t\" }}]\n[target]\nstack = \"dev\"\n[load]\n{load}\n"
    );
    Scenario::parse(&text, "test.toml", Path::new("."), &Overrides::default()).expect("a scenario")
}

fn acked() -> Tried {
    Tried::Acked { duplicate: false }
}

fn answered(status: u16, slug: &str, after: Option<Duration>) -> Tried {
    Tried::Answered {
        status,
        slug: slug.into(),
        retry_after: after,
    }
}

async fn run(
    scenario: Scenario,
    stop: CancellationToken,
    does: impl Fn(Duration, usize) -> (Duration, Tried) + Send + Sync + 'static,
) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.ndjson");
    let plan = Plan::new(&scenario, RunId::new());
    let head = Head {
        scenario: scenario.name.clone(),
        run: plan.run().to_string(),
        source: plan.source().to_owned(),
        seed: scenario.seed,
    };
    let begin = Instant::now();
    let api = Arc::new(Api {
        does: Box::new(does),
        began: begin,
        came: Mutex::default(),
        journal: path.clone(),
    });
    let job = Job {
        plan,
        meter: Meter::new(&scenario),
        scenario: Arc::new(scenario),
        targets: Vec::new(),
        token: None,
        journal: Journal::create(&path, &head).expect("a journal"),
        begin,
    };
    let generated = through(&job, Arc::clone(&api), Alarm::coarse(), &stop).await;
    job.journal.finish().expect("written");
    let came = std::mem::take(&mut *api.came.lock().expect("no panic"));
    Ran {
        generated,
        measures: job.meter.measures(),
        came,
        records: read(&path)
            .expect("a journal")
            .collect::<Result<_, _>>()
            .expect("records"),
        _folder: folder,
    }
}

fn near(told: Option<f64>, seconds: f64) -> bool {
    told.is_some_and(|told| (told - seconds).abs() <= seconds / 500.0 + 0.002)
}

#[tokio::test(start_paused = true)]
async fn every_send_leaves_within_a_millisecond_of_its_moment() {
    let scenario = scenario(r#"{ name = "steady", for = "1s", rate = "2000/s" }"#, "");
    let planned: Vec<Duration> = Plan::new(&scenario, RunId::new()).sends().map(|send| send.at).collect();
    let ran = run(scenario, CancellationToken::new(), |_, _| (5 * MS, acked())).await;
    assert_eq!((planned.len(), ran.came.len()), (2_000, 2_000));
    for (at, (came, _)) in planned.iter().zip(&ran.came) {
        assert!(came >= at && *came <= *at + MS, "{at:?} {came:?}");
    }
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.planned, scope.sent, scope.acked), (2_000, 2_000, 2_000));
    assert_eq!((scope.late, scope.not_sent, scope.retries), (0, 0, 0));
    assert_eq!((scope.accept.count, scope.service.count), (2_000, 2_000));
    assert!(near(scope.service.max, 0.005), "{scope:?}");
    assert_eq!(ran.measures.generator.lateness.count, 2_000);
    assert_eq!(ran.count(Heard::Acked), 2_000);
    assert!(!ran.generated.stopped && ran.generated.failed.is_none());
}

#[tokio::test(start_paused = true)]
async fn response_times_contain_what_a_stopped_api_made_others_wait() {
    let scenario = scenario(
        r#"{ name = "steady", for = "4s", rate = "100/s" }"#,
        "max_in_flight = 20\nmax_late = \"10s\"",
    );
    // From the first second on it answers nothing for two seconds.
    let stopped = |at: Duration, _| {
        let until = if at < SECOND {
            Duration::ZERO
        } else {
            (3 * SECOND).saturating_sub(at)
        };
        (until + MS, acked())
    };
    let ran = run(scenario, CancellationToken::new(), stopped).await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!(
        (scope.planned, scope.sent, scope.acked, scope.not_sent),
        (400, 400, 400, 0)
    );
    assert!(
        (175..=181).contains(&scope.late),
        "two seconds but for those in flight: {}",
        scope.late
    );
    assert!(near(scope.accept.max, 2.0), "{:?}", scope.accept);
    assert!(
        scope.accept.p50.is_some_and(|p50| p50 > 0.0 && p50 < 0.1),
        "{:?}",
        scope.accept
    );
    let slow = scope.service.p90.is_some_and(|p90| p90 < 0.01);
    assert!(slow, "service times alone hide it: {:?}", scope.service);
    assert_eq!(ran.measures.generator.peak_in_flight, 20);
    assert_eq!(
        ran.measures.generator.lateness.count,
        400 - scope.late,
        "what was held back is not the generator's fault"
    );
    assert_eq!(ran.measures.generator.bottleneck, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_late_is_dropped_and_counted() {
    let scenario = scenario(
        r#"{ name = "steady", for = "3s", rate = "100/s" }"#,
        "max_in_flight = 10\nmax_late = \"500ms\"\ntimeout = \"60s\"",
    );
    let ran = run(scenario, CancellationToken::new(), |_, _| (SECOND, acked())).await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!(scope.planned, 300);
    assert_eq!(scope.sent + scope.not_sent, 300);
    assert!(
        (30..=50).contains(&scope.sent),
        "ten a second find a place: {}",
        scope.sent
    );
    assert!(scope.accept.max.is_some_and(|max| max <= 1.51), "{:?}", scope.accept);
    assert_eq!(u64::try_from(ran.came.len()), Ok(scope.sent));
    assert_eq!(u64::try_from(ran.count(Heard::NotSent)), Ok(scope.not_sent));
    assert_eq!(u64::try_from(ran.count(Heard::Acked)), Ok(scope.sent));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_the_same_event_and_ends_once() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s", rate = "1/s" }"#,
        "retry = { max = 3, backoff = \"100ms..2s\" }",
    );
    let does = |_, before| match before {
        0 => (10 * MS, Tried::Lost(Loss::Reset)),
        1 => (10 * MS, answered(503, "no-place", Some(SECOND))),
        _ => (10 * MS, Tried::Acked { duplicate: true }),
    };
    let ran = run(scenario, CancellationToken::new(), does).await;
    let ids: Vec<_> = ran.came.iter().map(|(_, id)| id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let first_wait = ran.came[1].0.saturating_sub(ran.came[0].0);
    assert!((110 * MS..=212 * MS).contains(&first_wait), "{first_wait:?}");
    let second_wait = ran.came[2].0.saturating_sub(ran.came[1].0);
    assert!(
        (1_010 * MS..=1_012 * MS).contains(&second_wait),
        "as the API asked: {second_wait:?}"
    );
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.sent, scope.retries, scope.acked, scope.duplicates), (1, 2, 1, 1));
    assert!(
        scope.unknown.is_empty() && scope.rejected.is_empty(),
        "what became good in the end is no error"
    );
    assert_eq!(
        (scope.accept.count, scope.service.count),
        (1, 2),
        "nobody answered the first try"
    );
    assert!(
        scope.accept.min.is_some_and(|min| min > 1.1),
        "the waits are in it: {:?}",
        scope.accept
    );
    assert_eq!(ran.records.len(), 1);
    assert_eq!(ran.count(Heard::Acked), 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_first_ones_key_each_repeat_is_an_attempt_of_its_own() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s", rate = "1/s" }"#,
        "retry = { max = 3, backoff = \"100ms..2s\", reuse_key = false }",
    );
    let does = |_, before| match before {
        0 => (MS, Tried::Lost(Loss::Closed)),
        1 => (MS, answered(429, "quota", None)),
        _ => (MS, acked()),
    };
    let ran = run(scenario, CancellationToken::new(), does).await;
    let ids: std::collections::BTreeSet<_> = ran.came.iter().map(|(_, id)| id).collect();
    assert_eq!((ids.len(), ran.came.len()), (3, 3));
    assert_eq!(ran.records.len(), 3);
    for heard in [Heard::Nothing, Heard::Refused, Heard::Acked] {
        assert_eq!(ran.count(heard), 1, "{heard:?}");
    }
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.sent, scope.retries, scope.acked), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn tries_end() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s", rate = "10/s" }"#,
        "retry = { max = 2, backoff = \"10ms..20ms\" }",
    );
    let ran = run(scenario, CancellationToken::new(), |_, _| {
        (MS, answered(503, "backlog-full", None))
    })
    .await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.sent, scope.retries, ran.came.len()), (10, 20, 30));
    assert_eq!(scope.rejected.get("503 backlog-full"), Some(&10));
    assert_eq!((scope.accept.count, scope.service.count), (0, 30));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_a_lost_answer_proves_nothing() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s", rate = "1/s" }"#,
        "retry = { max = 1, backoff = \"10ms..20ms\" }",
    );
    let does = |_, before| match before {
        0 => (MS, Tried::Lost(Loss::Timeout)),
        _ => (MS, answered(429, "quota", None)),
    };
    let ran = run(scenario, CancellationToken::new(), does).await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!(scope.unknown.get("timeout"), Some(&1));
    assert!(scope.rejected.is_empty());
    assert_eq!(ran.count(Heard::Nothing), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_next_try_holds_up_nobody() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s", rate = "50/s" }"#,
        "max_in_flight = 1\nretry = { max = 1, backoff = \"2s..4s\" }",
    );
    let does = |_, before| match before {
        0 => (MS, Tried::Lost(Loss::Reset)),
        _ => (MS, acked()),
    };
    let ran = run(scenario, CancellationToken::new(), does).await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.sent, scope.acked, scope.late, scope.retries), (50, 50, 0, 1));
    assert_eq!(ran.measures.generator.peak_in_flight, 1);
    assert!(scope.accept.max.is_some_and(|max| max > 2.0));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_stopped_sends_no_more_and_lets_answers_come() {
    let scenario = scenario(
        r#"{ name = "steady", for = "60s", rate = "10/s" }"#,
        "retry = { max = 3, backoff = \"1s..2s\" }",
    );
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(2_050 * MS).await;
        stopper.cancel();
    });
    let does = |at: Duration, _| match at.as_millis() {
        // In flight when it is stopped, and answered later.
        2_000..=2_010 => (3 * SECOND, acked()),
        // Waiting for its next try when it is stopped.
        1_900..=1_910 => (MS, Tried::Lost(Loss::Reset)),
        _ => (MS, acked()),
    };
    let ran = run(scenario, stop, does).await;
    assert!(ran.generated.stopped && ran.generated.failed.is_none());
    assert!(
        (5 * SECOND..=5_010 * MS).contains(&ran.generated.ended),
        "{:?}",
        ran.generated.ended
    );
    let scope = &ran.measures.scopes["run"];
    assert_eq!((scope.planned, scope.sent, scope.acked, scope.retries), (21, 21, 20, 0));
    assert_eq!(scope.unknown.get("reset"), Some(&1));
    assert!(near(Some(scope.lasts_s), 2.05), "{}", scope.lasts_s);
    assert_eq!(ran.records.len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_load_begins_at_its_beginning() {
    let scenario = scenario(
        r#"{ name = "idle", for = "1s", rate = "0/s" }, { name = "steady", for = "1s", rate = "10/s" }"#,
        "",
    );
    let ran = run(scenario, CancellationToken::new(), |_, _| (MS, acked())).await;
    assert_eq!(ran.came.len(), 10);
    assert!(ran.came.iter().all(|(at, _)| *at >= SECOND), "{:?}", ran.came.first());
    assert_eq!(ran.measures.scopes["phase:steady"].sent, 10);
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_closed_load_send_when_they_have_their_answer() {
    let scenario = scenario(
        r#"{ name = "warmup", for = "1s", measure = false }, { name = "steady", for = "2s" }"#,
        "model = \"closed\"\nclients = 3",
    );
    let ran = run(scenario, CancellationToken::new(), |_, _| (100 * MS, acked())).await;
    let scopes = &ran.measures.scopes;
    let sent = |scope: &str| scopes[scope].sent;
    assert_eq!(
        sent("phase:warmup") + sent("phase:steady"),
        u64::try_from(ran.came.len()).expect("few")
    );
    assert!((27..=30).contains(&sent("phase:warmup")), "{}", sent("phase:warmup"));
    assert!((57..=60).contains(&sent("phase:steady")), "{}", sent("phase:steady"));
    assert_eq!(scopes["run"].sent, sent("phase:steady"));
    assert_eq!(scopes["run"].planned, scopes["run"].acked);
    assert_eq!(ran.measures.generator.peak_in_flight, 3);
    assert!(near(scopes["run"].accept.max, 0.1), "{:?}", scopes["run"].accept);
    let ids: std::collections::BTreeSet<_> = ran.came.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), ran.came.len());
    assert_eq!(ran.count(Heard::Acked), ran.came.len());
}

#[tokio::test(start_paused = true)]
async fn a_closed_load_that_meets_nobody_is_no_busy_loop() {
    let scenario = scenario(
        r#"{ name = "steady", for = "1s" }"#,
        "model = \"closed\"\nclients = 2\nretry = { max = 0, backoff = \"100ms..1s\" }",
    );
    let ran = run(scenario, CancellationToken::new(), |_, _| {
        (Duration::ZERO, Tried::Lost(Loss::Refused))
    })
    .await;
    assert!((18..=22).contains(&ran.came.len()), "{}", ran.came.len());
    assert_eq!(
        ran.measures.scopes["run"].unknown.get("refused"),
        u64::try_from(ran.came.len()).ok().as_ref()
    );
}
