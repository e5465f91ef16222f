//! A stack of processes on servers of its own.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use eventflow_stack::{Folder, Redis, Reply};
use eventflow_wire::{Client, EventView};
use tokio::task::block_in_place;

use super::programs::Program;
use super::servers::{Database, redis};
use super::service::{Service, Start, command, finished};
use super::wait::{PATIENCE, eventually};
use super::{Mode, key};

/// The stream of the one partition.
pub(crate) const STREAM: &str = "ef:{events:0}:stream";

/// What a stack shall be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    mode: Mode,
    apis: usize,
    workers: usize,
    own_server: bool,
    program: Program,
    settings: BTreeMap<String, String>,
}

/// Its processes, and what stands behind them. Its first fields end first.
pub(crate) struct Stack {
    /// Processes with an API; where it is embedded, the one process there is.
    pub(crate) apis: Vec<Service>,
    /// Processes that only work; none where it is embedded.
    pub(crate) workers: Vec<Service>,
    /// Its database, if it has one.
    pub(crate) database: Option<Database>,
    /// Its Redis, if it has one.
    pub(crate) redis: Option<Redis>,
    plan: Plan,
    folder: Folder,
}

impl Plan {
    /// An API and a worker on these backends, with settings that make things happen soon.
    pub(crate) fn new(mode: Mode) -> Self {
        let quick = [
            ("lease", "3s"),
            ("claim_idle", "3s"),
            ("backoff_base", "50ms"),
            ("backoff_cap", "300ms"),
            ("simulate", "true"),
            ("grace", "20s"),
        ];
        Self {
            mode,
            apis: 1,
            workers: 1,
            own_server: false,
            program: Program::Eventflow,
            settings: quick
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// With so many APIs.
    pub(crate) fn apis(self, apis: usize) -> Self {
        Self { apis, ..self }
    }

    /// With so many workers.
    pub(crate) fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// On a PostgreSQL that nobody else uses.
    pub(crate) fn own_server(self) -> Self {
        Self {
            own_server: true,
            ..self
        }
    }

    /// Of this program.
    pub(crate) fn program(self, program: Program) -> Self {
        Self { program, ..self }
    }

    /// With this setting.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts it, and waits until all of it is ready.
    pub(crate) async fn start(self) -> Stack {
        let mut stack = self.prepare();
        for _ in 0..stack.plan.apis {
            let role = if stack.mode() == Mode::Embedded { "solo" } else { "api" };
            stack.apis.push(Service::launch(stack.starting(role)));
        }
        if stack.mode() != Mode::Embedded {
            for _ in 0..stack.plan.workers {
                stack.workers.push(Service::launch(stack.starting("worker")));
            }
        }
        for service in stack.apis.iter().chain(&stack.workers) {
            service.ready().await;
        }
        stack
    }

    /// Its servers and its schema, and no process yet.
    pub(crate) fn prepare(mut self) -> Stack {
        let folder = Folder::create("pipeline").expect("a folder");
        let runs = folder.path().join("runs");
        self.settings.insert("test_runs".to_owned(), runs.display().to_string());
        let database = (self.mode != Mode::Embedded).then(|| Database::create(self.own_server));
        let redis = (self.mode == Mode::Pipeline).then(redis);
        if let Some(database) = &database {
            self.settings.insert("store_url".to_owned(), database.url());
        }
        if let Some(redis) = &redis {
            self.settings.insert("queue_url".to_owned(), redis.url());
        }
        let stack = Stack {
            apis: Vec::new(),
            workers: Vec::new(),
            database,
            redis,
            plan: self,
            folder,
        };
        if stack.database.is_some() {
            let (code, said) = stack.command(&["migrate"], &[]);
            assert_eq!(code, Some(0), "{said}");
        }
        stack
    }
}

impl Stack {
    /// Which backends it has.
    pub(crate) fn mode(&self) -> Mode {
        self.plan.mode
    }

    /// A client of its first API; it repeats nothing.
    pub(crate) fn client(&self) -> &Client {
        self.apis[0].client()
    }

    /// Its database.
    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("a stack with a database")
    }

    /// Its Redis.
    pub(crate) fn redis(&self) -> &Redis {
        self.redis.as_ref().expect("a stack with a Redis")
    }

    /// Asks its Redis.
    pub(crate) fn ask_redis(&self, words: &[&str]) -> Reply {
        block_in_place(|| self.redis().command(words)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A number that its Redis answers.
    pub(crate) fn redis_number(&self, words: &[&str]) -> i64 {
        match self.ask_redis(words) {
            Reply::Number(number) => number,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    /// A file in its folder, which goes with it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a process of it in this role is started with.
    pub(crate) fn starting(&self, role: &'static str) -> Start {
        Start {
            program: self.plan.program,
            role,
            settings: self.plan.settings.clone(),
            folder: self.folder.path().to_owned(),
        }
    }

    /// A further worker, of this program and with these settings over the common ones.
    pub(crate) async fn add_worker(&mut self, program: Program, settings: &[(&str, &str)]) -> &Service {
        let mut start = self.starting("worker");
        start.program = program;
        for (name, value) in settings {
            start.settings.insert((*name).to_owned(), (*value).to_owned());
        }
        self.workers.push(Service::start(start).await);
        self.workers.last().expect("the one that was added")
    }

    /// Changes a setting of the processes that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.plan.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Runs a command of `eventflow` on its backends, with these settings over the common ones.
    pub(crate) fn command(&self, args: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut all = self.plan.settings.clone();
        for (name, value) in settings {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        let spec = command(self.plan.program, args, &all, self.folder.path());
        finished(&spec, PATIENCE)
    }

    /// Ends its processes in order, and starts them anew on the settings as they are now, once all have ended.
    pub(crate) async fn restart(&mut self) {
        let roles: Vec<&'static str> = self.apis.iter().chain(&self.workers).map(Service::role).collect();
        for service in self.apis.drain(..).chain(self.workers.drain(..)) {
            assert_eq!(service.terminate(), Some(0));
        }
        for role in roles {
            let service = Service::start(self.starting(role)).await;
            if role == "worker" {
                self.workers.push(service);
            } else {
                self.apis.push(service);
            }
        }
    }

    /// The process that runs handlers, or the only such one.
    pub(crate) fn runner(&self) -> &Service {
        self.workers.first().unwrap_or_else(|| &self.apis[0])
    }

    /// An event of the source `/`, once it satisfies `wanted`.
    pub(crate) async fn event(&self, id: &str, what: &str, wanted: impl Fn(&EventView) -> bool) -> EventView {
        eventually(&format!("{id} is {what}"), async || {
            match self.client().event(key(id)).await {
                Ok(Some(view)) if wanted(&view) => Ok(view),
                Ok(view) => Err(format!("{view:?}")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// What the handlers of the errands noted: key, attempt, process, outcome.
    pub(crate) fn runs(&self) -> Vec<(String, u32, u32, String)> {
        let Ok(text) = std::fs::read_to_string(self.path("runs")) else {
            return Vec::new();
        };
        text.lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let [key, attempt, process, outcome] = words.as_slice() else {
                    panic!("a line of four words: {line}")
                };
                let number = |text: &str| text.parse().expect("a number");
                (
                    (*key).to_owned(),
                    number(attempt),
                    number(process),
                    (*outcome).to_owned(),
                )
            })
            .collect()
    }

    /// Opens the gate that errands wait at.
    pub(crate) fn open(gate: &Path) {
        std::fs::write(gate, "").expect("a file");
    }
}

impl Drop for Stack {
    /// A test that fails shows what its processes said last.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut out = std::io::stderr().lock();
        for service in self.apis.iter().chain(&self.workers) {
            // Nobody can be told that nobody can be told.
            let _ = writeln!(
                out,
                "--- {} ({:?}), the end of its log:\n{}",
                service.role(),
                service.process.status(),
                service.process.tail(25)
            );
        }
    }
}
