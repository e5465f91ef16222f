//! A private stack: backends and processes of its own on free ports, each connection through a proxy, gone at the end.

mod backends;
mod cast;
mod deadlocks;
mod recorders;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, PoisonError};

use eventflow_stack::{Folder, Postgres, Redis, Roster, find_eventflow};

use self::backends::Backends;
use self::cast::{Binary, Cast};
use self::deadlocks::Deadlocks;
use self::recorders::Recorders;
use super::keep::Logs;
use super::member::{Member, Upkeep, blocking};
use super::routes::{self, Proxies};
use super::running::{Running, address};
use super::{Order, TargetError, levels};
use crate::fault::power_cut::Recorder;
use crate::scenario::{Backend, Role, Route, Scenario, StackKind};

/// The database of the ledger.
pub(crate) const DATABASE: &str = "eventflow";
/// As whom EventFlow comes to PostgreSQL: the database's owner, and no superuser.
pub(crate) const USER: &str = "eventflow";

/// A private stack. It ends, and its data goes, when this is dropped, and when its owner is killed.
#[derive(Debug)]
pub struct Private {
    kind: StackKind,
    cast: Cast,
    members: Mutex<Vec<Member>>,
    backends: Backends,
    recorders: Recorders,
    deadlocks: Deadlocks,
    upkeep: Upkeep,
    // The last to go: all others live in it.
    _folder: Folder,
}

/// Starts a stack of this kind, and waits until it is ready.
pub(super) async fn start(order: &Order<'_>, kind: StackKind, told: Vec<String>) -> Result<Running, TargetError> {
    let scenario = order.scenario;
    let target = &scenario.target;
    let program = find_eventflow(order.server.as_deref().or(target.server.as_deref()))?;
    let folder = folder()?;
    let upkeep = Upkeep {
        logs: Logs::new(order.out.join("logs")),
        roster: Arc::new(Roster::open(&format!("efctl load {}", scenario.name))?),
        deaths: Arc::default(),
    };
    let recorders = Recorders::prepare(scenario, folder.path()).await;
    let backends = Backends::start(kind, scenario, folder.path(), &recorders).await?;
    backends.enter(&upkeep);
    let mut proxies = Proxies::new();
    let binary = Binary {
        program,
        env: recorders.environment(Backend::Sqlite),
    };
    let cast = Cast::prepare(binary, kind, scenario, folder.path(), &backends, &mut proxies).await?;
    let private = Private {
        kind,
        members: Mutex::default(),
        backends,
        recorders,
        deadlocks: Deadlocks::default(),
        upkeep,
        _folder: folder,
        cast,
    };
    private.populate(target.apis, target.workers).await?;
    running(private, proxies, told, scenario).await
}

/// The folder of a stack. PostgreSQL may run as somebody else, and must get through it.
fn folder() -> Result<Folder, TargetError> {
    let folder = Folder::create("load")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).map_err(|error| {
        TargetError::NotReady(format!(
            "the folder {} cannot be opened: {error}",
            folder.path().display()
        ))
    })?;
    Ok(folder)
}

async fn running(
    private: Private,
    mut proxies: Proxies,
    mut told: Vec<String>,
    scenario: &Scenario,
) -> Result<Running, TargetError> {
    let mut apis = Vec::new();
    let mut directs = Vec::new();
    for member in private.members(Role::Api) {
        let through = routes::in_front_of(&mut proxies, Route::Api, member.server().port()).await?;
        apis.push(address(&format!("http://{through}"))?);
        directs.push(address(&member.server().url())?);
    }
    if told.is_empty() {
        told.push(format!("stack: {}", private.kind.as_str()));
    }
    told.extend(private.told(scenario));
    Running::new(
        apis,
        directs,
        None,
        Some(private),
        proxies,
        scenario.target.durability.clone(),
        told,
    )
}

impl Private {
    /// Which.
    pub fn kind(&self) -> StackKind {
        self.kind
    }

