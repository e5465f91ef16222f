//! How the processes of a private stack are started: which binary, on which settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eventflow_stack::{Eventflow, EventflowCommand, EventflowSettings};
use tokio::task::JoinSet;

use super::backends::Backends;
use super::recorders::Env;
use super::{DATABASE, USER};
use crate::scenario::{Role, Route, Scenario, StackKind};
use crate::target::TargetError;
use crate::target::member::{Member, Upkeep};
use crate::target::routes::{self, Proxies};

/// Settings that are ours to make, whatever a scenario says.
const OURS: [&str; 5] = ["listen", "worker_listen", "data_dir", "queue_url", "store_url"];

/// What every process of a stack is started with.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    binary: Binary,
    kind: StackKind,
    parent: PathBuf,
    settings: BTreeMap<String, String>,
}

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) program: PathBuf,
    pub(super) env: Env,
}

impl Cast {
    /// Puts the proxies in front of the backends, and brings the schema up to date.
    pub(super) async fn prepare(
        binary: Binary,
        kind: StackKind,
        scenario: &Scenario,
        folder: &Path,
        backends: &Backends,
        proxies: &mut Proxies,
    ) -> Result<Self, TargetError> {
        let mut settings = settings(scenario);
        if let Some(postgres) = &backends.postgres {
            let url = |address: String| format!("postgres://{USER}@{address}/{DATABASE}");
            let mut direct = settings.clone();
            direct.insert("store_url".to_owned(), url(format!("127.0.0.1:{}", postgres.port())));
            migrate(binary.program.clone(), folder.to_owned(), direct).await?;
            let through = routes::in_front_of(proxies, Route::Postgres, postgres.port()).await?;
            settings.insert("store_url".to_owned(), url(through.to_string()));
        }
        if let Some(redis) = &backends.redis {
            let through = routes::in_front_of(proxies, Route::Redis, redis.port()).await?;
            settings.insert("queue_url".to_owned(), format!("redis://{through}"));
        }
        Ok(Self {
            binary,
            kind,
            parent: folder.to_owned(),
            settings,
        })
    }

    /// The binary.
    pub(super) fn program(&self) -> &Path {
        &self.binary.program
    }

    /// Starts all processes at once, and waits until all are ready; on `dev` there is one. APIs come first.
    pub(super) async fn all(&self, apis: usize, workers: usize, upkeep: &Upkeep) -> Result<Vec<Member>, TargetError> {
        let apis = (0..apis).map(|index| (Role::Api, index));
        let workers = (0..workers).map(|index| (Role::Worker, index));
        let roles: Vec<(Role, usize)> = match self.kind {
            StackKind::Dev => vec![(Role::Api, 0)],
            StackKind::Postgres | StackKind::Local => apis.chain(workers).collect(),
        };
        let mut starting = JoinSet::new();
        for (order, (role, index)) in roles.into_iter().enumerate() {
            let (cast, upkeep) = (self.clone(), upkeep.clone());
            starting.spawn(async move { (order, cast.start(role, index, upkeep).await) });
        }
        let mut members = BTreeMap::new();
        while let Some(started) = starting.join_next().await {
            let (order, member) = started.map_err(|error| TargetError::NotReady(error.to_string()))?;
            members.insert(order, member?);
        }
        Ok(members.into_values().collect())
    }

    /// Starts one, and waits until it is ready.
    pub(super) async fn start(&self, role: Role, index: usize, upkeep: Upkeep) -> Result<Member, TargetError> {
        let (command, name) = self.part(role, index);
        let settings = EventflowSettings {
            program: self.binary.program.clone(),
            command,
            name: name.clone(),
            parent: self.parent.clone(),
            settings: self.settings.clone(),
            env: self.binary.env.clone(),
        };
        match tokio::task::spawn_blocking(move || Eventflow::start(&settings)).await {
            Ok(server) => Ok(Member::new(role, index, &name, server?, upkeep)),
            Err(error) => Err(TargetError::NotReady(error.to_string())),
        }
    }

    fn part(&self, role: Role, index: usize) -> (EventflowCommand, String) {
        match (self.kind, role) {
            (StackKind::Dev, _) => (EventflowCommand::Dev, "dev".to_owned()),
            (_, Role::Api) => (EventflowCommand::Api, format!("api-{index}")),
            (_, Role::Worker) => (EventflowCommand::Worker, format!("worker-{index}")),
        }
    }
}

/// What the scenario says over what private stacks are started with, but for what is ours to say.
fn settings(scenario: &Scenario) -> BTreeMap<String, String> {
    let durability = scenario.target.durability.as_str();
    let mut settings = BTreeMap::from([
        ("simulate".to_owned(), "true".to_owned()),
        ("log_format".to_owned(), "json".to_owned()),
        ("durability".to_owned(), durability.to_owned()),
    ]);
    if durability == "memory" {
        settings.insert("allow_volatile".to_owned(), "true".to_owned());
    }
    settings.extend(scenario.target.settings.clone());
    settings.retain(|name, _| !OURS.contains(&name.as_str()));
    settings
}

async fn migrate(program: PathBuf, folder: PathBuf, settings: BTreeMap<String, String>) -> Result<(), TargetError> {
    match tokio::task::spawn_blocking(move || Eventflow::migrate(&program, &folder, &settings)).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(TargetError::NotReady(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::testing::scenario;

    #[test]
    fn a_scenario_has_its_way_but_for_what_is_ours() {
        let mut scenario = scenario();
        scenario.target.durability = "memory".into();
        for (name, value) in [
            ("lease", "3s"),
            ("simulate", "false"),
            ("listen", "0.0.0.0:1"),
            ("store_url", "x"),
        ] {
            scenario.target.settings.insert(name.into(), value.into());
        }
        let settings = settings(&scenario);
        assert_eq!(settings["lease"], "3s");
        assert_eq!(settings["simulate"], "false");
        assert_eq!(settings["durability"], "memory");
        assert_eq!(settings["allow_volatile"], "true");
        assert!(!settings.contains_key("listen") && !settings.contains_key("store_url"));
    }
}
