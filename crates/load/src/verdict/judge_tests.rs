//! The test of the test: for every class, a run that must fail by it, and by nothing else.

use eventflow_core::EventKey;

use super::*;
use crate::scenario::ExpectedDead;
use crate::verdict::testing::{condition, key, pass, report, scenario, slo};
use crate::verdict::{Class, FaultReport, Tally};

fn judged(change: impl FnOnce(&mut Facts, &mut Scenario)) -> Verdict {
    let (mut facts, mut scenario) = (pass(), scenario());
    change(&mut facts, &mut scenario);
    judge(&facts, &scenario)
}

/// A change to a run's tally.
fn tallied(change: impl FnOnce(&mut Tally)) -> Verdict {
    judged(|facts, _| change(facts.tally.as_mut().expect("it was read")))
}

fn the<'a>(verdict: &'a Verdict, name: &str) -> &'a Check {
    let found = verdict.checks.iter().find(|check| check.name == name);
    found.unwrap_or_else(|| panic!("no check is called {name}"))
}

/// Only this check fails, and the run ends so.
#[track_caller]
fn fails_by(verdict: &Verdict, name: &str, stands: Stands, outcome: Outcome) {
    assert_eq!(verdict.outcome, outcome, "{:#?}", verdict.checks);
    let failed: Vec<_> = verdict
        .checks
        .iter()
        .filter(|check| check.stands != Stands::Met)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!((failed[0].name.as_str(), failed[0].stands), (name, stands));
}

#[test]
fn a_run_in_which_all_was_well_passes() {
    let verdict = judged(|_, _| {});
    assert_eq!(verdict.outcome, Outcome::Pass, "{:#?}", verdict.checks);
    assert!(
        verdict
            .checks
            .iter()
            .all(|check| check.stands == Stands::Met && check.why.is_none())
    );
    let names: Vec<_> = verdict.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "acked_lost",
            "duplicate_rows",
            "stored_and_dead",
            "unexpected_rows",
            "run_twice",
            "taken_unasked",
            "dead_unasked",
            "alive_unasked",
            "deadlocks",
            "store_read",
            "drained",
            "acknowledged",
            "F1 took effect",
            "steady_before/backlog",
            "steady_after/backlog",
            "progress",
            "steady/accept.p99",
            "run/success",
            "F1/recovery",
        ]
    );
}

#[test]
fn every_class_of_wrong_events_breaks_the_run_and_is_named() {
    type Pick = fn(&mut Tally) -> &mut Class;
    let classes: [(&str, Pick); 8] = [
        ("acked_lost", |tally| &mut tally.lost),
        ("duplicate_rows", |tally| &mut tally.duplicate),
        ("stored_and_dead", |tally| &mut tally.both),
        ("unexpected_rows", |tally| &mut tally.unexpected),
        ("run_twice", |tally| &mut tally.run_twice),
        ("taken_unasked", |tally| &mut tally.taken_unasked),
        ("dead_unasked", |tally| &mut tally.dead_unasked),
        ("alive_unasked", |tally| &mut tally.alive_unasked),
    ];
    for (name, class) in classes {
        let verdict = tallied(|tally| class(tally).add(key("a")));
        fails_by(&verdict, name, Stands::Broken, Outcome::Broken);
        let check = the(&verdict, name);
        assert_eq!((check.asked.as_str(), check.found.as_str()), ("0", "1"));
        assert_eq!(check.why, Some(key("a").to_string()));
    }
}

#[test]
fn what_a_file_allows_is_no_breach_and_one_more_is() {
    let with = |count| {
        judged(|facts, scenario| {
            let tally = facts.tally.as_mut().expect("it was read");
            let invariants = &mut scenario.expect.invariants;
            (
                invariants.acked_lost,
                invariants.duplicate_rows,
                invariants.unexpected_rows,
                invariants.run_twice,
            ) = (2, 2, 2, 2);
            for class in [
                &mut tally.lost,
                &mut tally.duplicate,
                &mut tally.unexpected,
                &mut tally.run_twice,
            ] {
                class.count = count;
            }
        })
    };
    assert_eq!(with(2).outcome, Outcome::Pass);
    let verdict = with(3);
    assert_eq!(verdict.outcome, Outcome::Broken);
    let broken = verdict.checks.iter().filter(|check| check.stands == Stands::Broken);
    assert_eq!(broken.count(), 4);
    assert_eq!(the(&verdict, "acked_lost").asked, "at most 2");
}

