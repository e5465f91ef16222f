//! What has to be right before a process may rely on its backends. One that is away is waited for; one that is wrong ends the
//! start with what to do about it.

use std::fmt::Write as _;
use std::time::Duration;

use eventflow_core::{Backend, Inspection, PortError};
use tokio_util::sync::CancellationToken;

use crate::backends::{Connected, SchemaState};
use crate::config::{Config, Role};

/// Why a process ends instead of starting. Exit code 78.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

const INSPECT_DEADLINE: Duration = Duration::from_secs(5);
const PAUSE_BASE: Duration = Duration::from_millis(200);
const PAUSE_CAP: Duration = Duration::from_secs(2);

/// Passes once the ledger has this version's schema and keeps what it is given. False where the shutdown came first.
pub(crate) async fn ledger(
    connected: &Connected,
    config: &Config,
    role: Role,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    if role == Role::Dev && !migrated(connected, stop).await {
        return Ok(false);
    }
    if let Some((_, backend)) = connected.backends.last()
        && !inspected(backend.as_ref(), config, stop).await?
    {
        return Ok(false);
    }
    Ok(settled("the ledger's schema", stop, || connected.schema()).await?
        && settled("the number of partitions", stop, async || {
            connected.claim_partitions(config).await
        })
        .await?)
}

/// Passes once the queue keeps what it is given and its consumer groups stand. False where the shutdown came first.
pub(crate) async fn queue(connected: &Connected, config: &Config, stop: &CancellationToken) -> anyhow::Result<bool> {
    let (Some(queue), Some((_, backend))) = (&connected.queue, connected.backends.first()) else {
        return Ok(true);
    };
    if !inspected(backend.as_ref(), config, stop).await? {
        return Ok(false);
    }
    loop {
        let ensured = tokio::select! {
            ensured = queue.ensure() => ensured,
            () = stop.cancelled() => return Ok(false),
        };
        match ensured {
            Ok(()) => return Ok(true),
            Err(error) if error.is_transient() => tracing::warn!(%error, "waiting for the queue"),
            Err(error) => return Err(Refused(error.to_string()).into()),
        }
        if !paused(stop, PAUSE_CAP).await {
            return Ok(false);
        }
    }
}

async fn inspected(backend: &dyn Backend, config: &Config, stop: &CancellationToken) -> anyhow::Result<bool> {
    let name = backend.capabilities().name;
    settled(name, stop, || judged(name, backend, config)).await
}

async fn judged(name: &str, backend: &dyn Backend, config: &Config) -> Result<SchemaState, PortError> {
    Ok(judge(name, &backend.inspect(INSPECT_DEADLINE).await?, config))
}

/// Holds what a backend says of itself against the level that is asked for.
fn judge(name: &str, inspection: &Inspection, config: &Config) -> SchemaState {
    let asked = config.durability;
    if inspection.level.is_some_and(|level| level >= asked) {
        tracing::info!(backend = name, version = inspection.version, durability = %asked, "durability checked");
        return SchemaState::Ready;
    }
    let in_force = inspection
        .level
        .map_or_else(|| "unknown".to_owned(), |level| level.to_string());
    // What is left then is what nobody can vouch for: a policy that evicts streams, for one.
    if config.assume_durability && inspection.findings.is_empty() {
        tracing::warn!(backend = name, version = inspection.version, in_force, assumed = %asked, "durability is assumed, not checked");
        return SchemaState::Ready;
    }
    let mut text = format!(
        "{name} keeps acknowledged events at the level `{in_force}`, and `{asked}` is asked for. Nothing was started.\n"
    );
    for finding in &inspection.findings {
        let _ = writeln!(text, "  - {}", finding.problem);
    }
    text.push_str("Three ways out:\n  1. mend it:\n");
    for line in inspection.findings.iter().flat_map(|finding| &finding.remedy) {
        let _ = writeln!(text, "       {line}");
    }
    text.push_str("  2. ask for less: --durability process (or memory, with --allow-volatile)\n");
    text.push_str("  3. vouch for it yourself: --assume-durability (shown as assumed from then on)");
    SchemaState::Refused(text)
}

/// Asks until there is an answer. False where the shutdown came first.
async fn settled<F>(what: &str, stop: &CancellationToken, ask: impl Fn() -> F) -> anyhow::Result<bool>
where
    F: Future<Output = Result<SchemaState, PortError>>,
{
    let mut pause = PAUSE_BASE;
    loop {
        let answer = tokio::select! {
            answer = ask() => answer,
            () = stop.cancelled() => return Ok(false),
        };
        match answer {
            Ok(SchemaState::Ready) => return Ok(true),
            Ok(SchemaState::Refused(text)) => return Err(Refused(text).into()),
            Err(error) => tracing::warn!(%error, "waiting for {what}"),
        }
        if !paused(stop, pause).await {
            return Ok(false);
        }
        pause = (pause * 2).min(PAUSE_CAP);
    }
}

async fn migrated(connected: &Connected, stop: &CancellationToken) -> bool {
    loop {
        let migrated = tokio::select! {
            migrated = connected.migrate() => migrated,
            () = stop.cancelled() => return false,
        };
        match migrated {
            Ok(()) => return true,
            Err(error) => tracing::warn!(error = format!("{error:#}"), "waiting to migrate the ledger"),
        }
        if !paused(stop, PAUSE_CAP).await {
            return false;
        }
    }
}

async fn paused(stop: &CancellationToken, pause: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        () = stop.cancelled() => false,
    }
}
