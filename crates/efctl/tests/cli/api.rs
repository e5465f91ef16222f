//! A tiny HTTP/1.1 server on loopback that answers as a test tells it to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn wants_lines(&self) -> bool {
        self.headers
            .get("accept")
            .is_some_and(|accept| accept.contains("ndjson"))
    }
}

/// What it gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Whole {
        status: u16,
        media_type: &'static str,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The request was carried out, and its answer is lost.
    Lost,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Whole {
            status,
            media_type: "application/json",
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn lines(body: String) -> Self {
        Self::Whole {
            status: 200,
            media_type: "application/x-ndjson",
            headers: Vec::new(),
            body,
        }
    }

    pub(crate) fn problem(status: u16, slug: &str, detail: &str) -> Self {
        let detail = serde_json::to_string(detail).expect("JSON");
        Self::Whole {
            status,
            media_type: "application/problem+json",
            headers: Vec::new(),
            body: format!(r#"{{"type":"/problems/{slug}","title":"T","status":{status},"detail":{detail}}}"#),
        }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push(("retry-after", seconds.to_string()));
        }
        self
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// The server. Its threads end with the test's process.
pub(crate) struct Api {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Api {
    /// Starts one on a free port.
    pub(crate) fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                thread::spawn(move || serve(stream, handler.as_ref(), &log));
            }
        });
        Self { url, seen }
    }

    /// What came in so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("the log").clone()
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Serves one connection until the other side closes it, or an answer is lost.
fn serve(stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Request>>) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let mut output = stream;
    loop {
        let request = read(&mut input)?;
        log.lock().expect("the log").push(request.clone());
        let Answer::Whole {
            status,
            media_type,
            headers,
            body,
        } = handler(&request)
        else {
            return None;
        };
        let mut head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(&value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        output.write_all(head.as_bytes()).ok()?;
        output.write_all(body.as_bytes()).ok()?;
    }
}

fn read(input: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    loop {
        line.clear();
        input.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = request.headers.get("content-length").and_then(|n| n.parse().ok());
    request.body = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut request.body).ok()?;
    Some(request)
}
