//! What a plan holds to, whatever its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eventflow_core::EventKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::scenario::{Arrivals, Behaviour, Deed, Fate, Fault, Kind, Model, Phase, Role, Stretch, What, Which, Who};

fn kind(name: &str, weight: f64, resend: f64) -> Kind {
    let data = Template::parse(r#"{"id":"{{uuid}}","n":{{seq}},"customer":{{zipf customers 1.1}},"at":"{{now}}"}"#);
    Kind {
        name: name.to_owned(),
        weight,
        event_type: name.to_owned(),
        data: Some(data.expect("a template")),
        size: None,
        resend,
        client: Behaviour::Normal,
        expect: Fate::Stored,
    }
}

/// Phases follow each other; each is (seconds, from, to, arrivals).
fn scenario(seed: u64, phases: &[(u64, f64, f64, Arrivals)], mix: Vec<Kind>) -> Scenario {
    let mut begins = Duration::ZERO;
    let mut all = Vec::new();
    for (place, (seconds, from, to, arrivals)) in phases.iter().enumerate() {
        let lasts = Duration::from_secs(*seconds);
        all.push(Phase {
            name: format!("phase{place}"),
            begins,
            what: Stretch::Send {
                lasts,
                from: *from,
                to: *to,
                arrivals: *arrivals,
            },
            measure: place > 0,
        });
        begins += lasts;
    }
    all.push(Phase {
        name: "drain".to_owned(),
        begins,
        what: Stretch::Drain {
            at_most: Duration::from_mins(2),
        },
        measure: true,
    });
    Scenario {
        name: "test".to_owned(),
        seed,
        phases: all,
        mix,
        ..crate::scenario::testing::scenario()
    }
}

fn mixed(seed: u64) -> Scenario {
    let phases = [
        (2, 0.0, 200.0, Arrivals::Constant),
        (3, 200.0, 200.0, Arrivals::Poisson),
    ];
    scenario(seed, &phases, vec![kind("often", 90.0, 0.0), kind("again", 10.0, 0.5)])
}

fn plan(scenario: &Scenario) -> Plan {
    Plan::new(scenario, RunId::new())
}

fn read(send: &Send) -> Value {
    serde_json::from_slice(&send.body).expect("JSON")
}

/// All that must be alike for the same seed.
fn told(plan: &Plan, sends: impl Iterator<Item = Send>) -> Vec<(u64, Duration, u16, u16, String, bool, String)> {
    let body = |send: &Send| String::from_utf8_lossy(&send.body).replace(plan.source(), "SOURCE");
    sends
        .map(|send| {
            let body = body(&send);
            (send.seq, send.at, send.phase, send.kind, send.id, send.resend, body)
        })
        .collect()
}

#[test]
fn a_send_is_an_event_of_its_run() {
    let plan = plan(&mixed(7));
    assert_eq!(plan.source(), format!("efctl-load/test/{}", plan.run()));
    for send in plan.sends() {
        let body = read(&send);
        assert_eq!(body["source"], plan.source());
        assert_eq!(body["id"], send.id.as_str());
        assert_eq!(body["type"], ["often", "again"][usize::from(send.kind)]);
        assert_eq!(send.key, EventKey::of(plan.source(), &send.id));
        assert_eq!(send.key.uuid().as_bytes()[0] & 0x80, 0, "it sorts by time");
    }
}

#[test]
fn keys_come_in_the_order_of_sending() {
    let plan = plan(&mixed(7));
    let led: Vec<u64> = plan
        .sends()
        .filter(|send| !send.resend)
        .map(|send| u64::try_from(send.key.uuid().as_u128() >> 80).expect("48 bits"))
        .collect();
    assert!(led.is_sorted());
    let epoch = u64::try_from(EPOCH.as_micros() / 1_000).expect("after 1970");
    assert!(led[0] == epoch && led[led.len() - 1] < epoch + 5_000);
}

#[test]
fn what_is_sent_twice_is_the_same_event() {
    let plan = plan(&mixed(7));
    let mut firsts: BTreeMap<String, Send> = BTreeMap::new();
    let mut repeats = 0;
    for send in plan.sends() {
        if !send.resend {
            assert!(firsts.insert(send.id.clone(), send).is_none(), "an id of its own");
            continue;
        }
        repeats += 1;
        let first = &firsts[&send.id];
        assert_eq!(
            (first.key, &first.body, first.kind, first.phase),
            (send.key, &send.body, send.kind, send.phase)
        );
        assert!(first.at <= send.at && first.seq < send.seq);
        assert_eq!(send.kind, 1, "the other kind is never sent twice");
    }
    assert!(
        (25..=60).contains(&repeats),
        "half of a tenth of some 800, not {repeats}"
    );
}

#[test]
fn a_repeat_of_its_own_id_is_a_new_event() {
    let scenario = mixed(7);
    let plan = plan(&scenario);
    let send = plan.sends().nth(50).expect("a send");
    let again = plan.afresh(&send, 1);
    assert_eq!(again, plan.afresh(&send, 1));
    assert_ne!((again.seq, &again.id, again.key), (send.seq, &send.id, send.key));
    assert_ne!(
        (again.seq, &again.id),
        (plan.afresh(&send, 2).seq, &plan.afresh(&send, 2).id)
    );
    assert_eq!(again.key, EventKey::of(plan.source(), &again.id));
    let (mut before, after) = (read(&send), read(&again));
    assert_eq!(after["id"], again.id.as_str());
    before["id"] = after["id"].clone();
    assert_eq!(before, after);
}

#[test]
fn a_ramp_to_2000_over_30_seconds_is_30_000_sends() {
    let mut plain = kind("plain", 1.0, 0.0);
    plain.data = None;
    let ramp = scenario(7, &[(30, 0.0, 2000.0, Arrivals::Constant)], vec![plain]);
    let timeline = plan(&ramp).timeline();
    assert_eq!((timeline.sends, timeline.phases[0].sends), (Some(30_000), Some(30_000)));
}

#[test]
fn a_closed_model_has_a_stream_for_each_phase() {
    let plan = plan(&mixed(7));
    let begin = Duration::from_secs(2);
    let sends: Vec<Send> = plan.stream(1).take(1_000).collect();
    assert!(sends.iter().all(|send| send.at == begin && send.phase == 1));
    assert!(sends.is_sorted_by_key(|send| send.seq));
    let repeats: Vec<&Send> = sends.iter().filter(|send| send.resend).collect();
    assert!(repeats.len() > 10, "{}", repeats.len());
    for repeat in repeats {
        let first = sends.iter().find(|send| send.id == repeat.id).expect("its first");
        assert!(!first.resend && first.body == repeat.body);
    }
    let others: BTreeSet<u64> = plan.stream(0).take(1_000).map(|send| send.seq).collect();
    assert!(sends.iter().all(|send| !others.contains(&send.seq)));
    assert_eq!(plan.stream(2).count(), 0, "nothing is sent while it drains");
    assert_eq!(plan.stream(9).count(), 0);
}

#[test]
fn data_is_padded_to_its_size() {
    let data_of = |data: Option<Value>, size: u64| {
        let mut padded = kind("padded", 1.0, 0.0);
        padded.data = data.map(|data| Template::of_json(&data).expect("a template"));
        padded.size = Some(size);
        let all = scenario(7, &[(1, 2.0, 2.0, Arrivals::Constant)], vec![padded]);
        let send = plan(&all).sends().next().expect("a send");
        let body = String::from_utf8(send.body.to_vec()).expect("text");
        let begins = body.find(r#","data":"#).expect("data") + 8;
        let data = body[begins..body.len() - 1].to_owned();
        (data.len(), serde_json::from_str::<Value>(&data).expect("JSON"))
    };
    let (length, data) = data_of(Some(json!({"a": 1})), 300 * 1024);
    assert_eq!((length, &data["a"]), (300 * 1024, &json!(1)));
    let (length, data) = data_of(Some(json!({})), 64);
    assert_eq!((length, data.as_object().map(serde_json::Map::len)), (64, Some(1)));
    let (length, data) = data_of(None, 64);
    assert_eq!((length, data["padding"].is_string()), (64, true));
    let (length, data) = data_of(Some(json!([1, 2])), 64);
    assert_eq!((length, &data["data"]), (64, &json!([1, 2])));
    let long = json!({"a": "0123456789"});
    assert_eq!(data_of(Some(long.clone()), 18), (18, long.clone()));
    assert_eq!(data_of(Some(long), 20).0, 31, "no member is shorter than 13 bytes");
}

#[test]
fn without_data_and_size_an_event_has_none() {
    let mut plain = kind("say \"it\"", 1.0, 0.0);
    plain.data = None;
    let all = scenario(7, &[(1, 1.0, 1.0, Arrivals::Constant)], vec![plain]);
    let body = read(&plan(&all).sends().next().expect("a send"));
    assert_eq!((body.get("data"), &body["type"]), (None, &json!("say \"it\"")));
}

#[test]
fn the_timeline_counts_what_the_plan_sends() {
    let mut scenario = mixed(7);
    scenario.faults.push(Fault {
        id: "F1".to_owned(),
        at: Duration::from_secs(3),
        lasts: None,
        what: What::Process {
            who: Who {
                role: Role::Worker,
                which: Which::Any,
            },
            deed: Deed::Kill { respawn: None },
        },
    });
    let plan = plan(&scenario);
    let timeline = plan.timeline();
    let sends: Vec<Send> = plan.sends().collect();
    let count = |fits: &dyn Fn(&Send) -> bool| Some(sends.iter().filter(|send| fits(send)).count() as u64);
    assert_eq!(timeline.sends, count(&|_| true));
    assert_eq!(timeline.phases[1].sends, count(&|send| send.phase == 1));
    assert_eq!(timeline.phases[2].sends, None);
    assert_eq!(timeline.kinds[1].events, count(&|send| send.kind == 1 && !send.resend));
    assert_eq!(timeline.kinds[1].resends, count(&|send| send.kind == 1 && send.resend));
    assert_eq!(timeline.faults[0].phase.as_deref(), Some("phase1"));
    let text = timeline.to_string();
    for line in [
        "test, seed 7: 5s of load",
        "phase0  0s    2s    0..200/s  212    not measured",
        "poisson",
        "KILL worker[any]",
        "10.0 %",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    scenario.load.model = Model::Closed { clients: 3 };
    let closed = Plan::new(&scenario, RunId::new()).timeline();
    assert_eq!(
        (closed.clients, closed.sends, closed.kinds[0].events),
        (Some(3), None, None)
    );
    assert!(closed.to_string().contains("3 clients"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_same_seed_gives_the_same_sends(seed: u64) {
        let scenario = mixed(seed);
        let (one, other) = (plan(&scenario), plan(&scenario));
        prop_assert_ne!(one.source(), other.source());
        let sends = told(&one, one.sends());
        prop_assert_eq!(&sends, &told(&other, other.sends()));
        prop_assert_eq!(&sends, &told(&one, one.sends()), "a plan can be gone through again");
        prop_assert_eq!(told(&one, one.stream(1).take(50)), told(&other, other.stream(1).take(50)));
        let next = plan(&mixed(seed.wrapping_add(1)));
        prop_assert_ne!(sends, told(&next, next.sends()));
    }

    #[test]
    fn sends_come_in_order_within_their_phases(seed: u64, from in 0.0..300.0, to in 0.0..300.0, poisson: bool, resend in 0.0..1.0) {
        let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
        let phases = [(1, from, to, arrivals), (1, to, from, arrivals)];
        let scenario = scenario(seed, &phases, vec![kind("a", 1.0, resend), kind("b", 2.0, 0.0)]);
        let sends: Vec<Send> = plan(&scenario).sends().collect();
        prop_assert!(sends.is_sorted_by_key(|send| send.at));
        prop_assert!(sends.iter().zip(0..).all(|(send, seq)| send.seq == seq));
        for send in &sends {
            let begins = Duration::from_secs(send.phase.into());
            prop_assert!(begins <= send.at && send.at <= begins + Duration::from_secs(1));
        }
        let ids: BTreeSet<&str> = sends.iter().filter(|send| !send.resend).map(|send| send.id.as_str()).collect();
        let firsts = sends.iter().filter(|send| !send.resend).count();
        prop_assert_eq!(ids.len(), firsts);
        if !poisson {
            let half = f64::midpoint(from, to).round();
            prop_assert!((f64::from(u32::try_from(firsts).expect("few")) - 2.0 * half).abs() < 0.5);
        }
    }
}
