//! Logs: for people on a terminal, JSON lines otherwise, always on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::Log;
use crate::fields::SpanFields;

/// Starts logging as the settings say.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let base = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&log.filter)?)
        .with_writer(std::io::stderr);
    let started = if log.pretty.unwrap_or_else(|| std::io::stderr().is_terminal()) {
        base.with_target(false).compact().try_init()
    } else {
        base.json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .fmt_fields(SpanFields)
            .try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging is already started: {error}"))
}
