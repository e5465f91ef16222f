//! Redis as a backend that can be asked how it is.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Backend, Capabilities, Inspection, PortError};

use crate::error::QueueError;
use crate::gate::Report;
use crate::queue::{Inner, RedisQueue};

const DOING: &str = "inspecting Redis";

#[async_trait]
impl Backend for RedisQueue {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "Redis",
            shared: true,
        }
    }

    async fn inspect(&self, deadline: Duration) -> Result<Inspection, PortError> {
        let report = tokio::time::timeout(deadline, self.inner.link.inspect())
            .await
            .map_err(|_| QueueError::Late(deadline).port(DOING))?
            .map_err(|error| error.port(DOING))?;
        Ok(inspection(&self.inner, report))
    }
}

fn inspection(queue: &Inner, report: Report) -> Inspection {
    Inspection {
        version: report.settings.version(),
        level: report.judgement.level,
        facts: facts(queue, &report),
        findings: report.judgement.findings,
        round_trip_us: u64::try_from(report.round_trip.as_micros()).unwrap_or(u64::MAX),
    }
}

fn facts(queue: &Inner, report: &Report) -> Vec<(String, String)> {
    let settings = &report.settings;
    let info = &settings.info;
    let yes_no = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let policy = settings.policy.as_deref().map(|policy| {
        let note = if policy.starts_with("volatile-") {
            " (marks of settled events may go before their time)"
        } else {
            ""
        };
        format!("{policy}{note}")
    });
    let assumed = (queue.link.gate().is_assumed() && !report.judgement.waived.is_empty())
        .then(|| report.judgement.waived.join(" "));
    let facts = [
        ("role", info.get("role").map(str::to_owned)),
        ("used_memory_bytes", info.get("used_memory").map(str::to_owned)),
        ("max_memory_bytes", settings.max_memory.map(|bytes| bytes.to_string())),
        ("max_memory_policy", policy),
        ("connected_clients", info.get("connected_clients").map(str::to_owned)),
        ("appendonly", settings.appendonly.map(yes_no)),
        ("appendfsync", settings.appendfsync.clone()),
        ("partitions", Some(queue.options.partitions.to_string())),
        ("dedup_window_ms", Some(queue.window.get().as_millis().to_string())),
        ("dedup_marks", Some(info.expires(queue.link.database()).to_string())),
        ("durability_assumed", assumed),
    ];
    let present = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
    facts.into_iter().filter_map(present).collect()
}
