//! A process is killed in the middle of admissions: what it had acknowledged is in the file.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    AdmitReply, Admitted, Archive, Durability, EventKey, EventState, Fate, LeaseGrant, LeaseToken, Ledger, Registered,
    SystemClock, WorkerId,
};
use eventflow_sqlite::{Sqlite, SqliteOptions};
use eventflow_testkit::build::{admission, pattern, registration, row};
use eventflow_testkit::event;

/// Names the file to the process that is killed.
const FILE: &str = "EVENTFLOW_TEST_FILE_OF_THE_VICTIM";
/// Acknowledgements to wait for before the kill.
const ENOUGH: usize = 1_500;

async fn open(path: &Path) -> Arc<Sqlite> {
    let options = SqliteOptions {
        path: path.to_owned(),
        durability: Durability::Disk,
        clock: Arc::new(SystemClock),
    };
    Arc::new(Sqlite::open(options).await.expect("the ledger opens"))
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    for _ in 0..3 {
        let acknowledged = kill_in_the_middle(&path);
        assert!(acknowledged.len() >= ENOUGH);
        let ledger = open(&path).await;
        for (key, state) in acknowledged {
            let found = ledger
                .get(key)
                .await
                .expect("it answers")
                .expect("what was acknowledged is there");
            assert_eq!(found.state.as_str(), state, "{key}");
        }
        ledger.close().await;
    }
}

/// Runs this binary again as the victim, kills it once it has acknowledged enough, and gives what it acknowledged.
fn kill_in_the_middle(path: &Path) -> BTreeMap<EventKey, String> {
    let mut victim = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "the_victim", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("a pipe"));
    let mut acknowledged = BTreeMap::new();
    let mut line = String::new();
    while lines.read_line(&mut line).expect("the pipe is read") > 0 {
        // A line that the kill cut short does not count as said.
        if let Some((key, state)) = line.strip_suffix('\n').and_then(|line| line.split_once(' '))
            && let Ok(key) = key.parse()
        {
            acknowledged.insert(key, state.to_owned());
            if acknowledged.len() == ENOUGH {
                victim.kill().expect("the victim is killed");
            }
        }
        line.clear();
    }
    victim.wait().expect("the victim is gone");
    acknowledged
}

/// Not a test by itself: without the file named, nobody is the victim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_victim() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let ledger = open(Path::new(&path)).await;
    let worker = WorkerId::new();
    let joined = ledger
        .register(registration(worker, &["order"]))
        .await
        .expect("a worker joins");
    let Registered::Joined(registry) = joined else {
        panic!("one pattern ties with nothing")
    };
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (ledger, version) = (Arc::clone(&ledger), registry.version);
        writing.spawn(async move {
            for batch in 0u64.. {
                let (rows, fate, state) = match n % 2 {
                    0 => (1, Fate::Done, EventState::Done),
                    // What runs when its process is killed is due again for the next.
                    _ => (5, Fate::Start(pattern("order")), EventState::Due),
                };
                let rows =
                    (0..rows).map(|i| row(event("order", &format!("{worker}-{n}-{batch}-{i}"), "{}"), fate.clone()));
                let grant = LeaseGrant {
                    worker,
                    token: LeaseToken::new(),
                    lease_time: Duration::from_mins(10),
                };
                let asked = admission(version, rows.collect(), Some(grant));
                let keys: Vec<EventKey> = asked.rows.iter().map(|row| row.event.key).collect();
                let reply = ledger.admit(asked).await.expect("it is admitted");
                let started = state == EventState::Due;
                assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started }; keys.len()]));
                let said = keys
                    .iter()
                    .fold(String::new(), |said, key| format!("{said}{key} {state}\n"));
                std::io::stdout().write_all(said.as_bytes()).expect("somebody listens");
            }
        });
    }
    while let Some(ended) = writing.join_next().await {
        ended.expect("the victim writes until it is killed");
    }
}
