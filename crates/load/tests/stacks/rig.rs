//! What these tests stand on: a stack, traffic on it, and the faults of a scenario.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::RetryPolicy;
use eventflow_load::fault::Driver;
use eventflow_load::journal::{self, Head, Journal};
use eventflow_load::scenario::{Fault, Overrides, Scenario};
use eventflow_load::target::{self, Order, Private, Running, TargetError};
use eventflow_load::verdict::FaultReport;
use eventflow_load::watch::{Reading, Watcher};
use eventflow_stack::Folder;
use eventflow_wire::{Client, NewEvent};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long anything may take: far more than it needs, since a machine that is busy elsewhere is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(30);
/// Between two events.
const PACE: Duration = Duration::from_millis(10);

/// A stack under gentle traffic.
pub(crate) struct Rig {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// The stack.
    pub(crate) running: Arc<Running>,
    /// Whoever looks at it.
    pub(crate) watcher: Watcher,
    folder: Folder,
    journal: Arc<Journal>,
}

/// Events that were acknowledged, and requests that were not.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) acked: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Rig {
    /// A stack of this kind, with these further lines of `[target]` and these faults.
    pub(crate) async fn start(stack: &str, target: &str, faults: &str) -> Self {
        let target = format!("stack = \"{stack}\"\n{target}\n{QUICK}");
        let started = Self::on(&target, faults).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What these lines of `[target]` say, with these faults.
    pub(crate) async fn on(target: &str, faults: &str) -> Result<Self, TargetError> {
        let scenario = scenario(target, faults);
        let folder = Folder::create("rig").expect("a folder");
        let order = Order {
            scenario: &scenario,
            out: folder.path(),
            api: None,
            token: None,
            server: Some(server()),
        };
        let running = Arc::new(target::start(order, &CancellationToken::new()).await?);
        let head = Head {
            scenario: scenario.name.clone(),
            run: "test".into(),
            source: "test".into(),
            seed: scenario.seed,
        };
        let journal = Journal::create(&folder.path().join(journal::FILE), &head).expect("a journal");
        Ok(Self {
            watcher: Watcher::start(&running, scenario.faults.iter().map(Fault::window).collect()),
            scenario,
            running,
            folder,
            journal,
        })
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Private {
        self.running.stack.as_ref().expect("a private stack")
    }

    /// A file of outputs.
    pub(crate) fn written(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Makes the faults under traffic, and says what they reported. Each must have struck, and touched something.
    pub(crate) async fn strike(&self, heard: &Arc<Heard>) -> Vec<FaultReport> {
        let reports = self.reports(heard, &CancellationToken::new()).await;
        for report in &reports {
            assert_eq!(report.skipped, None, "{report:?}");
            assert!(
                report.struck_s.is_some() && report.ended_s >= report.struck_s,
                "{report:?}"
            );
            assert!(report.touched > 0, "{report:?}");
        }
        reports
    }

    /// The same, whatever they did.
    pub(crate) async fn reports(&self, heard: &Arc<Heard>, stop: &CancellationToken) -> Vec<FaultReport> {
        let quiet = CancellationToken::new();
        let traffic = tokio::spawn(traffic(
            self.running.apis[0].to_string(),
            Arc::clone(heard),
            quiet.clone(),
        ));
        let begin = Instant::now();
        self.watcher.begin(begin);
        let (armed, seen) = watch::channel(Vec::new());
        let driver = Driver::new(&self.scenario, Arc::clone(&self.running));
        let striking = driver.run(begin, stop.clone(), Arc::clone(&self.journal), armed);
        let reports = tokio::time::timeout(PATIENCE, striking).await.expect("all faults end");
        assert!(seen.borrow().is_empty(), "nothing is in force any more");
        self.still_takes_events().await;
        quiet.cancel();
        traffic.await.expect("it ends");
        reports
    }

    /// Waits until an event that is sent now is taken.
    pub(crate) async fn still_takes_events(&self) {
        let client = client(self.running.apis[0].as_str());
        eventually("an event is taken", async || {
            client.send(event()).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn drain(&self) -> Reading {
        let drained = self.watcher.drained(PATIENCE, &CancellationToken::new()).await;
        let reading = self.watcher.latest().expect("it was looked at");
        assert!(drained, "{reading:?}");
        reading
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// How many events are done, by the API.
    pub(crate) async fn stored(&self) -> u64 {
        use futures_util::{StreamExt as _, future};
        let query = eventflow_wire::EventQuery::default();
        let client = self.running.client().await;
        let count = client.stream_events(&query).fold(0, |count, line| {
            line.expect("the list is whole");
            future::ready(count + 1)
        });
        count.await
    }
}

/// Settings that make things happen soon.
const QUICK: &str =
    "settings = { lease = \"2s\", claim_idle = \"2s\", backoff_base = \"50ms\", backoff_cap = \"300ms\" }";

fn scenario(target: &str, faults: &str) -> Scenario {
    let text = format!(
        "schema = 1\nname = \"rig\"\nseed = 7\n\
         phases = [{{ name = \"steady\", for = \"10m\", rate = \"10/s\" }}]\n\
         mix = [{{ weight = 1, event = \"efctl.sim.order\" }}]\n\
         faults = [{faults}]\n[target]\n{target}\n"
    );
    Scenario::parse(&text, "rig.toml", Path::new("."), &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The server's binary. Cargo builds it with the tests of the whole workspace; what only a part of it left out is built
/// now.
pub(crate) fn server() -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.parent().and_then(Path::parent).expect("it lies in target");
    let path = folder.join("eventflow");
    let one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    if !path.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", "eventflow", "--bin", "eventflow"]);
        // What cargo tells the programs that it runs makes another cargo build things anew.
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes == b"CARGO" || bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST") {
                command.env_remove(name);
            }
        }
        assert!(
            command.status().expect("cargo runs").success(),
            "the server cannot be built"
        );
    }
    drop(one);
    path
}

/// Sends an event after the other, and repeats none.
async fn traffic(api: String, heard: Arc<Heard>, quiet: CancellationToken) {
    let client = client(&api);
    let mut requests = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(PACE);
    while !quiet.is_cancelled() {
        ticks.tick().await;
        let (client, heard) = (client.clone(), Arc::clone(&heard));
        requests.spawn(async move {
            match client.send(event()).await {
                Ok(_) => heard.acked.fetch_add(1, Relaxed),
                Err(_) => heard.failed.fetch_add(1, Relaxed),
            };
        });
        while requests.try_join_next().is_some() {}
    }
    while requests.join_next().await.is_some() {}
}

fn client(api: &str) -> Client {
    let once = RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    };
    Client::new(api, None)
        .expect("a client")
        .with_retry(once)
        .with_deadline(Duration::from_secs(10))
}

fn event() -> NewEvent {
    NewEvent {
        event_type: "efctl.sim.order".into(),
        ..NewEvent::default()
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if Instant::now() >= deadline => panic!("{what}: not within {PATIENCE:?}; last seen: {seen}"),
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// The state of a process as the system gives it: `T` stopped, `-` gone.
pub(crate) fn state(pid: u32) -> char {
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .expect("ps runs");
    match String::from_utf8_lossy(&listed.stdout).trim().chars().next() {
        None | Some('Z' | 'X') => '-',
        Some(state) => state,
    }
}
