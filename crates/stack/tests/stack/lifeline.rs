//! Single processes, and what becomes of the children of a parent that is killed.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use eventflow_stack::{
    Error, Folder, Postgres, PostgresSettings, Process, Redis, RedisSettings, Signal, Spec, Stream, free_port,
};

use crate::support::{state, until};

const SOON: Duration = Duration::from_secs(30);
/// Set where this program runs as the parent that is killed.
const PARENT: &str = "STACK_TEST_PARENT";

fn shell(script: &str) -> Process {
    Process::start(&Spec::new("/bin/sh").args(["-c", script])).expect("a shell starts")
}

/// Nothing, unless this program was started as the parent of a stack: then it holds one until it is killed.
#[test]
fn parent_that_holds_a_stack() {
    let Some(place) = std::env::var_os(PARENT) else { return };
    let parent = Some(Path::new(&place).to_owned());
    let redis = Redis::start(&RedisSettings {
        parent: parent.clone(),
        ..RedisSettings::default()
    })
    .expect("it starts");
    let postgres = Postgres::start(&PostgresSettings {
        parent,
        ..PostgresSettings::default()
    })
    .expect("it starts");
    let child = shell("sleep 1000 & echo $!; wait");
    let grandchild = child.wait_for("named its child", SOON, |line| line.stream == Stream::Out);
    let lasting = "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'walwriter')";
    let backends = postgres.sql("postgres", lasting).expect("it answers");
    let mut words = vec![
        "held".to_owned(),
        redis.port().to_string(),
        postgres.port().to_string(),
        redis.process().id().to_string(),
        postgres.process().id().to_string(),
        child.id().to_string(),
        grandchild.expect("it has one").text,
    ];
    words.extend(backends.into_iter().flatten().flatten());
    if std::env::var_os("STACK_TEST_FREEZE").is_some() {
        postgres.stop().expect("it is frozen");
    }
    writeln!(std::io::stdout(), "{}", words.join(" ")).expect("the test listens");
    child
        .wait(Duration::from_secs(1_000))
        .expect("the parent is killed long before");
}

fn killed_parent_leaves_nothing(freeze: bool) {
    let place = Folder::create("parent").expect("a folder is made");
    let program = std::env::current_exe().expect("this program has a path");
    let mut spec = Spec::new(program)
        .name("parent")
        .args(["--exact", "lifeline::parent_that_holds_a_stack", "--nocapture"])
        .env(PARENT, place.path());
    if freeze {
        spec = spec.env("STACK_TEST_FREEZE", "1");
    }
    let parent = Process::start(&spec).expect("the parent starts");
    let line = parent
        .wait_for_line("held ", SOON)
        .expect("the parent holds a stack")
        .text;
    let (_, words) = line.split_once("held ").expect("it says what");
    let numbers: Vec<u32> = words
        .split(' ')
        .map(|word| word.parse().expect("it is a number"))
        .collect();
    let (ports, pids) = numbers.split_at(2);
    assert!(pids.iter().all(|pid| state(*pid) != '-'));
    assert!(pids.len() >= 6);

    parent.signal(Signal::KILL).expect("it is killed");
    parent.wait(SOON).expect("it is gone");
    for pid in pids {
        until("every child of a killed parent ends", || state(*pid) == '-');
    }
    for port in ports {
        let port = u16::try_from(*port).expect("it is a port");
        until("its port is free", || TcpListener::bind(("127.0.0.1", port)).is_ok());
    }
    let left = || {
        let entries = std::fs::read_dir(place.path()).expect("the folder is there").flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("run-"))
            .count()
    };
    until("its folders are removed", || left() == 0);
}

#[test]
fn the_children_of_a_killed_parent_end_with_it() {
    killed_parent_leaves_nothing(false);
}

#[test]
fn frozen_children_of_a_killed_parent_end_as_well() {
    killed_parent_leaves_nothing(true);
}