#[test]
fn dead_letters_are_bounded_where_the_file_bounds_them_whichever_they_are() {
    let with = |dead| {
        judged(|facts, scenario| {
            let tally = facts.tally.as_mut().expect("it was read");
            scenario.expect.invariants.dead = ExpectedDead::AtMost(5);
            tally.dead = dead;
            tally.dead_unasked.add(key("a"));
            tally.alive_unasked.add(key("b"));
        })
    };
    assert_eq!(with(5).outcome, Outcome::Pass);
    fails_by(&with(6), "dead_letters", Stands::Broken, Outcome::Broken);
}

#[test]
fn deadlocks_break_the_run_and_an_unread_counter_leaves_it_open() {
    fails_by(
        &judged(|facts, _| facts.deadlocks = Some(1)),
        "deadlocks",
        Stands::Broken,
        Outcome::Broken,
    );
    fails_by(
        &judged(|facts, _| facts.deadlocks = None),
        "deadlocks",
        Stands::Unknown,
        Outcome::Inconclusive,
    );
    let unasked = judged(|facts, scenario| {
        facts.deadlocks = None;
        scenario.expect.invariants.deadlocks = None;
    });
    assert_eq!(unasked.outcome, Outcome::Pass);
}

#[test]
fn a_store_that_was_not_read_proves_nothing() {
    let verdict = judged(|facts, _| {
        facts.tally = None;
        facts.unread = Some("503".into());
    });
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(the(&verdict, "store_read").why.as_deref(), Some("503"));
    for name in ["acked_lost", "duplicate_rows", "dead_unasked"] {
        let check = the(&verdict, name);
        assert_eq!(
            (check.stands, check.found.as_str()),
            (Stands::Unknown, "unknown"),
            "{name}"
        );
    }
}

#[test]
fn a_run_that_was_refused_from_beginning_to_end_proves_nothing() {
    let refused = |tally: &mut Tally| {
        (tally.acked, tally.stored, tally.dead) = (0, 0, 0);
        tally.rejected = tally.attempted;
    };
    let verdict = tallied(refused);
    fails_by(&verdict, "acknowledged", Stands::Unknown, Outcome::Inconclusive);
    let as_asked = judged(|facts, scenario| {
        refused(facts.tally.as_mut().expect("it was read"));
        for kind in &mut scenario.mix {
            kind.expect = Fate::Rejected;
        }
    });
    assert_eq!(as_asked.outcome, Outcome::Pass, "{:#?}", as_asked.checks);
}

#[test]
fn without_a_full_drain_nothing_is_proven_but_a_loss() {
    let undrained = judged(|facts, _| facts.drained = false);
    assert_eq!(undrained.outcome, Outcome::Inconclusive);
    assert_eq!(the(&undrained, "drained").stands, Stands::Unknown);
    let invariants = undrained.checks.iter().take_while(|check| check.name != "deadlocks");
    for check in invariants {
        assert_eq!(
            (check.stands, check.found.as_str()),
            (Stands::Unknown, "0 so far"),
            "{}",
            check.name
        );
    }
    let unfinished = tallied(|tally| tally.unfinished = 4);
    assert_eq!(unfinished.outcome, Outcome::Inconclusive);
    let why = the(&unfinished, "drained").why.as_deref();
    assert_eq!(why, Some("4 events of the run are unfinished"));
    let lost = judged(|facts, _| {
        facts.drained = false;
        facts.tally.as_mut().expect("it was read").lost.add(key("a"));
    });
    assert_eq!(lost.outcome, Outcome::Broken);
    assert_eq!(the(&lost, "acked_lost").stands, Stands::Broken);
}

