//! An API on a free port over ledger and queue in memory, whose calls fail or wait when a test says so.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use eventflow_api::{Api, LocalWorker, Parts, Role, Settings, Watched};
use eventflow_core::{Durability, RetryPolicy, SystemClock};
use eventflow_testkit::{Faulty, ManualClock, MemoryLedger, MemoryQueue, Slow};
use eventflow_wire::{Client, Problem};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The queue as the API sees it: it may wait, then fail.
pub(crate) type TestQueue = Slow<Faulty<MemoryQueue>>;
/// The ledger as the API sees it.
pub(crate) type TestLedger = Slow<Faulty<MemoryLedger>>;

pub(crate) struct Rig {
    pub(crate) ledger: Arc<TestLedger>,
    pub(crate) archive: Arc<Faulty<MemoryLedger>>,
    pub(crate) memory: Arc<MemoryLedger>,
    pub(crate) queue: Option<Arc<TestQueue>>,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

/// What differs from the usual.
#[derive(Default)]
pub(crate) struct With {
    pub(crate) queue: bool,
    /// Whether the ledger's level is taken on trust.
    pub(crate) assumed: bool,
    pub(crate) settings: Settings,
    pub(crate) worker: Option<Arc<dyn LocalWorker>>,
}

/// Settings for the model, whose level of durability is none.
pub(crate) fn settings() -> Settings {
    Settings {
        durability: Durability::Memory,
        watch_every: Duration::from_millis(20),
        inspect_every: Duration::from_millis(20),
        ..Settings::default()
    }
}

pub(crate) fn with_queue() -> With {
    With {
        queue: true,
        assumed: false,
        settings: settings(),
        worker: None,
    }
}

pub(crate) fn without_queue() -> With {
    With {
        queue: false,
        ..with_queue()
    }
}

impl Rig {
    pub(crate) async fn start(with: With) -> Self {
        let clock = ManualClock::new();
        let memory = Arc::new(MemoryLedger::new(Arc::clone(&clock)));
        let archive = Arc::new(Faulty::new(Arc::clone(&memory)));
        let ledger: Arc<TestLedger> = Arc::new(Slow::new(Arc::clone(&archive)));
        let one = NonZeroU16::new(1).expect("1 is not 0");
        let buffer = Arc::new(MemoryQueue::new(clock, one));
        let queue = with
            .queue
            .then(|| Arc::new(Slow::new(Arc::new(Faulty::new(Arc::clone(&buffer))))));
        let mut backends = vec![Watched {
            role: Role::Ledger,
            backend: Arc::clone(&memory) as _,
            assumed: with.assumed,
        }];
        if with.queue {
            backends.push(Watched {
                role: Role::Queue,
                backend: buffer as _,
                assumed: false,
            });
        }
        let api = Api::new(Parts {
            ledger: Arc::clone(&ledger) as _,
            archive: Arc::clone(&archive) as _,
            queue: queue.clone().map(|queue| queue as _),
            pulse: Arc::clone(&memory) as _,
            backends,
            local_worker: with.worker,
            clock: Arc::new(SystemClock),
            settings: with.settings,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let served = tokio::spawn(async move { api.serve(listener, token).await.expect("served") });
        // The typed client installs the TLS provider that reqwest asks for even where no TLS is spoken.
        Client::new("http://127.0.0.1:1", None).expect("a client");
        Self {
            ledger,
            archive,
            memory,
            queue,
            address,
            http: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .expect("a client"),
            shutdown,
            served,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A client that does not repeat.
    pub(crate) fn client(&self) -> Client {
        let once = RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        };
        Client::new(&self.url(""), None).expect("a client").with_retry(once)
    }

    pub(crate) fn queue(&self) -> &TestQueue {
        self.queue.as_ref().expect("this rig has a queue")
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Response {
        self.http
            .request(Method::POST, self.url(path))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned())
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.expect("an answer")
    }

    /// Posts an event, and expects it to be refused.
    pub(crate) async fn refused(&self, body: &str) -> Problem {
        problem(self.post("/events", body).await).await
    }

    /// Waits until the API says that it can take events.
    pub(crate) async fn until_ready(&self) {
        self.until("the API is ready", async |rig| rig.get("/readyz").await.status() == 200)
            .await;
    }

    /// Polls until something is so.
    pub(crate) async fn until(&self, what: &str, check: impl AsyncFn(&Self) -> bool) {
        let polling = async {
            while !check(self).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, polling)
            .await
            .unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }
}

/// The problem in an answer; checks that it is one.
pub(crate) async fn problem(response: Response) -> Problem {
    let status = response.status().as_u16();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json", "{status}");
    let correlation = response.headers()["x-correlation-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let retry_after = response.headers().contains_key("retry-after");
    let problem: Problem = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("a problem");
    assert_eq!(problem.status, status);
    assert_eq!(problem.correlation_id.as_deref(), Some(correlation.as_str()));
    assert_eq!(retry_after, status == 503);
    assert!(problem.kind.starts_with("/problems/"), "{}", problem.kind);
    problem
}
