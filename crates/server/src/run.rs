//! Serves events in a role: binds, connects, passes the gates, works until told to stop, and ends in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use eventflow_api::{Api, LocalWorker, Tokens};
use eventflow_core::SystemClock;
use eventflow_worker::{Crash, HandlerOptions, Handlers, SIMULATED_PATTERN, Simulated, Status, Worker};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backends::Connected;
use crate::config::{Config, Role};
use crate::{banner, gates, signals};

/// How often a worker process without an API inspects its backends.
const INSPECT_EVERY: Duration = Duration::from_secs(10);
const INSPECT_DEADLINE: Duration = Duration::from_secs(5);

/// Runs until a signal, or until something ends that should not.
pub(crate) async fn run(config: Config, role: Role, handlers: Handlers) -> anyhow::Result<()> {
    if let Some(bug) = eventflow_core::planted_bug() {
        tracing::error!(
            bug = bug.name(),
            "this build has a bug planted on purpose, to see whether it is caught"
        );
    }
    let shutdown = signals::shutdown_on_signal(config.grace)?;
    let tokens = tokens(&config)?;
    let handlers = with_simulated(handlers, &config, role)?;
    let connected = Arc::new(Connected::new(&config).await?);
    let listener = if role.has_api() {
        Some(bind(config.listen, "--listen").await?)
    } else {
        None
    };
    let probes = match (role, config.worker_listen) {
        (Role::Worker, Some(address)) => Some(bind(address, "--worker-listen").await?),
        _ => None,
    };
    let config = Arc::new(config);
    banner::print(&config, role, listener.as_ref(), &connected.places)?;
    let worker = role.has_worker().then(|| worker(&connected, &config, handlers));
    let status = worker.as_ref().map(Worker::status);
    let mut tasks = Tasks::default();
    if let Some(listener) = listener {
        let api = Api::new(api_parts(&connected, &config, tokens, status.clone()));
        let stop = shutdown.clone();
        tasks.spawn("the API", async move { Ok(api.serve(listener, stop).await?) });
    } else {
        let (connected, stop) = (Arc::clone(&connected), shutdown.clone());
        tasks.spawn("the inspector", async move {
            inspect(&connected, stop).await;
            Ok(())
        });
    }
    if let (Some(listener), Some(status)) = (probes, status) {
        let (status, stop) = (Arc::new(LocalStatus(status)), shutdown.clone());
        tasks.spawn("the probes", async move {
            eventflow_api::serve_worker_probes(listener, status, stop).await;
            Ok(())
        });
    }
    gate_queue(&mut tasks, &connected, &config, &shutdown);
    let (gated, stop) = (Arc::clone(&connected), shutdown.clone());
    tasks.spawn("the worker", async move {
        let passed = gates::ledger(&gated, &config, role, &stop).await?;
        if let (true, Some(worker)) = (passed, worker) {
            let ended = worker.run(stop).await?;
            if ended.left > 0 {
                tracing::warn!(
                    events = ended.left,
                    "ended while events were still held; they are taken over when their leases lapse"
                );
            }
        } else if passed {
            stop.cancelled().await;
        }
        Ok(())
    });
    let result = tasks.until_stopped(&shutdown).await;
    if let Some(connected) = Arc::into_inner(connected) {
        connected.close().await;
    }
    result
}

fn gate_queue(tasks: &mut Tasks, connected: &Arc<Connected>, config: &Arc<Config>, shutdown: &CancellationToken) {
    let (connected, config, stop) = (Arc::clone(connected), Arc::clone(config), shutdown.clone());
    tasks.spawn("the queue", async move {
        gates::queue(&connected, &config, &stop).await?;
        drop(connected);
        stop.cancelled().await;
        Ok(())
    });
}

