//! Scenario files as people write them: those that are fine, and what is said of those that are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventflow_load::scenario::{
    Arrivals, Backend, BackendDeed, Behaviour, Comparison, Deed, ExpectedDead, Fate, Model, Overrides, Place, Role,
    Route, Scenario, Side, StackKind, Stretch, Toxic, What, Which, Who, json_schema,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenario")
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// The scenarios of a folder, in order.
fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

fn good(name: &str) -> Scenario {
    read(name, &Overrides::default())
}

fn read(name: &str, over: &Overrides) -> Scenario {
    let path = here().join("good").join(name);
    Scenario::read(&path, over).unwrap_or_else(|invalid| panic!("{invalid}"))
}

#[test]
fn the_contract_is_read_as_it_is_meant() {
    let scenario = good("contract.toml");
    assert_eq!((scenario.name.as_str(), scenario.seed), ("crash-and-recover", 7));
    assert_eq!(scenario.purpose, "");

    let begins: Vec<_> = scenario.phases.iter().map(|phase| phase.begins.as_secs()).collect();
    assert_eq!(begins, [0, 30, 390]);
    assert!(!scenario.phases[0].measure && scenario.phases[1].measure);
    let ramp = Stretch::Send {
        lasts: 30 * SECOND,
        from: 0.0,
        to: 2_000.0,
        arrivals: Arrivals::Constant,
    };
    assert_eq!(scenario.phases[0].what, ramp);
    assert_eq!(scenario.phases[2].what, Stretch::Drain { at_most: 120 * SECOND });

    let kinds: Vec<_> = scenario
        .mix
        .iter()
        .map(|kind| (kind.name.as_str(), kind.weight, kind.expect))
        .collect();
    assert_eq!(
        kinds,
        [
            ("order.created", 90.0, Fate::Stored),
            ("order.paid", 9.0, Fate::Stored),
            ("poison", 1.0, Fate::Dead)
        ]
    );
    assert!(scenario.mix[0].data.is_some() && scenario.mix[1].data.is_none());
    assert!((scenario.mix[1].resend - 0.05).abs() < 1e-12);

    let faults: Vec<_> = scenario
        .faults
        .iter()
        .map(|fault| (fault.id.as_str(), fault.at.as_secs()))
        .collect();
    assert_eq!(
        faults,
        [
            ("F1", 90),
            ("F2", 150),
            ("F3", 210),
            ("F4", 270),
            ("F5", 330),
            ("F6", 360)
        ]
    );
    assert_eq!(
        scenario.faults[0].what,
        What::Tcp {
            toxic: Toxic::Reset,
            route: Route::Postgres,
            side: Side::Down,
            share: 0.5
        }
    );
    let kill = Deed::Kill {
        respawn: Some(5 * SECOND),
    };
    assert_eq!(scenario.faults[1].what, process(Role::Worker, Which::Any, kill));
    assert_eq!(scenario.faults[1].lasts, None);
    assert_eq!(
        scenario.faults[2].what,
        process(Role::Worker, Which::Nth(0), Deed::Stop)
    );
    assert_eq!(scenario.faults[2].lasts, Some(45 * SECOND));

    assert_eq!(scenario.target.place, Place::Private(StackKind::Local));
    assert_eq!(
        scenario.target.server.as_deref(),
        Some(Path::new("target/release/my-orders"))
    );
    assert_eq!((scenario.target.workers, scenario.target.apis), (4, 1));
    assert_eq!(scenario.target.settings["claim_idle"], "5s");
    assert_eq!(scenario.load.max_in_flight, 2_000);
    assert_eq!((scenario.load.retry.max, scenario.load.retry.cap), (3, 2 * SECOND));
    assert_eq!(scenario.expect.steady_state["backlog"].comparison, Comparison::Less);
    assert_eq!(scenario.expect.progress, Some(30 * SECOND));
    let texts: Vec<_> = scenario
        .expect
        .slo
        .iter()
        .map(|threshold| threshold.text.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "steady/accept.p99 < 150ms",
            "steady/end_to_end.p99 < 3s",
            "steady/not_sent == 0",
            "F2/recovery < 20s"
        ]
    );
    assert_eq!(scenario.expect.slo[1].scope, "steady");
    assert_eq!(scenario.expect.slo[1].metric, "end_to_end.p99");
    assert_eq!(scenario.expect.invariants.dead, ExpectedDead::AsTheMix);
}

