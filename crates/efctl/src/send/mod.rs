//! `efctl send`: one event, many of the same, or a stream of them, in batches that go out side by side.

mod deliver;
mod feed;
mod line;
mod patience;
mod pipeline;
mod progress;
mod report;
mod single;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use eventflow_core::RetryPolicy;
use eventflow_wire::NewEvent;
use serde_json::value::RawValue;

use crate::context::Context;
use crate::failure::Failure;
use feed::Source;
use patience::Patience;
use progress::Progress;

/// Seconds that one request may take, however patient the caller is.
const LONGEST_REQUEST: u64 = 30;

pub(crate) const EXAMPLES: &str = "\
Without --type and --file, events are read from stdin: one JSON object a line (NDJSON).
An event without an id gets one (UUID v7), so that sending it again here is safe; sending a file twice is safe
where its lines carry ids. 429, 503 and an API that is away are waited for, up to --patience.

Examples:
  efctl send --type order.created --data '{\"total\":7}'
  efctl send --type order.created --source checkout --id 4711 --subject order/4711
  efctl send --type efctl.sim.permanent --data '{\"fail\":\"permanent\"}'
  efctl send --type order.created --count 10000
  efctl send --file events.ndjson
  jq -c '.[]' events.json | efctl send --json";

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// What happened, such as order.created
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "file")]
    event_type: Option<String>,
    /// What it carries, as JSON
    #[arg(long, value_name = "JSON", requires = "event_type")]
    data: Option<String>,
    /// Who says so (absent: /)
    #[arg(long, requires = "event_type")]
    source: Option<String>,
    /// Its id within the source (absent: a new UUID v7)
    #[arg(long, requires = "event_type")]
    id: Option<String>,
    /// What it is about
    #[arg(long, requires = "event_type")]
    subject: Option<String>,
    /// So many of the same, each with an id of its own
    #[arg(long, value_name = "N", requires = "event_type", conflicts_with = "id",
          value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// A file of events, one JSON object a line; - is stdin
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Seconds without any progress after which sending is given up (absent: 120, and 3 before the first answer)
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
}

pub(crate) async fn run(context: &mut Context, args: SendArgs) -> Result<(), Failure> {
    let patience = Arc::new(Patience::new(args.patience.map(Duration::from_secs)));
    // What is repeated, when, and for how long is decided here, where it can be counted and told.
    let mut client = context.client.clone().with_retry(RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    });
    if let Some(seconds) = args.patience {
        client = client.with_deadline(request_time(seconds));
    }
    let source = match (args.event_type.clone(), args.count) {
        (Some(event_type), None) => {
            let event = new_event(event_type, args)?;
            return single::run(context, &client, event, &patience).await;
        }
        (Some(event_type), Some(count)) => Source::repeated(&new_event(event_type, args)?, count)?,
        (None, _) => stream_of(args.file)?,
    };
    let progress = Arc::new(Progress::new(source.size()));
    let end = pipeline::run(client, source, patience, Arc::clone(&progress)).await;
    report::run(context, end, &progress)
}

/// The time that one request may take: where it hangs, it must not outlast the patience.
fn request_time(patience_seconds: u64) -> Duration {
    Duration::from_secs(patience_seconds.clamp(1, LONGEST_REQUEST))
}

fn new_event(event_type: String, args: SendArgs) -> Result<NewEvent, Failure> {
    let data = args.data.map(RawValue::from_string).transpose().map_err(|e| {
        Failure::Usage(format!(
            "--data is not JSON: {}. Text is JSON in double quotes: --data '\"text\"'",
            line::without_place(&e)
        ))
    })?;
    Ok(NewEvent {
        event_type,
        source: args.source,
        id: args.id,
        subject: args.subject,
        data,
        ..NewEvent::default()
    })
}

fn stream_of(file: Option<PathBuf>) -> Result<Source, Failure> {
    match file {
        Some(path) if path.as_os_str() == "-" => Ok(Source::stdin()),
        Some(path) => Source::file(&path),
        None if std::io::stdin().is_terminal() => Err(Failure::Usage(
            "what is to be sent? Write --type TYPE, --file PATH, or pipe one JSON object a line into it".into(),
        )),
        None => Ok(Source::stdin()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_hangs_does_not_outlast_the_patience() {
        let seconds = |patience| request_time(patience).as_secs();
        assert_eq!([0, 2, 30, u64::MAX].map(seconds), [1, 2, 30, 30]);
    }
}