fn tokens(config: &Config) -> anyhow::Result<Option<Tokens>> {
    let Some(path) = &config.tokens_file else {
        return Ok(None);
    };
    let read = || -> anyhow::Result<Tokens> { Ok(Tokens::parse(&std::fs::read_to_string(path)?)?) };
    let tokens = read().map_err(|error| gates::Refused(format!("`tokens_file` {}: {error}", path.display())))?;
    Ok(Some(tokens))
}

fn with_simulated(mut handlers: Handlers, config: &Config, role: Role) -> anyhow::Result<Handlers> {
    if config.simulate && role.has_worker() {
        let crash = match role {
            Role::Worker => Crash::Abort,
            Role::Dev | Role::Solo | Role::Api => Crash::Panic,
        };
        handlers
            .add(SIMULATED_PATTERN, Simulated::new(crash), HandlerOptions::default())
            .map_err(|error| gates::Refused(format!("{error}; or turn the simulated handler off: --simulate=false")))?;
    }
    Ok(handlers)
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}

fn worker(connected: &Connected, config: &Config, handlers: Handlers) -> Worker {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    Worker::new(eventflow_worker::Parts {
        ledger: Arc::clone(&connected.ledger),
        archive: Arc::clone(&connected.archive),
        queue: connected.queue.clone(),
        pulse: Arc::clone(&connected.pulse),
        handlers,
        settings: eventflow_worker::Settings {
            name: format!("{host}/{}", std::process::id()),
            concurrency: config.concurrency,
            lease: config.lease,
            claim_idle: config.claim_idle,
            grace: config.grace,
            retention: config.retention,
            handler_timeout: config.handler_timeout,
            retry: config.retry,
        },
    })
}

fn api_parts(
    connected: &Connected,
    config: &Config,
    tokens: Option<Tokens>,
    status: Option<Status>,
) -> eventflow_api::Parts {
    eventflow_api::Parts {
        ledger: Arc::clone(&connected.ledger),
        archive: Arc::clone(&connected.archive),
        queue: connected.queue.clone(),
        pulse: Arc::clone(&connected.pulse),
        backends: connected.watched(config),
        local_worker: status.map(|status| Arc::new(LocalStatus(status)) as Arc<dyn LocalWorker>),
        clock: Arc::new(SystemClock),
        settings: eventflow_api::Settings {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tokens,
            durability: config.durability,
            max_body: config.max_body,
            max_data: config.max_data,
            max_batch: config.max_batch,
            backlog_cap: config.backlog_cap,
            lease: config.lease,
            grace: config.grace,
            ..eventflow_api::Settings::default()
        },
    }
}

/// Keeps a worker's backends under their own watch: below the level asked for they take nothing.
async fn inspect(connected: &Connected, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(INSPECT_EVERY) => {}
        }
        for (_, backend) in &connected.backends {
            match backend.inspect(INSPECT_DEADLINE).await {
                Ok(inspection) => {
                    for finding in &inspection.findings {
                        tracing::warn!(backend = backend.capabilities().name, "{}", finding.problem);
                    }
                }
                Err(error) => tracing::debug!(%error, "not inspected"),
            }
        }
    }
}

struct LocalStatus(Status);

impl LocalWorker for LocalStatus {
    fn stalled(&self) -> Vec<String> {
        self.0.stalled().into_iter().map(str::to_owned).collect()
    }

    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }
}

/// The tasks of a process; the first that ends by itself ends all.
#[derive(Default)]
struct Tasks(JoinSet<anyhow::Result<&'static str>>);

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.0.spawn(async move { task.await.map(|()| name) });
    }

    async fn until_stopped(mut self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(ended) = self.0.join_next().await {
            let ended = ended
                .context("a task of the process has failed")
                .and_then(|ended| ended);
            let was_asked = shutdown.is_cancelled();
            shutdown.cancel();
            let ended = match ended {
                Ok(name) if !was_asked => Err(anyhow::anyhow!("{name} has ended by itself")),
                other => other.map(|_| ()),
            };
            if result.is_ok() {
                result = ended;
            }
        }
        result
    }
}
