//! What a place can do: which faults, and which questions, it has no part for.

use std::collections::BTreeMap;

use super::{Backend, BackendDeed, Deed, Place, Role, Route, Scenario, StackKind, Through, What, Which, Who};

/// Something that a scenario asks for and a place cannot give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What asks for it: a fault's id, or `deadlocks`.
    pub what: String,
    /// Why it cannot be had there.
    pub why: String,
}

/// The private stacks, the one that has most first: the order in which `auto` tries them.
pub(super) const STACKS: [StackKind; 3] = [StackKind::Local, StackKind::Postgres, StackKind::Dev];

impl StackKind {
    /// The name a user types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Postgres => "postgres",
            Self::Local => "local",
        }
    }
}

impl Scenario {
    /// What this scenario asks for and a private stack of that kind does not have; empty where it can run there.
    pub fn lacks(&self, kind: StackKind) -> Vec<Lack> {
        let crowd = Crowd {
            workers: self.target.workers,
            apis: self.target.apis,
        };
        let faults = self.faults.iter().filter_map(|fault| {
            let why = stack_lacks(&fault.what, kind, crowd)?;
            Some(Lack {
                what: fault.id.clone(),
                why,
            })
        });
        let deadlocks = self.expect.invariants.deadlocks.and_then(|_| deadlocks_lack(kind));
        faults
            .chain(deadlocks.map(|why| Lack {
                what: "deadlocks".to_owned(),
                why,
            }))
            .collect()
    }
}

/// How many processes were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) workers: usize,
    pub(super) apis: usize,
}

impl Crowd {
    /// How many of a role.
    pub(super) const fn of(self, role: Role) -> usize {
        match role {
            Role::Api => self.apis,
            Role::Worker => self.workers,
        }
    }
}

/// Why a private stack cannot count deadlocks.
pub(super) fn deadlocks_lack(kind: StackKind) -> Option<String> {
    (kind == StackKind::Dev).then(|| "the stack `dev` has no PostgreSQL that counts deadlocks".to_owned())
}

/// Why a fault cannot be made on a private stack.
pub(super) fn stack_lacks(what: &What, kind: StackKind, crowd: Crowd) -> Option<String> {
    let has_redis = kind == StackKind::Local;
    let has_postgres = kind != StackKind::Dev;
    let (present, missing) = match what {
        What::Tcp { route: Route::Api, .. } => (true, ""),
        What::Tcp {
            route: Route::Redis, ..
        }
        | What::Backend {
            backend: Backend::Redis,
            ..
        } => (has_redis, "Redis"),
        What::Tcp {
            route: Route::Postgres, ..
        }
        | What::Backend {
            backend: Backend::Postgres,
            ..
        } => (has_postgres, "PostgreSQL"),
        What::Backend {
            backend: Backend::Sqlite,
            ..
        } => (kind == StackKind::Dev, "SQLite file"),
        What::Process { who, deed } => return process_lacks(*who, *deed, kind, crowd),
    };
    (!present).then(|| format!("the stack `{}` has no {missing}", kind.as_str()))
}

fn process_lacks(who: Who, deed: Deed, kind: StackKind, crowd: Crowd) -> Option<String> {
    if kind != StackKind::Dev {
        return None;
    }
    let asks_for_more =
        matches!(deed, Deed::Scale(_)) || crowd.of(who.role) > 1 || matches!(who.which, Which::Nth(index) if index > 0);
    asks_for_more.then(|| "the stack `dev` is one process, which is API and worker at once".to_owned())
}

/// Why a fault cannot be made on an API that runs.
pub(super) fn running_lacks(what: &What, api: Option<&str>, routes: &BTreeMap<Route, Through>) -> Option<String> {
    match what {
        What::Tcp { route, .. } if routes.contains_key(route) => None,
        What::Tcp { route: Route::Api, .. } => api.is_some_and(|api| !api.starts_with("http://")).then(|| {
            "only the connections to an `http://` address can be led through the proxy without a route".to_owned()
        }),
        What::Tcp { route, .. } => Some(format!(
            "the API was not started with a route `{0}`; start it with one and say which: \
             `routes = {{ {0} = {{ listen = \"…\", upstream = \"…\" }} }}`",
            route.as_str()
        )),
        What::Process { .. } => Some("the processes of an API that runs are not the run's own".to_owned()),
        What::Backend { .. } => Some("the backends of an API that runs are not the run's own".to_owned()),
    }
}

