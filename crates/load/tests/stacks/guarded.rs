//! Whoever owns a stack may be killed: nothing stays behind.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use eventflow_load::scenario::Role;
use eventflow_stack::{Process, Signal, Spec};

use crate::rig::{Rig, eventually, state};

/// Set where this program runs as the owner that is killed.
const OWNER: &str = "LOAD_TEST_OWNER";

/// Nothing, unless this program was started as the owner of a stack: then it holds one until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn owner_that_holds_a_stack() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let rig = Rig::start("local", "workers = 1", "").await;
    let stack = rig.stack();
    let (redis, postgres) = (stack.redis().expect("a Redis"), stack.postgres().expect("a PostgreSQL"));
    let mut ports = vec![redis.port(), postgres.port()];
    let mut pids = vec![redis.process().id(), postgres.process().id()];
    for member in stack.members(Role::Api).into_iter().chain(stack.members(Role::Worker)) {
        ports.push(member.server().port());
        pids.push(member.server().process().id());
    }
    let proxies = rig.running.proxies.values().flatten();
    ports.extend(proxies.map(|proxy| proxy.address().port()));
    let words: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let others: Vec<String> = pids.iter().map(ToString::to_string).collect();
    writeln!(std::io::stdout(), "held {} | {}", words.join(" "), others.join(" ")).expect("the test listens");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_behind_when_the_owner_is_killed() {
    let program = std::env::current_exe().expect("this program has a path");
    let spec = Spec::new(program)
        .name("owner")
        .args(["--exact", "guarded::owner_that_holds_a_stack", "--nocapture"])
        .env(OWNER, "1");
    let owner = Process::start(&spec).expect("the owner starts");
    let line = owner
        .wait_for_line("held ", Duration::from_mins(2))
        .expect("it holds a stack")
        .text;
    let (_, words) = line.split_once("held ").expect("it says what");
    let (ports, pids) = words.split_once(" | ").expect("ports and processes");
    let pids: Vec<u32> = pids.split(' ').map(|word| word.parse().expect("a number")).collect();
    let ports: Vec<u16> = ports.split(' ').map(|word| word.parse().expect("a number")).collect();
    assert_eq!((pids.len(), ports.len()), (4, 7));
    assert!(pids.iter().all(|pid| state(*pid) != '-'));
    owner.signal(Signal::KILL).expect("it is killed");
    owner.wait(Duration::from_secs(30)).expect("it is gone");
    eventually("its processes and ports are gone", async || {
        let processes: Vec<&u32> = pids.iter().filter(|pid| state(**pid) != '-').collect();
        let taken: Vec<&u16> = ports
            .iter()
            .filter(|port| TcpListener::bind(("127.0.0.1", **port)).is_err())
            .collect();
        (processes.is_empty() && taken.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{processes:?} {taken:?}"))
    })
    .await;
    assert_eq!(eventflow_stack::leftovers().expect("they are read"), []);
}