const fn process(role: Role, which: Which, deed: Deed) -> What {
    What::Process {
        who: Who { role, which },
        deed,
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let scenario = good("defaults.toml");
    assert_eq!(scenario.purpose, "As little as a file can say.");
    assert_eq!(scenario.seed, 1);
    let place = Place::Running {
        api: None,
        routes: BTreeMap::new(),
    };
    assert_eq!(scenario.target.place, place);
    assert_eq!(scenario.target.durability, "disk");
    assert_eq!((scenario.target.workers, scenario.target.apis), (1, 1));

    let drain = scenario.phases.last().expect("the drain");
    assert_eq!((drain.name.as_str(), drain.begins), ("drain", SECOND));
    assert_eq!(drain.what, Stretch::Drain { at_most: 120 * SECOND });
    assert!(scenario.phases[0].measure && !drain.measure);

    let kind = &scenario.mix[0];
    assert_eq!((kind.weight, kind.resend, kind.size), (1.0, 0.0, None));
    assert_eq!((kind.client, kind.expect), (Behaviour::Normal, Fate::Stored));
    assert_eq!(scenario.load.model, Model::Open);
    assert_eq!(
        (scenario.load.max_in_flight, scenario.load.max_late),
        (1_000, 10 * SECOND)
    );
    assert_eq!((scenario.load.timeout, scenario.load.retry.max), (10 * SECOND, 3));
    assert!(scenario.load.retry.reuse_key && scenario.expect.faults_took_effect);
    assert_eq!(scenario.expect.invariants.deadlocks, None);
}

#[test]
fn every_fault_and_every_field_is_read() {
    let scenario = good("everything.toml");
    assert_eq!(scenario.purpose, "Shows that every fault\nand every field is read.");
    assert_eq!(scenario.seed, 16);
    let ids: Vec<_> = scenario.faults.iter().map(|fault| fault.id.as_str()).collect();
    assert_eq!(
        ids[..4],
        ["F3", "F4", "F5", "F6"],
        "they come in the order of their moments"
    );
    assert_eq!(ids[ids.len() - 2..], ["F1", "F2"]);

    let of = |id: &str| {
        let fault = scenario.faults.iter().find(|fault| fault.id == id);
        fault.expect("it is there").what.clone()
    };
    let latency = Toxic::Latency {
        delay: Duration::from_millis(50),
        jitter: Duration::from_millis(10),
    };
    assert_eq!(of("F1"), tcp(latency, Route::Redis, Side::Up, 1.0));
    let bandwidth = Toxic::Bandwidth { bytes_per_s: 65_536 };
    assert_eq!(of("F2"), tcp(bandwidth, Route::Postgres, Side::Both, 1.0));
    let slice = Toxic::Slice {
        bytes: 64,
        delay: Duration::from_millis(1),
    };
    assert_eq!(of("F3"), tcp(slice, Route::Api, Side::Both, 1.0));
    assert_eq!(
        of("F4"),
        tcp(Toxic::SlowClose { delay: SECOND }, Route::Api, Side::Both, 1.0)
    );
    assert_eq!(of("F5"), tcp(Toxic::BlackHole, Route::Redis, Side::Both, 1.0));
    assert_eq!(of("F6"), tcp(Toxic::Reset, Route::Redis, Side::Down, 0.25));
    assert_eq!(
        of("F7"),
        tcp(Toxic::CutAfter { bytes: 8_192 }, Route::Api, Side::Both, 1.0)
    );
    assert_eq!(of("F8"), tcp(Toxic::Refuse, Route::Api, Side::Both, 1.0));
    assert_eq!(of("F9"), tcp(Toxic::DropReply, Route::Api, Side::Both, 0.1));
    assert_eq!(of("F11"), process(Role::Api, Which::All, Deed::Term { respawn: None }));
    assert_eq!(of("F12"), process(Role::Worker, Which::Nth(1), Deed::Stop));
    assert_eq!(of("F13"), process(Role::Worker, Which::All, Deed::Restart));
    assert_eq!(of("F14"), process(Role::Worker, Which::All, Deed::Scale(0)));
    for (id, backend, deed) in [
        ("F15", Backend::Redis, BackendDeed::Kill),
        ("F16", Backend::Postgres, BackendDeed::Stop),
        ("F17", Backend::Postgres, BackendDeed::Restart),
        ("F18", Backend::Redis, BackendDeed::Flush),
        ("F19", Backend::Redis, BackendDeed::MaxMemory),
        ("F20", Backend::Postgres, BackendDeed::ReadOnly),
        ("F21", Backend::Redis, BackendDeed::MaxConnections),
        ("F22", Backend::Postgres, BackendDeed::HoldSnapshot),
        ("cut", Backend::Redis, BackendDeed::PowerCut),
    ] {
        assert_eq!(of(id), What::Backend { backend, deed }, "{id}");
    }

    let sizes: Vec<_> = scenario.mix.iter().map(|kind| kind.size).collect();
    assert_eq!(sizes, [Some(4_096), Some(1_536), None, None, None]);
    assert_eq!(scenario.target.settings["attempts"], "3");
    assert_eq!(scenario.target.settings["simulate"], "true");
    assert_eq!(scenario.load.retry.base, scenario.load.retry.cap);
    assert_eq!(scenario.expect.steady_state.len(), 5);
    assert_eq!(scenario.expect.invariants.run_twice, 4);
    assert_eq!(scenario.expect.invariants.deadlocks, Some(5));
    assert!(scenario.lacks(StackKind::Local).is_empty());
    assert_eq!(scenario.lacks(StackKind::Postgres).len(), 8);
}

const fn tcp(toxic: Toxic, route: Route, side: Side, share: f64) -> What {
    What::Tcp {
        toxic,
        route,
        side,
        share,
    }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let over = Overrides {
        seed: Some(99),
        place: Some(Place::Private(StackKind::Local)),
        server: Some(PathBuf::from("other")),
        workers: Some(8),
        apis: Some(2),
        durability: Some("memory".to_owned()),
    };
    let scenario = read("contract.toml", &over);
    assert_eq!(scenario.seed, 99);
    assert_eq!(scenario.target.server.as_deref(), Some(Path::new("other")));
    assert_eq!((scenario.target.workers, scenario.target.apis), (8, 2));
    assert_eq!(scenario.target.durability, "memory");

    let elsewhere = Overrides {
        place: Some(Place::Private(StackKind::Postgres)),
        ..Overrides::default()
    };
    let path = here().join("good/contract.toml");
    let invalid = Scenario::read(&path, &elsewhere).expect_err("it needs Redis");
    let messages: Vec<_> = invalid.problems.iter().map(|flaw| flaw.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the fault `F5` cannot be made on this target",
            "the fault `F6` cannot be made on this target"
        ]
    );

    let odd = Overrides {
        durability: Some("dsik".to_owned()),
        workers: Some(0),
        ..Overrides::default()
    };
    let invalid = Scenario::read(&here().join("good/defaults.toml"), &odd).expect_err("neither is possible");
    assert_eq!(invalid.problems.len(), 2);
}

