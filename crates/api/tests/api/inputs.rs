//! Every row of inputs.toml, without a queue and with one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use eventflow_wire::{BatchResult, ItemStatus, Problem};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::rig::{Rig, problem, with_queue, without_queue};

#[derive(Deserialize)]
struct Table {
    limits: BTreeMap<String, usize>,
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    path: Option<String>,
    method: Option<String>,
    #[serde(default)]
    before: Vec<String>,
    body: Option<String>,
    body_hex: Option<String>,
    status: u16,
    problem: Option<String>,
    pointer: Option<String>,
    counts: Option<[u64; 3]>,
    codes: Option<Vec<String>>,
    #[serde(default)]
    answers: BTreeMap<String, String>,
    #[serde(default)]
    has: Vec<String>,
}

#[tokio::test]
async fn every_row_without_a_queue() {
    run(false).await;
}

#[tokio::test]
async fn every_row_with_a_queue() {
    run(true).await;
}

async fn run(queue: bool) {
    let table: Table = toml::from_str(include_str!("../inputs.toml")).expect("a table");
    for row in &table.row {
        let with = if queue { with_queue() } else { without_queue() };
        let limits = (with.settings.max_batch, with.settings.max_data, with.settings.max_body);
        assert_eq!(
            limits,
            (
                table.limits["max_batch"],
                table.limits["max_data"],
                table.limits["max_body"]
            )
        );
        let rig = Rig::start(with).await;
        for body in &row.before {
            assert_eq!(rig.post("/events", body).await.status(), 202, "before: {}", row.name);
        }
        row.check(row.send(&rig).await).await;
    }
}

impl Row {
    async fn send(&self, rig: &Rig) -> Response {
        let method = self.method.as_deref().unwrap_or("POST");
        let path = self.path.as_deref().unwrap_or("/events");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = rig.http.request(method, rig.url(path));
        let content_type = self
            .headers
            .get("content-type")
            .map_or("application/json", String::as_str);
        if content_type != "-" {
            request = request.header("content-type", content_type);
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "content-type") {
            request = request.header(name, value);
        }
        let body = match (&self.body, &self.body_hex) {
            (Some(body), _) => expand(body).into_bytes(),
            (None, Some(hex)) => bytes(hex),
            (None, None) => Vec::new(),
        };
        request
            .body(body)
            .send()
            .await
            .unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    async fn check(&self, response: Response) {
        let name = &self.name;
        assert_eq!(response.status().as_u16(), self.status, "{name}");
        for header in &self.has {
            assert!(response.headers().contains_key(header), "{name}: {header}");
        }
        if self.status >= 400 {
            self.check_problem(&problem(response).await);
            return;
        }
        let body = response.bytes().await.expect("a body");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        for (member, value) in &self.answers {
            assert_eq!(answer[member], Value::from(value.as_str()), "{name}: {member}");
        }
        if self.counts.is_some() || self.codes.is_some() {
            self.check_batch(&serde_json::from_slice(&body).expect("a batch's answer"));
        }
    }

    fn check_problem(&self, problem: &Problem) {
        let name = &self.name;
        assert_eq!(Some(problem.slug()), self.problem.as_deref(), "{name}");
        if let Some(pointer) = &self.pointer {
            assert_eq!(problem.errors[0].pointer.as_ref(), Some(pointer), "{name}");
        }
        if let Some(codes) = &self.codes {
            let found: Vec<_> = problem.errors.iter().map(|error| error.code.clone()).collect();
            assert_eq!(&found, codes, "{name}");
        }
    }

    fn check_batch(&self, batch: &BatchResult) {
        let name = &self.name;
        if let Some(counts) = self.counts {
            assert_eq!([batch.accepted, batch.duplicates, batch.rejected], counts, "{name}");
        }
        for (index, result) in batch.results.iter().enumerate() {
            assert_eq!(result.index, index, "{name}");
            assert_eq!(
                result.retryable.is_some(),
                result.status == ItemStatus::Rejected,
                "{name}"
            );
        }
        if let Some(codes) = &self.codes {
            let code = |error: &eventflow_wire::ItemError| error.code.clone();
            let found: Vec<_> = batch
                .results
                .iter()
                .map(|r| r.error.as_ref().map(code).unwrap_or_default())
                .collect();
            assert_eq!(&found, codes, "{name}");
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("a byte"))
        .collect()
}

/// Writes out what stands in double braces.
fn expand(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, directive, after)) = directive(rest) {
        out.push_str(before);
        let (verb, arguments) = directive.split_once(':').expect("a directive");
        let (text, count) = arguments.rsplit_once(':').unwrap_or(("", arguments));
        let count: usize = count.parse().expect("a count");
        let made = match verb {
            "repeat" => text.repeat(count),
            "members" => join(count, |out, i| write!(out, "\"k{i}\":0")),
            "events" => join(count, |out, _| write!(out, "{{\"type\":\"t\"}}")),
            other => panic!("no directive {other}"),
        };
        out.push_str(&made);
        rest = after;
    }
    out + rest
}

fn directive(text: &str) -> Option<(&str, &str, &str)> {
    let start = ["{{repeat:", "{{members:", "{{events:"]
        .iter()
        .filter_map(|verb| text.find(verb))
        .min()?;
    let end = start + text[start..].find("}}").expect("an end");
    Some((&text[..start], &text[start + 2..end], &text[end + 2..]))
}

fn join(count: usize, mut piece: impl FnMut(&mut String, usize) -> std::fmt::Result) -> String {
    let mut out = String::new();
    for i in 0..count {
        if i > 0 {
            out.push(',');
        }
        piece(&mut out, i).expect("written");
    }
    out
}
