//! One process of a stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventflow_core::{RetryPolicy, WorkerId};
use eventflow_stack::{Port, Process, Spec, free_port};
use eventflow_wire::Client;
use serde_json::Value;
use tokio::task::block_in_place;

use super::programs::Program;
use super::wait::{PATIENCE, eventually};

/// What a process is started with.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) program: Program,
    pub(crate) role: &'static str,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) folder: PathBuf,
}

/// A running process: an API, a worker, or both.
pub(crate) struct Service {
    start: Start,
    port: Option<Port>,
    /// The process.
    pub(crate) process: Process,
    client: Option<Client>,
}

/// The command of a program, with settings from the environment.
pub(crate) fn command(program: Program, args: &[&str], settings: &BTreeMap<String, String>, folder: &Path) -> Spec {
    let spec = Spec::new(program.path())
        .name(args.first().copied().unwrap_or("eventflow"))
        .args(args)
        .dir(folder);
    settings.iter().fold(spec, |spec, (name, value)| {
        spec.env(format!("EVENTFLOW_{}", name.to_ascii_uppercase()), value)
    })
}

impl Service {
    /// Starts it and does not wait for anything.
    pub(crate) fn launch(start: Start) -> Self {
        let port = (start.role != "worker").then(|| free_port().expect("a free port"));
        Self::launch_on(start, port)
    }

    fn launch_on(start: Start, port: Option<Port>) -> Self {
        let mut settings = start.settings.clone();
        if let Some(port) = &port {
            settings.insert("listen".to_owned(), port.address());
        }
        let spec = command(start.program, &[start.role], &settings, &start.folder);
        let process = block_in_place(|| Process::start(&spec)).expect("a process");
        let client = port.as_ref().map(|port| {
            // Nothing is repeated behind the tests' back.
            let once = RetryPolicy {
                attempts: 1,
                ..RetryPolicy::default()
            };
            Client::new(&format!("http://{}", port.address()), None)
                .expect("a client")
                .with_retry(once)
                .with_deadline(PATIENCE)
        });
        Self {
            start,
            port,
            process,
            client,
        }
    }

    /// Starts it, and waits until it takes events, runs them, or both.
    pub(crate) async fn start(start: Start) -> Self {
        let service = Self::launch(start);
        service.ready().await;
        service
    }

    /// Waits until it takes events, runs them, or both.
    pub(crate) async fn ready(&self) {
        if self.client.is_some() {
            eventually("ready", async || {
                if let Some(status) = self.process.status() {
                    panic!("{} ended: {status}\n{}", self.start.role, self.process.tail(30));
                }
                self.client().ready().await.map_err(|error| error.to_string())
            })
            .await;
        }
        if self.start.role != "api" {
            self.worker();
        }
    }

    /// The incarnation of its worker, once that is ready.
    pub(crate) fn worker(&self) -> WorkerId {
        let line = self.said("ready");
        serde_json::from_value(line["worker"].clone()).expect("the log names the worker")
    }

    /// The first line of its log with this message, once it is there.
    pub(crate) fn said(&self, message: &str) -> Value {
        let says = |text: &str| {
            serde_json::from_str::<Value>(text)
                .ok()
                .filter(|line| line["message"] == message)
        };
        let line = block_in_place(|| {
            self.process.wait_for(&format!("logged `{message}`"), PATIENCE, |line| {
                says(&line.text).is_some()
            })
        });
        let line = line.unwrap_or_else(|error| panic!("{error}"));
        says(&line.text).expect("the line that was found")
    }

    /// What it is started as.
    pub(crate) fn role(&self) -> &'static str {
        self.start.role
    }

    /// A client that repeats nothing.
    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("a process with an API")
    }

    /// Where its API is.
    pub(crate) fn url(&self, path: &str) -> String {
        let port = self.port.as_ref().expect("a process with an API");
        format!("http://{}{path}", port.address())
    }

    /// SIGKILL, and its end.
    pub(crate) fn kill(&self) {
        block_in_place(|| self.process.kill()).expect("it ends");
    }

    /// SIGTERM, and its exit code.
    pub(crate) fn terminate(&self) -> Option<i32> {
        let status = block_in_place(|| self.process.terminate(PATIENCE));
        status.unwrap_or_else(|error| panic!("{error}")).code()
    }

    /// Starts it anew at the same address, the old one gone, and waits until it is ready.
    pub(crate) async fn restart(self) -> Self {
        let service = self.relaunch();
        service.ready().await;
        service
    }

    /// Starts it anew at the same address, the old one gone.
    pub(crate) fn relaunch(self) -> Self {
        let Self {
            start, port, process, ..
        } = self;
        assert!(!process.is_running(), "it has to end first");
        Self::launch_on(start, port)
    }

    /// Its exit code, once it has ended by itself, and all that it said.
    pub(crate) fn ended(&self) -> (Option<i32>, String) {
        let status = block_in_place(|| self.process.wait(PATIENCE)).unwrap_or_else(|error| panic!("{error}"));
        (status.code(), said(&self.process))
    }
}

/// All that a process wrote.
pub(crate) fn said(process: &Process) -> String {
    let lines: Vec<String> = process.lines().into_iter().map(|line| line.text).collect();
    lines.join("\n")
}

/// Runs a command to its end; its exit code and all that it wrote.
pub(crate) fn finished(spec: &Spec, within: Duration) -> (Option<i32>, String) {
    block_in_place(|| {
        let process = Process::start(spec).expect("a process");
        let status = process.wait(within).unwrap_or_else(|error| panic!("{error}"));
        (status.code(), said(&process))
    })
}