#[test]
fn a_fault_that_touched_nothing_or_never_was_leaves_the_run_open() {
    let name = "F1 took effect";
    let nothing = judged(|facts, _| facts.faults[0].touched = 0);
    fails_by(&nothing, name, Stands::Unknown, Outcome::Inconclusive);
    assert_eq!(the(&nothing, name).found, "touched nothing");
    let allowed = judged(|facts, scenario| {
        facts.faults[0].touched = 0;
        scenario.expect.faults_took_effect = false;
    });
    assert_eq!(allowed.outcome, Outcome::Pass);
    for must_touch in [true, false] {
        let skipped = judged(|facts, scenario| {
            scenario.expect.faults_took_effect = must_touch;
            scenario.expect.slo.clear();
            facts.faults[0] = FaultReport {
                skipped: Some("no cc".into()),
                struck_s: None,
                ended_s: None,
                recovery_s: None,
                ..report("F1")
            };
        });
        fails_by(&skipped, name, Stands::Unknown, Outcome::Inconclusive);
        assert_eq!(the(&skipped, name).why.as_deref(), Some("no cc"));
        let never = judged(|facts, scenario| {
            scenario.expect.faults_took_effect = must_touch;
            facts.faults[0].struck_s = None;
        });
        fails_by(&never, name, Stands::Unknown, Outcome::Inconclusive);
        let forgotten = judged(|facts, scenario| {
            scenario.expect.slo.clear();
            scenario.expect.faults_took_effect = must_touch;
            facts.faults.clear();
        });
        fails_by(&forgotten, name, Stands::Unknown, Outcome::Inconclusive);
    }
}

#[test]
fn a_run_that_was_not_steady_at_the_start_says_so_before_all_else() {
    for value in [Some(500.0), None] {
        let verdict = judged(|facts, _| {
            facts.steady_before[0].value = value;
            facts.tally.as_mut().expect("it was read").lost.add(key("a"));
        });
        assert_eq!(verdict.outcome, Outcome::NotSteady);
        assert_ne!(the(&verdict, "steady_before/backlog").stands, Stands::Met);
    }
    let other = judged(|facts, _| facts.steady_before[0].metric = "lag".into());
    assert_eq!(other.outcome, Outcome::NotSteady);
    let unseen = judged(|facts, _| facts.steady_before.clear());
    fails_by(&unseen, "steady_before/backlog", Stands::Unknown, Outcome::Inconclusive);
}

#[test]
fn a_run_must_be_steady_again_after_the_drain() {
    let name = "steady_after/backlog";
    let verdict = judged(|facts, _| facts.steady_after[0].value = Some(501.0));
    fails_by(&verdict, name, Stands::Missed, Outcome::Missed);
    assert_eq!(the(&verdict, name).found, "501");
    let unknown = judged(|facts, _| facts.steady_after[0].value = None);
    fails_by(&unknown, name, Stands::Unknown, Outcome::Inconclusive);
    fails_by(
        &judged(|facts, _| facts.steady_after.clear()),
        name,
        Stands::Unknown,
        Outcome::Inconclusive,
    );
}

#[test]
fn a_standstill_misses_and_one_that_was_not_watched_for_leaves_it_open() {
    let name = "progress";
    fails_by(
        &judged(|facts, _| facts.longest_standstill_s = Some(30.5)),
        name,
        Stands::Missed,
        Outcome::Missed,
    );
    let at_the_bound = judged(|facts, _| facts.longest_standstill_s = Some(30.0));
    assert_eq!(at_the_bound.outcome, Outcome::Pass);
    fails_by(
        &judged(|facts, _| facts.longest_standstill_s = None),
        name,
        Stands::Unknown,
        Outcome::Inconclusive,
    );
    let unasked = judged(|facts, scenario| {
        facts.longest_standstill_s = None;
        scenario.expect.progress = None;
    });
    assert_eq!(unasked.outcome, Outcome::Pass);
}

