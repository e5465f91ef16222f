//! Real requests to servers that answer anything, or nothing: what is counted here is what came there.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use eventflow_load::generate::{Generated, Job, generate};
use eventflow_load::journal::{Head, Heard, Journal, Record, read};
use eventflow_load::measure::{Measures, Meter};
use eventflow_load::plan::{Plan, RunId};
use eventflow_load::scenario::{Overrides, Scenario};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

/// What a server does when a request is whole.
#[derive(Clone, Copy)]
enum Manner {
    /// This status, these headers beside the length, this body.
    Answers(&'static str, &'static str, &'static str),
    /// Resets the connection.
    Resets,
    /// Ends the connection in order.
    Closes,
    /// Nothing.
    IsSilent,
}

const ACCEPTS: Manner = Manner::Answers("202 Accepted", "", r#"{"status":"accepted"}"#);

#[derive(Default)]
struct Seen {
    whole: AtomicU64,
    broken: AtomicU64,
    connections: AtomicU64,
    head: Mutex<String>,
}

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let counts = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counts.connections.fetch_add(1, Relaxed);
                let seen = Arc::clone(&counts);
                tokio::spawn(serve(stream, manner, seen));
            }
        });
        Self { address, seen }
    }

    fn url(&self) -> Url {
        format!("http://{}", self.address).parse().expect("a URL")
    }
}

/// Serves a connection until it ends. What ends within a request is counted as broken.
async fn serve(mut stream: TcpStream, manner: Manner, seen: Arc<Seen>) {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&bytes, &seen) {
                break end;
            }
            match stream.read_buf(&mut bytes).await {
                Ok(read) if read > 0 => {}
                _ => {
                    seen.broken.fetch_add(u64::from(!bytes.is_empty()), Relaxed);
                    return;
                }
            }
        };
        bytes.drain(..end);
        seen.whole.fetch_add(1, Relaxed);
        match manner {
            Manner::Answers(status, headers, body) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Manner::Resets => {
                stream.set_zero_linger().expect("a socket");
                return;
            }
            Manner::Closes => return,
            Manner::IsSilent => {}
        }
    }
}

/// The length of the first request, once it is whole.
fn end_of_request(bytes: &[u8], seen: &Seen) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head");
    let length = text.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body: usize = length.next().expect("a length").1.trim().parse().expect("a number");
    let end = head + 4 + body;
    if bytes.len() < end {
        return None;
    }
    text.clone_into(&mut seen.head.lock().expect("no panic"));
    Some(end)
}

struct Ran {
    generated: Generated,
    measures: Measures,
    records: Vec<Record>,
    planned: u64,
}

impl Ran {
    fn unknown(&self) -> Vec<(&str, u64)> {
        let unknown = &self.measures.scopes["run"].unknown;
        unknown.iter().map(|(why, count)| (why.as_str(), *count)).collect()
    }

    fn heard(&self, heard: Heard) -> u64 {
        self.records.iter().filter(|record| record.heard == heard).count() as u64
    }
}

async fn run(phases: &str, mix: &str, load: &str, targets: Vec<Url>) -> Ran {
    let text = format!(
        "schema = 1\nname = \"test\"\nseed = 3\nphases = [{phases}]\nmix = [{mix}]\n[target]\nstack = \"dev\"\n[load]\n{load}\n"
    );
    let scenario = Scenario::parse(&text, "test.toml", Path::new("."), &Overrides::default()).expect("a scenario");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.ndjson");
    let plan = Plan::new(&scenario, RunId::new());
    let head = Head {
        scenario: scenario.name.clone(),
        run: plan.run().to_string(),
        source: plan.source().to_owned(),
        seed: scenario.seed,
    };
    let meter = Meter::new(&scenario);
    let journal = Journal::create(&path, &head).expect("a journal");
    let job = Job {
        plan: plan.clone(),
        scenario: Arc::new(scenario),
        targets,
        token: Some("secret".to_owned()),
        journal: Arc::clone(&journal),
        meter: Arc::clone(&meter),
        begin: Instant::now(),
    };
    let generated = generate(job, CancellationToken::new()).await;
    journal.finish().expect("written");
    Ran {
        generated,
        measures: meter.measures(),
        records: read(&path)
            .expect("a journal")
            .collect::<Result<_, _>>()
            .expect("records"),
        planned: plan.sends().count() as u64,
    }
}