/// Every bad file has beside it what is said of it.
#[test]
fn what_is_wrong_is_said_where_it_is_and_what_would_be_right() {
    let folder = here().join("bad");
    for path in scenarios(&folder) {
        let text = fs::read_to_string(&path).expect("it can be read");
        let name = path.file_name().expect("a name").to_string_lossy();
        let invalid = Scenario::parse(&text, &name, &folder, &Overrides::default()).expect_err(&name);
        let said = invalid.to_string().replace(&format!("{}/", folder.display()), "");
        let expected = fs::read_to_string(path.with_extension("err")).unwrap_or_default();
        assert_eq!(said, expected.trim_end(), "{name} is told\n{said}\n");
    }
}

#[test]
fn a_file_that_is_not_there_is_said_to_be() {
    let invalid = Scenario::read(Path::new("gone.toml"), &Overrides::default()).expect_err("it is not there");
    let said = invalid.to_string();
    assert!(said.starts_with("gone.toml: the scenario cannot be read: "), "{said}");
    assert_eq!((invalid.problems[0].line, invalid.problems[0].column), (0, 0));
}

#[test]
fn what_ships_is_fine_and_says_what_it_proves() {
    let paths = scenarios(&shipped());
    assert!(!paths.is_empty());
    for path in paths {
        let scenario = Scenario::read(&path, &Overrides::default()).unwrap_or_else(|invalid| panic!("{invalid}"));
        let stem = path.file_stem().expect("a name").to_string_lossy();
        assert_eq!(scenario.name, stem);
        assert!(!scenario.purpose.is_empty(), "{stem}");
    }
}

#[test]
fn the_schema_that_ships_is_the_one_that_is_made() {
    let path = shipped().join("schema.json");
    let stands = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        stands.trim_end(),
        json_schema(),
        "scenarios/schema.json is old: `efctl load schema > scenarios/schema.json`"
    );
}

/// Places of a text, and what is written there in place of so many bytes.
fn slips() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let written = prop::sample::select(vec![
        "",
        " ",
        "\n",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "+",
        "-",
        "#",
        "0",
        "99999999999999999999",
        "1e9",
        "nan",
        "true",
        "s",
        "h",
        "/s",
        "..",
        "%",
        "é",
        "\u{0}",
        "\u{feff}",
        "mix.",
        "[[faults]]\n",
        "faults",
    ]);
    let slip = (
        any::<prop::sample::Index>(),
        0..12_usize,
        written.prop_map(str::to_owned),
    );
    prop::collection::vec(slip, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a file says, it is read or said to be wrong, at places that are there.
    #[test]
    fn no_file_is_too_bad_to_be_told_so(slips in slips(), contract in any::<bool>()) {
        let folder = here().join("good");
        let name = if contract { "contract.toml" } else { "everything.toml" };
        let mut text = fs::read_to_string(folder.join(name)).expect("it can be read");
        for (place, length, written) in slips {
            let mut begin = place.index(text.len() + 1);
            let mut end = (begin + length).min(text.len());
            while !text.is_char_boundary(begin) { begin -= 1; }
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(begin..end, &written);
        }
        if let Err(invalid) = Scenario::parse(&text, name, &folder, &Overrides::default()) {
            prop_assert!(!invalid.problems.is_empty());
            for flaw in invalid.problems.iter().filter(|flaw| flaw.file == name) {
                let line = text.split('\n').nth(flaw.line.saturating_sub(1));
                prop_assert!(line.is_some_and(|line| flaw.column <= line.chars().count() + 1), "{flaw}");
            }
        }
    }
}