#[test]
fn every_kind_of_threshold_can_be_missed() {
    for metric in [
        "accept.min",
        "accept.mean",
        "accept.p50",
        "accept.p90",
        "accept.p95",
        "accept.p99",
        "accept.p999",
        "accept.p99.9",
        "accept.max",
        "accept.count",
        "service.p50",
        "end_to_end.max",
        "rate",
        "planned",
        "sent",
        "late",
        "not_sent",
        "acked",
        "rejected",
        "unknown",
        "errors",
        "success",
        "retries",
        "duplicates",
        "dead",
    ] {
        let with = |comparison| {
            judged(|_, scenario| scenario.expect.slo = vec![slo("steady", metric, condition(comparison, 0.0))])
        };
        let name = format!("steady/{metric}");
        fails_by(&with(Comparison::Equal), &name, Stands::Missed, Outcome::Missed);
        assert_eq!(with(Comparison::More).outcome, Outcome::Pass, "{metric}");
    }
}

#[test]
fn a_threshold_on_nothing_leaves_the_run_open() {
    for (scope, metric) in [
        ("warmup", "accept.p99"),
        ("poison", "rate"),
        ("nowhere", "sent"),
        ("run", "no_metric"),
    ] {
        let bound = condition(Comparison::Less, 1.0);
        let verdict = judged(|_, scenario| scenario.expect.slo = vec![slo(scope, metric, bound)]);
        fails_by(
            &verdict,
            &format!("{scope}/{metric}"),
            Stands::Unknown,
            Outcome::Inconclusive,
        );
    }
}

#[test]
fn a_recovery_can_be_too_long_or_never_come_or_not_be_told() {
    let name = "F1/recovery";
    let long = judged(|facts, _| facts.faults[0].recovery_s = Some(20.5));
    fails_by(&long, name, Stands::Missed, Outcome::Missed);
    assert_eq!(the(&long, name).found, "20.5s");
    let untold = judged(|facts, _| facts.faults[0].recovery_s = None);
    fails_by(&untold, name, Stands::Unknown, Outcome::Inconclusive);
    let never = judged(|facts, _| {
        facts.faults[0].recovery_s = None;
        facts.drained = false;
    });
    assert_eq!(
        (the(&never, name).stands, the(&never, name).found.as_str()),
        (Stands::Missed, "never")
    );
    assert_eq!(never.outcome, Outcome::Inconclusive);
    let unread = judged(|facts, _| {
        facts.faults[0].recovery_s = None;
        facts.tally = None;
    });
    assert_eq!(the(&unread, name).stands, Stands::Unknown);
}

#[test]
fn of_several_outcomes_the_gravest_word_counts() {
    let all = |interrupted: bool, unsteady: bool, lost: Option<EventKey>, drained: bool| {
        judged(|facts, _| {
            facts.interrupted = interrupted;
            facts.drained = drained;
            facts.longest_standstill_s = Some(99.0);
            if unsteady {
                facts.steady_before[0].value = Some(1e6);
            }
            let tally = facts.tally.as_mut().expect("it was read");
            if let Some(key) = lost {
                tally.lost.add(key);
            }
        })
        .outcome
    };
    let lost = Some(key("a"));
    assert_eq!(all(true, true, lost, false), Outcome::Interrupted);
    assert_eq!(all(false, true, lost, false), Outcome::NotSteady);
    assert_eq!(all(false, false, lost, false), Outcome::Broken);
    assert_eq!(all(false, false, None, false), Outcome::Inconclusive);
    assert_eq!(all(false, false, None, true), Outcome::Missed);
    let codes = [
        Outcome::Pass,
        Outcome::Missed,
        Outcome::Broken,
        Outcome::Inconclusive,
        Outcome::NotSteady,
        Outcome::Interrupted,
    ]
    .map(Outcome::code);
    assert_eq!(codes, [0, 1, 3, 4, 5, 130]);
}

#[test]
fn an_interrupted_run_is_judged_as_far_as_it_went() {
    let verdict = judged(|facts, _| {
        *facts = Facts {
            interrupted: true,
            ..Facts::default()
        };
    });
    assert_eq!(verdict.outcome, Outcome::Interrupted);
    assert!(
        verdict.checks.iter().all(|check| check.stands == Stands::Unknown),
        "{:#?}",
        verdict.checks
    );
}
