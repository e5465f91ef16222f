//! What the checks say.

use eventflow_wire::Problem;

use super::*;
use crate::testing::{look_80, stats};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("an answer")
}

fn well() -> Answers {
    Answers {
        api: "http://127.0.0.1:8000".into(),
        live: Ok(json(&format!(
            r#"{{"status":"pass","version":"{}"}}"#,
            env!("CARGO_PKG_VERSION")
        ))),
        ready: Ok(json(r#"{"status":"pass","taken_by":"queue"}"#)),
        health: Ok(json(
            r#"{"status":"pass","version":"0.1.0","description":"well","checks":{}}"#,
        )),
        stats: Ok(stats(&format!(r#"{{"version":"{}"}}"#, env!("CARGO_PKG_VERSION")))),
        workers: Ok(json(
            r#"{"workers":[{"id":"0190a5d0-0000-7000-8000-000000000001","name":"web-1/4711","patterns":["order.*"],
                "joined_at":"2026-05-01T11:00:00Z","renewed_at":"2026-05-01T11:59:58Z","living":true,"running":3,
                "beat":{"store_up":true}}]}"#,
        )),
        handlers: Ok(json(
            r#"{"version":1,"paused":false,"handlers":[{"pattern":"order.*","paused":false,"carriers":2,"due":5}]}"#,
        )),
        around_stats: (time("2026-05-01T11:59:59Z"), time("2026-05-01T12:00:01Z")),
        left: Ok(Vec::new()),
    }
}

fn unreachable() -> ClientError {
    ClientError::Unreachable {
        address: "http://127.0.0.1:8000/".into(),
        why: "connection refused".into(),
        before_sending: true,
    }
}

fn troubles(answers: &Answers) -> Vec<Check> {
    let mut checks = examine(answers);
    checks.retain(Check::is_trouble);
    checks
}

/// The one trouble there is; it says what to do.
fn trouble(answers: &Answers) -> Check {
    let mut found = troubles(answers);
    let check = found.pop().expect("a finding");
    assert!(found.is_empty(), "{found:?}");
    assert!(!check.remedy.is_empty(), "{check:?}");
    check
}

#[test]
fn where_nothing_is_wrong_every_check_says_what_it_saw() {
    let checks = examine(&well());
    assert!(!checks.iter().any(Check::is_trouble), "{checks:?}");
    assert_eq!(sum(&checks), "14 checks: nothing found wrong");
    let named: Vec<&str> = checks.iter().map(|check| check.about).collect();
    assert_eq!(
        named,
        [
            "api",
            "intake",
            "versions",
            "backends",
            "settings",
            "loops",
            "workers",
            "handlers",
            "backlog",
            "dead letters",
            "transactions",
            "dead rows",
            "clocks",
            "leftovers"
        ]
    );
}

#[test]
fn an_unreachable_api_is_one_finding_and_leaves_the_rest_unknown() {
    let answers = Answers {
        live: Err(unreachable()),
        ready: Err(unreachable()),
        health: Err(unreachable()),
        stats: Err(unreachable()),
        workers: Err(unreachable()),
        handlers: Err(unreachable()),
        ..well()
    };
    let checks = examine(&answers);
    let fine: Vec<&str> = checks
        .iter()
        .filter(|check| !check.is_trouble())
        .map(|check| check.about)
        .collect();
    assert_eq!(fine, ["leftovers"], "that is looked at without it");
    assert_eq!(checks.iter().filter(|check| check.status == Status::Finding).count(), 1);
    assert_eq!(checks[0].about, "api");
    assert!(!checks[0].remedy.is_empty());
    assert_eq!(sum(&checks), "11 checks: 1 found something wrong, 9 could not be made");
}

#[test]
fn what_is_left_of_a_private_stack_is_named_with_what_to_type() {
    let mut answers = well();
    answers.left = Ok(vec![Leftover {
        of: "efctl load worker-crash".into(),
        name: "worker-0".into(),
        pid: 4711,
        descendants: vec![4712],
    }]);
    let check = trouble(&answers);
    assert_eq!(
        check.said,
        "worker-0 (pid 4711) still runs, though `efctl load worker-crash` is gone"
    );
    assert_eq!(check.remedy, ["kill -9 4711 4712"]);
}

#[test]
fn a_stalled_loop_is_named() {
    let mut answers = well();
    answers.workers = Ok(json(
        r#"{"workers":[{"id":"0190a5d0-0000-7000-8000-000000000001","name":"web-1","patterns":[],
            "joined_at":"2026-05-01T11:00:00Z","renewed_at":"2026-05-01T11:59:58Z","living":true,"running":0,
            "beat":{"store_up":true,"stalled":["reader"]}}]}"#,
    ));
    assert_eq!(trouble(&answers).said, "worker web-1 is stalled: reader");
    let mut answers = well();
    answers.live = Err(ClientError::Problem(Box::new(Problem {
        kind: "/problems/stalled".into(),
        title: "Stalled".into(),
        status: 503,
        detail: "the runner makes no progress".into(),
        errors: Vec::new(),
        correlation_id: None,
        retry_after: None,
    })));
    assert_eq!(trouble(&answers).said, "the API says: the runner makes no progress");
}