const ONE_KIND: &str = r#"{ event = "order.created" }"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_came_there_is_what_is_counted_here() {
    let server = Server::start(ACCEPTS).await;
    let mix = r#"
        { weight = 80, event = "order.created", data = { n = 1 } },
        { weight = 10, event = "order.paid", resend = 0.5 },
        { weight = 5, event = "order.slow", client = "slow", size = "20KiB" },
        { weight = 5, event = "order.gone", client = "abandon", size = "20KiB" },
    "#;
    let phases = r#"{ name = "steady", for = "1s", rate = "400/s" }"#;
    let ran = run(phases, mix, "timeout = \"3s\"", vec![server.url()]).await;
    assert!(
        ran.generated.failed.is_none() && !ran.generated.stopped,
        "{:?}",
        ran.generated
    );
    let scope = &ran.measures.scopes["run"];
    assert!(ran.planned > 400, "some are sent twice on purpose: {}", ran.planned);
    assert_eq!(
        (scope.planned, scope.sent, scope.not_sent, scope.late),
        (ran.planned, ran.planned, 0, 0)
    );
    let abandoned = ran.measures.scopes["kind:order.gone"].sent;
    assert!(abandoned > 5, "{abandoned}");
    assert_eq!(ran.unknown(), [("abandoned", abandoned)]);
    assert_eq!(scope.acked, ran.planned - abandoned);
    assert_eq!(scope.retries, 0);
    assert_eq!(ran.heard(Heard::Acked), scope.acked);
    assert_eq!(ran.heard(Heard::Nothing), abandoned);
    assert_eq!(server.seen.whole.load(Relaxed), scope.acked);
    let slow = &ran.measures.scopes["kind:order.slow"];
    assert_eq!(slow.acked, slow.sent);
    let all_broken = async {
        while server.seen.broken.load(Relaxed) < abandoned {
            tokio::task::yield_now().await;
        }
    };
    let within = std::time::Duration::from_secs(10);
    tokio::time::timeout(within, all_broken)
        .await
        .expect("every abandoned request broke off in its body");
    let connections = server.seen.connections.load(Relaxed);
    assert!(
        connections < ran.planned / 2,
        "connections are kept: {connections} for {}",
        ran.planned
    );
    let head = server.seen.head.lock().expect("no panic").to_lowercase();
    assert!(head.starts_with("post /events http/1.1"), "{head}");
    assert!(
        head.contains("authorization: bearer secret") && head.contains("content-type: application/json"),
        "{head}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn apis_take_turns() {
    let servers = [Server::start(ACCEPTS).await, Server::start(ACCEPTS).await];
    let targets = servers.iter().map(Server::url).collect();
    let ran = run(
        r#"{ name = "steady", for = "200ms", rate = "100/s" }"#,
        ONE_KIND,
        "",
        targets,
    )
    .await;
    assert_eq!(ran.measures.scopes["run"].acked, 20);
    for server in &servers {
        assert_eq!(server.seen.whole.load(Relaxed), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_closed_load_keep_their_connections() {
    let server = Server::start(ACCEPTS).await;
    let load = "model = \"closed\"\nclients = 4";
    let ran = run(
        r#"{ name = "steady", for = "300ms" }"#,
        ONE_KIND,
        load,
        vec![server.url()],
    )
    .await;
    let scope = &ran.measures.scopes["run"];
    assert!(scope.acked > 0 && scope.acked == scope.sent, "{scope:?}");
    assert_eq!(server.seen.whole.load(Relaxed), scope.acked);
    assert_eq!(ran.heard(Heard::Acked), scope.acked);
    assert!(ran.measures.generator.peak_in_flight <= 4);
}

/// Four sends to a server of that manner, each tried once.
async fn four(manner: Manner, load: &str) -> (Ran, Server) {
    let server = Server::start(manner).await;
    let load = format!("retry = {{ max = 0 }}\n{load}");
    let phases = r#"{ name = "steady", for = "200ms", rate = "20/s" }"#;
    let ran = run(phases, ONE_KIND, &load, vec![server.url()]).await;
    (ran, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_is_called_so() {
    let (ran, server) = four(Manner::Resets, "").await;
    assert_eq!(ran.unknown(), [("reset", 4)]);
    assert_eq!(server.seen.whole.load(Relaxed), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_before_its_answer_is_called_so() {
    let (ran, _) = four(Manner::Closes, "").await;
    assert_eq!(ran.unknown(), [("closed", 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_none() {
    // The second half of the answer never comes.
    let cut = Manner::Answers("202 Accepted", "content-length: 50\r\nconnection: close\r\nx-", "{}");
    let (ran, _) = four(cut, "timeout = \"200ms\"").await;
    assert_eq!(ran.measures.scopes["run"].acked, 0);
    assert_eq!(ran.unknown().iter().map(|(_, count)| count).sum::<u64>(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_at_the_deadline() {
    let (ran, _) = four(Manner::IsSilent, "timeout = \"150ms\"").await;
    assert_eq!(ran.unknown(), [("timeout", 4)]);
    assert_eq!(ran.measures.scopes["run"].service.count, 0, "nobody answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let target: Url = format!("http://{address}").parse().expect("a URL");
    let phases = r#"{ name = "steady", for = "200ms", rate = "20/s" }"#;
    let ran = run(
        phases,
        ONE_KIND,
        "retry = { max = 1, backoff = \"1ms..2ms\" }",
        vec![target],
    )
    .await;
    assert_eq!(ran.unknown(), [("refused", 4)]);
    assert_eq!(ran.measures.scopes["run"].retries, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_counted_by_its_name() {
    let full = r#"{"type":"/problems/backlog-full","title":"Backlog full","status":503,"detail":"Wait."}"#;
    let headers = "content-type: application/problem+json\r\nretry-after: 2\r\n";
    let (ran, _) = four(Manner::Answers("503 Service Unavailable", headers, full), "").await;
    let scope = &ran.measures.scopes["run"];
    assert_eq!(scope.rejected.get("503 backlog-full"), Some(&4));
    assert_eq!((scope.acked, scope.service.count), (0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_api_nothing_is_sent() {
    let ran = run(
        r#"{ name = "steady", for = "1s", rate = "1/s" }"#,
        ONE_KIND,
        "",
        Vec::new(),
    )
    .await;
    assert!(
        ran.generated
            .failed
            .is_some_and(|failed| failed.to_string().contains("no API"))
    );
    assert_eq!(ran.measures.scopes["run"].planned, 0);
    assert!(ran.records.is_empty());
}