/// Why a fault cannot be made at this place, if that is certain by now.
pub(super) fn place_lacks(what: &What, place: &Place, crowd: Crowd) -> Option<String> {
    match place {
        Place::Running { api, routes } => running_lacks(what, api.as_deref(), routes),
        Place::Private(kind) => stack_lacks(what, *kind, crowd),
        Place::Auto => STACKS
            .iter()
            .map(|kind| stack_lacks(what, *kind, crowd))
            .collect::<Option<Vec<_>>>()
            .map(|lacks| lacks.join("; ")),
    }
}

impl Route {
    /// The name a user types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// Whether a backend can be treated so at all.
pub(super) const fn suffers(backend: Backend, deed: BackendDeed) -> bool {
    match deed {
        BackendDeed::PowerCut => true,
        BackendDeed::Kill
        | BackendDeed::Stop
        | BackendDeed::Restart
        | BackendDeed::ReadOnly
        | BackendDeed::MaxConnections => !matches!(backend, Backend::Sqlite),
        BackendDeed::Flush | BackendDeed::MaxMemory => matches!(backend, Backend::Redis),
        BackendDeed::HoldSnapshot => matches!(backend, Backend::Postgres),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Side, Toxic};

    const ONE: Crowd = Crowd { workers: 1, apis: 1 };

    fn reset(route: Route) -> What {
        What::Tcp {
            toxic: Toxic::Reset,
            route,
            side: Side::Both,
            share: 1.0,
        }
    }

    fn backend(backend: Backend) -> What {
        What::Backend {
            backend,
            deed: BackendDeed::PowerCut,
        }
    }

    fn process(role: Role, which: Which, deed: Deed) -> What {
        What::Process {
            who: Who { role, which },
            deed,
        }
    }

    /// Which private stacks can make a fault, the richest first.
    fn able(what: &What, crowd: Crowd) -> Vec<&'static str> {
        STACKS
            .into_iter()
            .filter(|kind| stack_lacks(what, *kind, crowd).is_none())
            .map(StackKind::as_str)
            .collect()
    }

    #[test]
    fn a_stack_has_the_parts_that_it_has() {
        assert_eq!(able(&reset(Route::Api), ONE), ["local", "postgres", "dev"]);
        assert_eq!(able(&reset(Route::Redis), ONE), ["local"]);
        assert_eq!(able(&reset(Route::Postgres), ONE), ["local", "postgres"]);
        assert_eq!(able(&backend(Backend::Redis), ONE), ["local"]);
        assert_eq!(able(&backend(Backend::Postgres), ONE), ["local", "postgres"]);
        assert_eq!(able(&backend(Backend::Sqlite), ONE), ["dev"]);
    }

    #[test]
    fn dev_is_one_process() {
        let kill = Deed::Kill { respawn: None };
        let everywhere = ["local", "postgres", "dev"];
        assert_eq!(able(&process(Role::Worker, Which::Any, kill), ONE), everywhere);
        assert_eq!(able(&process(Role::Api, Which::Nth(0), kill), ONE), everywhere);
        let elsewhere = ["local", "postgres"];
        let two = Crowd { workers: 2, apis: 1 };
        assert_eq!(able(&process(Role::Worker, Which::Any, kill), two), elsewhere);
        assert_eq!(able(&process(Role::Api, Which::Any, kill), two), everywhere);
        assert_eq!(able(&process(Role::Worker, Which::All, Deed::Scale(3)), ONE), elsewhere);
        assert_eq!(able(&process(Role::Worker, Which::Nth(1), kill), ONE), elsewhere);
    }

    #[test]
    fn what_runs_already_is_not_ours() {
        let routes = BTreeMap::from([(
            Route::Postgres,
            Through {
                listen: "127.0.0.1:15432".to_owned(),
                upstream: "127.0.0.1:5432".to_owned(),
            },
        )]);
        let api = Some("http://127.0.0.1:8000");
        assert_eq!(running_lacks(&reset(Route::Api), api, &routes), None);
        assert_eq!(running_lacks(&reset(Route::Postgres), api, &routes), None);
        assert!(running_lacks(&reset(Route::Redis), api, &routes).is_some_and(|why| why.contains("route `redis`")));
        assert!(running_lacks(&reset(Route::Api), Some("https://events.example"), &routes).is_some());
        assert!(running_lacks(&backend(Backend::Postgres), api, &routes).is_some());
        let stop = process(Role::Worker, Which::All, Deed::Stop);
        assert!(running_lacks(&stop, api, &routes).is_some());
    }
}