    /// Its processes of this role, by index. On `dev` the one process is both.
    pub fn members(&self, role: Role) -> Vec<Member> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let is_all = self.kind == StackKind::Dev;
        members
            .iter()
            .filter(|member| is_all || member.role() == role)
            .cloned()
            .collect()
    }

    /// Its Redis, if it has one.
    pub fn redis(&self) -> Option<Arc<Redis>> {
        self.backends.redis.clone()
    }

    /// Its PostgreSQL, if it has one.
    pub fn postgres(&self) -> Option<Arc<Postgres>> {
        self.backends.postgres.clone()
    }

    /// Rows of statements in the ledger's database, as the superuser: the text of each column, none for NULL.
    pub async fn sql(&self, statements: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let postgres = self.postgres().ok_or("this stack has no PostgreSQL")?;
        let statements = statements.to_owned();
        blocking(move || postgres.sql(DATABASE, &statements)).await
    }

    /// Deadlocks that PostgreSQL has counted, over all its lives; none where it cannot be asked, or could not as one ended.
    pub async fn deadlocks(&self) -> Option<u64> {
        self.deadlocks.total(self.counted_deadlocks().await)
    }

    /// PostgreSQL forgets its counters when it is killed: what they say until now is kept.
    pub(crate) async fn keep_deadlocks(&self) {
        self.deadlocks.keep(self.counted_deadlocks().await);
    }

    async fn counted_deadlocks(&self) -> Option<u64> {
        let rows = self
            .sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .await;
        rows.ok()?.first()?.first()?.as_deref()?.parse().ok()
    }

    /// Has so many processes of a role from now on: starts further ones, or ends the last ones. How many it started or
    /// ended.
    pub(crate) async fn scale(&self, role: Role, wanted: usize) -> Result<u64, String> {
        let now = self.members(role);
        let mut changed = 0;
        for index in now.len()..wanted {
            let member = self
                .cast
                .start(role, index, self.upkeep.clone())
                .await
                .map_err(|error| error.to_string())?;
            self.members.lock().unwrap_or_else(PoisonError::into_inner).push(member);
            changed += 1;
        }
        for member in now.iter().skip(wanted) {
            member.end().await?;
            let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            members.retain(|other| other.name() != member.name());
            changed += 1;
        }
        Ok(changed)
    }

    /// What makes power cuts of this backend; why not, where this machine cannot make them.
    pub(crate) fn recorder(&self, backend: Backend) -> Result<Arc<Recorder>, String> {
        self.recorders.of(backend)
    }

    /// A backend runs as another process now.
    pub(crate) fn note_backends(&self) {
        self.backends.enter(&self.upkeep);
    }

    /// Processes that ended though nobody had asked them to.
    pub fn died_unasked(&self) -> u64 {
        self.upkeep.deaths.count()
    }

    /// The first of them, for people.
    pub fn deaths(&self) -> Vec<String> {
        self.upkeep.deaths.told()
    }

    /// Ends all of it in order: processes, then backends. What does not end is killed.
    pub(super) async fn stop(&self) {
        let members = std::mem::take(&mut *self.members.lock().unwrap_or_else(PoisonError::into_inner));
        let ends = members.iter().map(Member::end);
        for error in futures_util::future::join_all(ends)
            .await
            .into_iter()
            .filter_map(Result::err)
        {
            tracing::warn!(error, "a process of the stack did not end in order");
        }
        drop(members);
        self.backends.end(&self.upkeep.logs).await;
    }

    async fn populate(&self, apis: usize, workers: usize) -> Result<(), TargetError> {
        let members = self.cast.all(apis, workers, &self.upkeep).await?;
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = members;
        Ok(())
    }

    fn told(&self, scenario: &Scenario) -> Vec<String> {
        let (redis, postgres) = (self.redis().is_some(), self.postgres().is_some());
        let count = |role| self.members(role).len();
        let processes = match self.kind {
            StackKind::Dev => "1 process".to_owned(),
            _ => format!("apis: {}, workers: {}", count(Role::Api), count(Role::Worker)),
        };
        vec![
            levels::stated(&scenario.target.durability, redis, postgres),
            format!("{processes}; server: {}", self.cast.program().display()),
        ]
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Their tasks may hold them for a moment longer; they must end before their folders do.
        for member in self.members.get_mut().unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = member.server().kill() {
                tracing::warn!(%error, "a process of the stack is left to its guard");
            }
        }
    }
}