#[test]
fn lines_are_captured_and_awaited() {
    let process = shell("echo one; echo two >&2; echo three; exit 3");
    let two = process.wait_for_line("two", SOON).expect("it comes");
    assert_eq!(two.stream, Stream::Err);
    let status = process.wait(SOON).expect("it ends");
    assert_eq!(status.code(), Some(3));
    let out: Vec<String> = process
        .lines()
        .into_iter()
        .filter(|line| line.stream == Stream::Out)
        .map(|line| line.text)
        .collect();
    assert_eq!(out, ["one", "three"]);
}

#[test]
fn a_line_that_cannot_come_any_more_is_not_waited_for() {
    let process = shell("echo sorry; exit 7");
    let error = process
        .wait_for_line("welcome", Duration::from_secs(1_000))
        .expect_err("it never comes");
    let Error::Ended { status, said, .. } = error else {
        panic!("{error} says something else")
    };
    assert_eq!((status.code(), said.as_str()), (Some(7), "sorry"));
}

#[test]
fn a_line_that_does_not_come_in_time_is_late() {
    let process = shell("echo here; exec sleep 1000");
    process.wait_for_line("here", SOON).expect("it comes");
    let error = process
        .wait_for_line("there", Duration::from_millis(1))
        .expect_err("it never comes");
    assert!(matches!(error, Error::Late { .. }), "{error}");
    assert!(process.is_running());
}

#[test]
fn a_program_that_is_not_there_says_so() {
    let process = Process::start(&Spec::new("/no/such/program")).expect("the shell in front of it starts");
    let status = process.wait(SOON).expect("it ends");
    assert!(matches!(status.code(), Some(126 | 127)), "{status}");
    process
        .wait_for_line("/no/such/program", SOON)
        .expect("it names the program");
}

#[test]
fn terminating_is_asking_and_killing_is_not() {
    let script = "trap 'echo asked; exit 5' TERM; echo trapped; while :; do read -t 1 x; done";
    let asked = shell(script);
    asked.wait_for_line("trapped", SOON).expect("it is ready");
    asked.stop().expect("it is frozen");
    assert_eq!(
        asked.terminate(SOON).expect("it ends though it was frozen").code(),
        Some(5)
    );
    asked.wait_for_line("asked", SOON).expect("it was asked");
    let killed = shell(script);
    killed.wait_for_line("trapped", SOON).expect("it is ready");
    let status = killed.kill().expect("it ends");
    assert_eq!(status.code(), None);
    assert!(killed.lines().iter().all(|line| line.text != "asked"));
}

#[test]
fn what_somebody_has_set_for_their_own_work_is_not_inherited() {
    let place = Folder::create("env").expect("a folder is made");
    let spec = Spec::new("/usr/bin/env")
        .env("EVENTFLOW_LISTEN", "127.0.0.1:1")
        .env_remove("HOME")
        .dir(place.path());
    let process = Process::start(&spec).expect("it starts");
    process.wait(SOON).expect("it ends");
    let lines: Vec<String> = process.lines().into_iter().map(|line| line.text).collect();
    let ours: Vec<&String> = lines.iter().filter(|line| line.starts_with("EVENTFLOW_")).collect();
    assert_eq!(ours, ["EVENTFLOW_LISTEN=127.0.0.1:1"]);
    assert!(lines.iter().all(|line| !line.starts_with("HOME=")));
}

#[test]
fn a_dropped_process_is_gone_with_its_descendants() {
    let process = shell("sleep 1000 & echo $!; wait");
    let child = process
        .wait_for("named its child", SOON, |line| line.stream == Stream::Out)
        .expect("it has one")
        .text;
    let pids = [process.id(), child.parse().expect("it is a number")];
    assert!(pids.iter().all(|pid| state(*pid) != '-'));
    drop(process);
    assert!(pids.iter().all(|pid| state(*pid) == '-'));
}

#[test]
fn a_port_is_free_for_the_process_it_is_meant_for() {
    let port = free_port().expect("there is one");
    TcpListener::bind(port.address()).expect("it can be listened on");
}
