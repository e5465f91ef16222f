//! What the API tells of events, and a list that breaks off.

use eventflow_core::{EventState, RetryPolicy};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::verdict::testing::{at, key, row};

fn line(id: &str) -> Value {
    let row = row(id, EventState::Done);
    json!({
        "key": row.key, "source": row.source, "id": id, "state": "done", "received_at": row.received_at,
        "admitted_at": row.admitted_at, "runs": 0,
    })
}

fn parsed(line: &Value) -> Result<Row, StoreError> {
    let line: EventLine = serde_json::from_value(line.clone()).expect("a line");
    Row::try_from(line)
}

#[test]
fn a_line_is_read_whole_or_not_at_all() {
    assert_eq!(parsed(&line("a")).expect("whole"), row("a", EventState::Done));
    let mut run = line("a");
    run["ended_at"] = json!(at(9.0));
    run["runs"] = json!(1);
    let read = parsed(&run).expect("whole");
    assert_eq!((read.ended_at, read.runs_done), (Some(at(9.0)), 1));
    for member in ["source", "id", "state", "received_at", "admitted_at", "runs"] {
        let mut line = line("a");
        line.as_object_mut().expect("an object").remove(member);
        let error = parsed(&line).expect_err("not whole");
        assert!(error.to_string().contains(member), "{error}");
    }
}

#[test]
fn a_single_event_tells_the_same() {
    let attempt =
        |result: &str, ended_at| json!({"number": 1, "result": result, "worker": key("w"), "ended_at": at(ended_at)});
    let mut view = line("a");
    for (name, value) in [
        ("id_given", json!(true)),
        ("type", json!("order.created")),
        ("time", json!(at(0.0))),
        ("correlation_id", json!("c")),
        ("copies_seen", json!(0)),
        (
            "attempts",
            json!([attempt("crashed", 3.0), attempt("done", 5.0), attempt("done", 4.0)]),
        ),
    ] {
        view[name] = value;
    }
    let view: EventView = serde_json::from_value(view).expect("a view");
    let expected = Row {
        ended_at: Some(at(5.0)),
        runs_done: 2,
        ..row("a", EventState::Done)
    };
    assert_eq!(Row::from(view), expected);
}

/// Reads a request and tells its first line.
async fn asked(stream: &mut BufReader<TcpStream>) -> String {
    let mut first = String::new();
    stream.read_line(&mut first).await.expect("a request");
    let mut line = String::new();
    while stream.read_line(&mut line).await.expect("a header") > 2 {
        line.clear();
    }
    first
}

/// Answers with these lines; unless it is whole, the connection ends before the answer does.
async fn answered(stream: &mut BufReader<TcpStream>, lines: &[Value], is_whole: bool) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let body = format!("{}\n", lines.join("\n"));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let end = if is_whole { "0\r\n\r\n" } else { "" };
    stream
        .write_all(format!("{head}{chunk}{end}").as_bytes())
        .await
        .expect("sent");
    stream.flush().await.expect("sent");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_gone_on_with_behind_its_last_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let client = Client::new(&base, None).expect("a client").with_retry(RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    });
    let server = tokio::spawn(async move {
        let mut seen = Vec::new();
        for (lines, is_whole) in [(vec![line("a")], false), (vec![line("b")], true)] {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut stream = BufReader::new(stream);
            seen.push(asked(&mut stream).await);
            answered(&mut stream, &lines, is_whole).await;
        }
        seen
    });
    let read: Vec<Row> = rows(&client, "s s").try_collect().await.expect("a whole list");
    assert_eq!(read, [row("a", EventState::Done), row("b", EventState::Done)]);
    let seen = server.await.expect("served");
    assert!(
        seen[0].contains("source=s+s") && !seen[0].contains("cursor="),
        "{}",
        seen[0]
    );
    assert!(seen[1].contains(&format!("cursor={}", key("a"))), "{}", seen[1]);
}
