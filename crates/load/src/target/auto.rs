//! Which private stack: the best that this machine has and that the file's faults allow, and why, for people.

use eventflow_stack::{Missing, find_postgres, find_redis};

use super::TargetError;
use crate::scenario::{Scenario, StackKind};

/// What the machine has, or what it lacks.
struct Machine {
    redis: Result<(), Missing>,
    postgres: Result<(), Missing>,
}

/// From the best to the least.
const KINDS: [StackKind; 3] = [StackKind::Local, StackKind::Postgres, StackKind::Dev];

/// The stack for this scenario on this machine, and one sentence that says why.
pub(super) fn choose(scenario: &Scenario) -> Result<(StackKind, String), TargetError> {
    let machine = Machine {
        redis: find_redis().map(drop),
        postgres: find_postgres().map(drop),
    };
    machine.choose(scenario)
}

/// Whether the stack that is asked for has what the faults need.
pub(super) fn check(kind: StackKind, scenario: &Scenario) -> Result<(), TargetError> {
    obstacle(kind, scenario).map_or(Ok(()), |why| Err(TargetError::Refused(why)))
}

impl Machine {
    fn choose(self, scenario: &Scenario) -> Result<(StackKind, String), TargetError> {
        let mut passed = Vec::new();
        let mut missing = Vec::new();
        for kind in KINDS {
            match (obstacle(kind, scenario), self.lacks(kind)) {
                (Some(why), _) => passed.push(format!("not {}: {why}", kind.as_str())),
                (None, Some(lacking)) => {
                    passed.push(format!("not {}: {} is not installed", kind.as_str(), lacking.what));
                    missing.push(lacking.clone());
                }
                (None, None) => {
                    let why = if passed.is_empty() {
                        "redis-server and PostgreSQL are here".to_owned()
                    } else {
                        passed.join("; ")
                    };
                    return Ok((kind, format!("stack: {} (auto; {why})", kind.as_str())));
                }
            }
        }
        // The least that would do is the last that was looked at.
        Err(match missing.pop() {
            Some(lacking) => TargetError::Missing(format!("{lacking}\nThis scenario cannot do without it.")),
            None => TargetError::Refused(format!(
                "no stack has all that this scenario needs: {}",
                passed.join("; ")
            )),
        })
    }

    fn lacks(&self, kind: StackKind) -> Option<&Missing> {
        match kind {
            StackKind::Dev => None,
            StackKind::Postgres => self.postgres.as_ref().err(),
            StackKind::Local => self.postgres.as_ref().err().or(self.redis.as_ref().err()),
        }
    }
}

/// Why the scenario cannot run on this stack.
fn obstacle(kind: StackKind, scenario: &Scenario) -> Option<String> {
    let lack = scenario.lacks(kind).into_iter().next()?;
    Some(format!("{}: {}", lack.what, lack.why))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::testing::scenario;
    use crate::scenario::{Backend, BackendDeed, Fault, Route, Side, Toxic, What};

    fn missing(what: &str) -> Missing {
        Missing {
            what: what.into(),
            todo: format!("type install {what}"),
        }
    }

    fn machine(redis: bool, postgres: bool) -> Machine {
        Machine {
            redis: redis.then_some(()).ok_or_else(|| missing("redis-server")),
            postgres: postgres.then_some(()).ok_or_else(|| missing("PostgreSQL")),
        }
    }

    fn with(what: What) -> Scenario {
        let mut scenario = scenario();
        scenario.faults.push(Fault {
            id: "F1".into(),
            at: Duration::ZERO,
            lasts: None,
            what,
        });
        scenario
    }

    fn backend(backend: Backend, deed: BackendDeed) -> Scenario {
        with(What::Backend { backend, deed })
    }

    fn chosen(machine: Machine, scenario: &Scenario) -> Result<StackKind, TargetError> {
        machine.choose(scenario).map(|(kind, _)| kind)
    }

    #[test]
    fn the_best_that_the_machine_has_is_taken_and_said() {
        let plain = scenario();
        let (kind, told) = machine(true, true).choose(&plain).expect("one is chosen");
        assert_eq!(kind, StackKind::Local);
        assert_eq!(told, "stack: local (auto; redis-server and PostgreSQL are here)");
        let (kind, told) = machine(false, true).choose(&plain).expect("one is chosen");
        assert_eq!(kind, StackKind::Postgres);
        assert_eq!(told, "stack: postgres (auto; not local: redis-server is not installed)");
        assert_eq!(
            chosen(machine(true, false), &plain).expect("one is chosen"),
            StackKind::Dev
        );
        assert_eq!(
            chosen(machine(false, false), &plain).expect("one is chosen"),
            StackKind::Dev
        );
    }

    #[test]
    fn what_the_faults_need_is_not_done_without() {
        let flush = backend(Backend::Redis, BackendDeed::Flush);
        assert_eq!(
            chosen(machine(true, true), &flush).expect("one is chosen"),
            StackKind::Local
        );
        let error = chosen(machine(false, true), &flush).expect_err("there is no Redis");
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("type install redis-server"), "{error}");
        let outage = backend(Backend::Postgres, BackendDeed::Restart);
        assert_eq!(
            chosen(machine(false, true), &outage).expect("one is chosen"),
            StackKind::Postgres
        );
        let error = chosen(machine(true, false), &outage).expect_err("there is no PostgreSQL");
        assert!(error.to_string().contains("type install PostgreSQL"), "{error}");
    }

    #[test]
    fn an_embedded_store_is_had_by_dev_alone() {
        let cut = backend(Backend::Sqlite, BackendDeed::PowerCut);
        let (kind, told) = machine(true, true).choose(&cut).expect("one is chosen");
        assert_eq!(kind, StackKind::Dev);
        assert!(told.contains("F1: the stack `local` has no SQLite file"), "{told}");
        assert!(check(StackKind::Local, &cut).is_err());
        assert!(check(StackKind::Dev, &cut).is_ok());
    }

    #[test]
    fn what_no_stack_has_is_refused_by_name() {
        let mut both = backend(Backend::Sqlite, BackendDeed::PowerCut);
        both.faults.push(Fault {
            id: "F2".into(),
            at: Duration::ZERO,
            lasts: None,
            what: What::Tcp {
                toxic: Toxic::Reset,
                route: Route::Redis,
                side: Side::Both,
                share: 1.0,
            },
        });
        let error = chosen(machine(true, true), &both).expect_err("none has both");
        assert!(matches!(error, TargetError::Refused(_)));
        assert!(
            error.to_string().contains("F1") && error.to_string().contains("F2"),
            "{error}"
        );
    }
}
