//! Every row of the table of inputs gets the same answer on all three modes, and none a 5xx.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use eventflow_core::EventKey;
use eventflow_wire::{BatchResult, ItemStatus, Problem};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::rig::{Mode, Plan, Stack, tests};

tests!([Embedded Postgres Pipeline]: every_row_of_the_table);

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

/// What each member means stands at the head of the table.
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

/// What came back.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

/// A client that speaks HTTP and knows nothing of events.
pub(crate) fn http() -> reqwest::Client {
    // The typed client installs the TLS provider that reqwest asks for even where no TLS is spoken.
    eventflow_wire::Client::new("http://127.0.0.1:1", None).expect("a client");
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("a client")
}

async fn every_row_of_the_table(mode: Mode) {
    let table: Table = toml::from_str(include_str!("../../../api/tests/inputs.toml")).expect("a table");
    let mut left: Vec<&Row> = table.row.iter().collect();
    let mut wrong = Vec::new();
    // Rows that name the same event would change each other's answer: a stack for each round of rows that do not.
    while !left.is_empty() {
        let (round, later) = without_clashes(left);
        left = later;
        let stack = Plan::new(mode).start().await;
        let accepted = run(&stack, &round, &mut wrong).await;
        let tally = stack.settled(accepted).await;
        if (tally.done, tally.dead) != (accepted, 0) {
            wrong.push(format!("{tally:?} of {accepted} that were accepted"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Sends each row; how many events were accepted.
async fn run(stack: &Stack, rows: &[&Row], wrong: &mut Vec<String>) -> u64 {
    let http = http();
    let mut accepted = 0;
    for row in rows {
        for body in &row.before {
            let answer = sent(row.request(&http, stack, false).body(body.clone())).await;
            assert_eq!(answer.status, 202, "before: {}", row.name);
            accepted += 1;
        }
        let answer = sent(row.request(&http, stack, true).body(row.bytes())).await;
        if let Err(why) = row.check(&answer) {
            wrong.push(format!(
                "{}: {why}\n    {}",
                row.name,
                String::from_utf8_lossy(&answer.body)
            ));
        }
        accepted += answer.accepted();
    }
    accepted
}

async fn sent(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.expect("a body").to_vec(),
    }
}

impl Answer {
    fn accepted(&self) -> u64 {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match self.status {
            202 if value["status"] == "accepted" => 1,
            200 => value["accepted"].as_u64().unwrap_or(0),
            _ => 0,
        }
    }
}

impl Row {
    fn request(&self, http: &reqwest::Client, stack: &Stack, itself: bool) -> reqwest::RequestBuilder {
        let (method, path) = if itself {
            (self.method.as_deref(), self.path.as_deref())
        } else {
            (None, None)
        };
        let method = Method::from_bytes(method.unwrap_or("POST").as_bytes()).expect("a method");
        let request = http.request(method, stack.apis[0].url(path.unwrap_or("/events")));
        if !itself {
            return request.header("content-type", "application/json");
        }
        let json = "application/json".to_owned();
        let content_type = self.headers.get("content-type").unwrap_or(&json);
        let request = match content_type.as_str() {
            "-" => request,
            content_type => request.header("content-type", content_type),
        };
        let others = self.headers.iter().filter(|(name, _)| *name != "content-type");
        others.fold(request, |request, (name, value)| request.header(name, value))
    }

    fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.body_hex) {
            (Some(body), _) => expand(body).into_bytes(),
            (None, Some(hex)) => unhex(hex),
            (None, None) => Vec::new(),
        }
    }

    fn check(&self, answer: &Answer) -> Result<(), String> {
        same("status", &answer.status, &self.status)?;
        for header in &self.has {
            same(header, &answer.headers.contains_key(header), &true)?;
        }
        if self.status >= 400 {
            let problem: Problem = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            return self.check_problem(&problem);
        }
        let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        for (member, wanted) in &self.answers {
            same(member, &value[member], &Value::from(wanted.as_str()))?;
        }
        if self.counts.is_some() || self.codes.is_some() {
            let batch = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            return self.check_batch(&batch);
        }
        Ok(())
    }

    fn check_problem(&self, problem: &Problem) -> Result<(), String> {
        same("problem", &Some(problem.slug()), &self.problem.as_deref())?;
        if let Some(pointer) = &self.pointer {
            let first = problem.errors.first().and_then(|error| error.pointer.as_ref());
            same("pointer", &first, &Some(pointer))?;
        }
        match &self.codes {
            Some(codes) => same(
                "codes",
                &problem.errors.iter().map(|error| error.code.clone()).collect(),
                codes,
            ),
            None => Ok(()),
        }
    }

    fn check_batch(&self, batch: &BatchResult) -> Result<(), String> {
        if let Some(counts) = &self.counts {
            same("counts", &[batch.accepted, batch.duplicates, batch.rejected], counts)?;
        }
        for (index, result) in batch.results.iter().enumerate() {
            same("index", &result.index, &index)?;
            same(
                "retryable",
                &result.retryable.is_some(),
                &(result.status == ItemStatus::Rejected),
            )?;
        }
        let code = |result: &eventflow_wire::ItemResult| result.error.as_ref().map(|error| error.code.clone());
        match &self.codes {
            Some(codes) => {
                let found = batch
                    .results
                    .iter()
                    .map(|result| code(result).unwrap_or_default())
                    .collect();
                same("codes", &found, codes)
            }
            None => Ok(()),
        }
    }

    /// The events that the row names, as far as its texts show.
    fn names(&self) -> BTreeSet<EventKey> {
        let mut names = BTreeSet::new();
        for text in self.before.iter().chain(&self.body) {
            let source = members(text, "source").next().unwrap_or("/");
            names.extend(members(text, "id").map(|id| EventKey::of(source, id)));
        }
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        if let Some(id) = header("ce-id") {
            names.insert(EventKey::of(
                &header("ce-source").unwrap_or("/").replace("%20", " "),
                id,
            ));
        }
        names.extend(header("idempotency-key").map(|id| EventKey::of("/", id)));
        names.extend(
            self.path
                .iter()
                .filter_map(|path| path.strip_prefix("/events/")?.parse::<EventKey>().ok()),
        );
        names
    }
}

/// Those of the rows that name no event that one before them names, and the others.
fn without_clashes(rows: Vec<&Row>) -> (Vec<&Row>, Vec<&Row>) {
    let mut taken = BTreeSet::new();
    rows.into_iter().partition(|row| {
        let names = row.names();
        let clashes = names.iter().any(|name| taken.contains(name));
        if !clashes {
            taken.extend(names);
        }
        !clashes
    })
}

/// The values of a member that are plain strings.
fn members<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    text.split(&format!("\"{name}\":\"")[..])
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what} is {found:?}, not {wanted:?}"))
}

fn unhex(hex: &str) -> Vec<u8> {
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
