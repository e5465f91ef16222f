//! The servers behind a private stack.

use std::path::Path;
use std::sync::Arc;

use eventflow_stack::{Postgres, PostgresSettings, Redis, RedisSettings};

use super::recorders::Recorders;
use super::{DATABASE, USER};
use crate::scenario::{Backend, Deed, Scenario, StackKind, What};
use crate::target::keep::Logs;
use crate::target::member::{Upkeep, blocking};
use crate::target::{TargetError, levels};

/// Redis and PostgreSQL, as far as there are any.
#[derive(Clone, Debug, Default)]
pub(super) struct Backends {
    pub(super) redis: Option<Arc<Redis>>,
    pub(super) postgres: Option<Arc<Postgres>>,
}

impl Backends {
    /// Starts what this kind of stack has, in `folder`, both at once.
    pub(super) async fn start(
        kind: StackKind,
        scenario: &Scenario,
        folder: &Path,
        recorders: &Recorders,
    ) -> Result<Self, TargetError> {
        let durability = &scenario.target.durability;
        let redis = RedisSettings {
            parent: Some(folder.to_owned()),
            env: recorders.environment(Backend::Redis),
            ..levels::redis(durability)
        };
        let postgres = PostgresSettings {
            parent: Some(folder.to_owned()),
            env: recorders.environment(Backend::Postgres),
            ..levels::postgres(durability, most_processes(scenario))
        };
        let (has_redis, has_postgres) = (kind == StackKind::Local, kind != StackKind::Dev);
        let redis = async {
            if has_redis {
                started(move || Redis::start(&redis)).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let postgres = async {
            if has_postgres {
                started(move || database(&postgres)).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (redis, postgres) = tokio::join!(redis, postgres);
        Ok(Self {
            redis: redis?,
            postgres: postgres?,
        })
    }

    /// Enters them in the list of the stack.
    pub(super) fn enter(&self, upkeep: &Upkeep) {
        if let Some(redis) = &self.redis {
            upkeep.enter("redis-server", redis.process().id());
        }
        if let Some(postgres) = &self.postgres {
            upkeep.enter("postgres", postgres.process().id());
        }
    }

    /// Ends them in order, and keeps what they wrote.
    pub(super) async fn end(&self, logs: &Logs) {
        let (both, logs) = (self.clone(), logs.clone());
        let ended = blocking(move || {
            let redis = both.redis.as_deref().map(|redis| ("redis-server", &**redis));
            let postgres = both.postgres.as_deref().map(|postgres| ("postgres", &**postgres));
            let mut all = Ok(());
            for (name, server) in redis.into_iter().chain(postgres) {
                // What the one does keeps nobody from ending the other.
                all = all.and(server.terminate());
                logs.keep(name, &server.process());
            }
            all
        });
        if let Err(error) = ended.await {
            tracing::warn!(error, "a backend of the stack did not end in order");
        }
    }
}

async fn started<T: Send + 'static>(
    start: impl FnOnce() -> eventflow_stack::Result<T> + Send + 'static,
) -> Result<Arc<T>, TargetError> {
    match tokio::task::spawn_blocking(start).await {
        Ok(started) => Ok(Arc::new(started?)),
        Err(error) => Err(TargetError::NotReady(error.to_string())),
    }
}

/// A PostgreSQL with the ledger's database, which belongs to a role that may see what others do and is no superuser.
fn database(settings: &PostgresSettings) -> eventflow_stack::Result<Postgres> {
    let postgres = Postgres::start(settings)?;
    let mut session = postgres.session("postgres", "postgres")?;
    session.sql(&format!("CREATE ROLE {USER} LOGIN"))?;
    session.sql(&format!("GRANT pg_read_all_stats TO {USER}"))?;
    session.sql(&format!("CREATE DATABASE {DATABASE} OWNER {USER}"))?;
    Ok(postgres)
}

/// So many processes run at once at most.
fn most_processes(scenario: &Scenario) -> usize {
    let scaled = scenario.faults.iter().filter_map(|fault| match fault.what {
        What::Process {
            deed: Deed::Scale(count),
            ..
        } => Some(count),
        _ => None,
    });
    let target = &scenario.target;
    target.apis + target.workers + scaled.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::testing::scenario;
    use crate::scenario::{Fault, Role, Which, Who};

    #[test]
    fn further_processes_are_reckoned_with() {
        let mut scenario = scenario();
        (scenario.target.apis, scenario.target.workers) = (1, 2);
        assert_eq!(most_processes(&scenario), 3);
        scenario.faults.push(Fault {
            id: "F1".into(),
            at: Duration::ZERO,
            lasts: None,
            what: What::Process {
                who: Who {
                    role: Role::Worker,
                    which: Which::All,
                },
                deed: Deed::Scale(6),
            },
        });
        assert_eq!(most_processes(&scenario), 9);
    }
}
