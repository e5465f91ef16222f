//! `efctl send`, as a user types it.

use std::path::Path;

use eventflow_stack::{Process, Spec, Stream};
use serde::Deserialize;
use tokio::task::block_in_place;

use super::programs::Program;
use super::service::Service;
use super::wait::PATIENCE;

/// The report of `efctl send --json`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Sent {
    #[serde(rename = "sent")]
    pub(crate) events: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    pub(crate) unknown: u64,
    pub(crate) per_second: f64,
}

/// Sends the lines of a file.
pub(crate) fn efctl_send(api: &Service, file: &Path) -> Sent {
    let spec = Spec::new(Program::Efctl.path())
        .args(["send", "--json", "--file"])
        .arg(file)
        .env("EVENTFLOW_API", api.url(""));
    block_in_place(|| {
        let process = Process::start(&spec).expect("a process");
        let status = process.wait(PATIENCE * 5).unwrap_or_else(|error| panic!("{error}"));
        assert!(status.success(), "{status}\n{}", process.tail(30));
        let lines = process.lines();
        let report = lines.iter().find(|line| line.stream == Stream::Out).expect("a report");
        serde_json::from_str(&report.text).expect("a report as JSON")
    })
}