#[test]
fn a_handler_that_nobody_carries_is_named_with_what_waits() {
    let mut answers = well();
    answers.handlers = Ok(json(
        r#"{"version":1,"paused":false,"handlers":[{"pattern":"old.*","paused":false,"carriers":0,"due":1234}]}"#,
    ));
    let check = trouble(&answers);
    assert_eq!(check.said, "no living worker carries `old.*`; 1,234 events wait for it");
    assert!(check.remedy[1].contains("efctl handlers retire 'old.*'"));
}

#[test]
fn a_pause_is_a_note() {
    let mut answers = well();
    answers.handlers = Ok(json(
        r#"{"version":1,"paused":true,"handlers":[{"pattern":"a.*","paused":true,"carriers":1}]}"#,
    ));
    let notes: Vec<Check> = examine(&answers)
        .into_iter()
        .filter(|c| c.status == Status::Note)
        .collect();
    assert!(troubles(&answers).is_empty());
    assert!(notes.iter().any(|c| c.said == "all running is paused"));
    assert!(notes.iter().any(|c| c.remedy == ["efctl resume 'a.*'"]));
}

#[test]
fn dangerous_settings_are_told_once_with_their_remedy() {
    let mut answers = well();
    let finding = r#"{"problem":"appendonly is no","remedy":["CONFIG SET appendonly yes","CONFIG REWRITE"]}"#;
    answers.health = Ok(json(&format!(
        r#"{{"status":"fail","version":"0.1.0","description":"x","checks":{{"Redis:durability":[
            {{"status":"fail","time":"2026-05-01T12:00:00Z","findings":[{finding}]}}]}}}}"#
    )));
    answers.stats = Ok(stats(&format!(
        r#"{{"version":"{}","backends":[{{"name":"Redis","reachable":true,"level_asked":"disk","level_in_force":"memory",
            "assumed":false,"findings":[{finding}],"facts":{{}}}}]}}"#,
        env!("CARGO_PKG_VERSION")
    )));
    let check = trouble(&answers);
    assert_eq!(check.said, "appendonly is no");
    assert_eq!(check.remedy, ["CONFIG SET appendonly yes", "CONFIG REWRITE"]);
}

#[test]
fn who_holds_a_quarter_of_the_cap_is_named() {
    let mut answers = well();
    answers.stats = Ok(stats(&format!(
        r#"{{"version":"{}","backlog":{{"events":300,"cap":1000,"estimate":true}},
            "handlers":[{{"pattern":"big.*","paused":false,"carriers":1,"due":250,"running":1}},
                        {{"pattern":"small.*","paused":false,"carriers":1,"due":49,"running":0}}]}}"#,
        env!("CARGO_PKG_VERSION")
    )));
    assert_eq!(
        trouble(&answers).said,
        "`big.*` holds about 251, over a quarter of the cap"
    );
}

#[test]
fn an_old_transaction_and_dead_rows_are_told() {
    let mut answers = well();
    answers.stats = Ok(stats(&format!(
        r#"{{"version":"{}","backends":[{{"name":"PostgreSQL","reachable":true,"level_asked":"disk","level_in_force":"disk",
            "assumed":false,"findings":[],"facts":{{"oldest_transaction_seconds":"612.5","work_dead_rows":"91593000"}}}}]}}"#,
        env!("CARGO_PKG_VERSION")
    )));
    let found = troubles(&answers);
    assert_eq!(found.len(), 2);
    assert!(found[0].said.starts_with("the oldest of PostgreSQL is 10m 12s old"));
    assert_eq!(found[1].said, "about 91,593,000 in the work table of PostgreSQL");
}

#[test]
fn clocks_that_disagree_are_told_in_pairs() {
    let mut answers = well();
    answers.around_stats = (time("2026-05-01T13:00:00Z"), time("2026-05-01T13:00:01Z"));
    assert!(
        trouble(&answers)
            .said
            .starts_with("this machine and the API are about 1h 0m apart")
    );
    let mut answers = well();
    if let Ok(list) = &mut answers.workers {
        list.workers[0].renewed_at = time("2026-05-01T12:00:30Z");
    }
    assert!(
        trouble(&answers)
            .said
            .starts_with("the API and the store are about 30 s apart")
    );
}

#[test]
fn other_versions_are_named() {
    let mut answers = well();
    answers.stats = Ok(stats(r#"{"version":"9.9.9"}"#));
    assert!(trouble(&answers).said.starts_with("the API is 9.9.9, efctl is "));
}

#[test]
fn the_screen_shows_what_to_do_and_stays_safe() {
    let checks = [
        Check::ok("api", "http://127.0.0.1:8000 answers"),
        Check::finding(
            "settings",
            format!(
                "appendonly is no\u{1b}[2J, {}",
                ["so that a restart loses everything"; 3].join(" ")
            ),
        )
        .remedy("redis-cli CONFIG SET appendonly yes"),
    ];
    assert_eq!(
        render(&checks, look_80()),
        "\
ok     api           http://127.0.0.1:8000 answers
WRONG  settings      appendonly is no\\u{1b}[2J, so that a restart loses
                     everything so that a restart loses everything so that a
                     restart loses everything
                     > redis-cli CONFIG SET appendonly yes"
    );
}
