//! What has to watch a server from its start on, so that its power can be cut later.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::fault::power_cut::Recorder;
use crate::scenario::{Backend, BackendDeed, Scenario, What};

/// Variables of an environment.
pub(super) type Env = BTreeMap<OsString, OsString>;

/// A recorder for each backend whose power is to be cut; recording slows it down, and others have none.
#[derive(Debug, Default)]
pub(super) struct Recorders(Vec<(Backend, Result<Arc<Recorder>, String>)>);

impl Recorders {
    /// Makes ready what the faults of this scenario need, for servers with their data under `folder`.
    pub(super) async fn prepare(scenario: &Scenario, folder: &Path) -> Self {
        let mut recorders = Self::default();
        for backend in cut(scenario) {
            let folder = folder.to_owned();
            let prepared = tokio::task::spawn_blocking(move || Recorder::prepare(&folder)).await;
            let recorder = match prepared {
                Ok(Ok(recorder)) => Ok(Arc::new(recorder)),
                Ok(Err(skipped)) => Err(skipped.to_string()),
                Err(error) => Err(error.to_string()),
            };
            recorders.0.push((backend, recorder));
        }
        recorders
    }

    /// That of this backend; why there is none.
    pub(super) fn of(&self, backend: Backend) -> Result<Arc<Recorder>, String> {
        let found = self.0.iter().find(|(of, _)| *of == backend);
        found.map_or_else(
            || Err("nothing was recorded for a power cut".to_owned()),
            |(_, recorder)| recorder.clone(),
        )
    }

    /// What the process of this backend has to have in its environment.
    pub(super) fn environment(&self, backend: Backend) -> Env {
        let recorder = self.of(backend);
        recorder
            .map(|recorder| recorder.environment().into_iter().collect())
            .unwrap_or_default()
    }
}

/// Backends whose power is to be cut, each once.
fn cut(scenario: &Scenario) -> Vec<Backend> {
    let mut backends = Vec::new();
    for fault in &scenario.faults {
        if let What::Backend {
            backend,
            deed: BackendDeed::PowerCut,
        } = fault.what
            && !backends.contains(&backend)
        {
            backends.push(backend);
        }
    }
    backends
}
