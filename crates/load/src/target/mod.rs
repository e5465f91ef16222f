//! Against what a scenario runs: a private stack that is started for it and removed after it, or an API that runs.

mod auto;
mod error;
mod keep;
mod levels;
mod member;
mod private;
mod routes;
mod running;

use std::path::{Path, PathBuf};

use eventflow_stack::raise_descriptor_limit;
use tokio_util::sync::CancellationToken;

use crate::scenario::{Place, Scenario};

pub use error::TargetError;
pub use member::{Down, Member};
pub(crate) use member::{USUAL as USUAL_REST, blocking};
pub use private::Private;
pub(crate) use private::{DATABASE, USER};
pub use running::Running;

/// What a target is started for.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The folder of the run's outputs; the logs of a private stack's processes are kept in it, in `logs`.
    pub out: &'a Path,
    /// The address of the API that runs, where the scenario names none: `EVENTFLOW_API`.
    pub api: Option<String>,
    /// The token to present to an API that runs.
    pub token: Option<String>,
    /// The server's binary, over what the scenario says.
    pub server: Option<PathBuf>,
}

/// Starts a private stack, or finds the API that runs, and waits until events are taken and run.
///
/// # Errors
/// [`TargetError`], which says what to do and has an exit code. [`TargetError::Interrupted`] when `stop` comes first.
/// Nothing is left running then.
pub async fn start(order: Order<'_>, stop: &CancellationToken) -> Result<Running, TargetError> {
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "many connections at once may be too many");
    }
    let starting = async {
        match &order.scenario.target.place {
            Place::Running { api, routes } => running::find(&order, api.as_deref(), routes).await,
            Place::Private(kind) => {
                auto::check(*kind, order.scenario)?;
                private::start(&order, *kind, Vec::new()).await
            }
            Place::Auto => {
                let (kind, told) = auto::choose(order.scenario)?;
                private::start(&order, kind, vec![told]).await
            }
        }
    };
    tokio::select! {
        started = starting => started,
        () = stop.cancelled() => Err(TargetError::Interrupted),
    }
}
