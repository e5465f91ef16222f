//! Logs: for people on a terminal, JSON lines otherwise, always on stderr.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::Values;

/// Starts logging as the settings say.
pub(crate) fn start(values: &Values) -> anyhow::Result<()> {
    let filter = &values.get("log").text;
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("`log` (from {}) is no filter: {filter}", values.get("log").origin))?;
    let pretty = match values.get("log_format").text.as_str() {
        "pretty" => true,
        "json" => false,
        "auto" => std::io::stderr().is_terminal(),
        _ => anyhow::bail!(
            "`log_format` (from {}): write pretty, json or auto",
            values.get("log_format").origin
        ),
    };
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if pretty {
        base.with_target(false).compact().try_init()
    } else {
        base.json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging is already started: {error}"))
}
