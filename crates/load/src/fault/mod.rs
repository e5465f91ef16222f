//! Faults: what strikes a target, when, and how it is undone. One kind a file.
//!
//! The [`Driver`] strikes each at its moment and undoes it at its end, also where the run is ended early. A fault says
//! honestly what it touched: connections, processes, refused writes. One that touched nothing proves nothing, and one that
//! this machine or target cannot make is skipped with the reason.

mod driver;
mod flush;
mod hold_snapshot;
mod kill;
mod max_connections;
mod maxmemory;
mod network;
pub mod power_cut;
mod power_off;
mod read_only;
mod refusals;
mod restart;
mod scale;
mod stop;
mod term;
mod title;

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::EventKey;
use futures_util::future::BoxFuture;

use crate::chance;
use crate::scenario::{Backend, BackendDeed, Deed, Fault, What, Which, Who};
use crate::target::{Member, Private, Running};

pub use driver::Driver;
pub use title::title;

/// What a fault did as it struck.
#[derive(Default)]
struct Struck {
    /// Connections, processes or commands, as far as they are known by now.
    touched: u64,
    /// Events that it destroyed.
    destroyed: Vec<EventKey>,
    /// What else there is to say.
    notes: Vec<String>,
    /// What is to be done at its end; none where it is over.
    undo: Option<Undo>,
}

/// Undoes a fault; does nothing before it is awaited.
struct Undo {
    /// How long the fault stays where the scenario does not say.
    usual: Duration,
    done: BoxFuture<'static, Result<Undone, String>>,
}

/// What became known of a fault as it was undone.
#[derive(Debug, Default)]
struct Undone {
    /// Added to what it touched as it struck.
    touched: u64,
    notes: Vec<String>,
}

/// What a fault is made on.
#[derive(Clone)]
struct Field {
    running: Arc<Running>,
    /// How long it is to stay, where the scenario says so.
    lasts: Option<Duration>,
    /// Differs for each fault of a scenario.
    seed: u64,
}

impl Field {
    async fn strike(&self, what: &What) -> Result<Struck, String> {
        match what {
            What::Tcp {
                toxic,
                route,
                side,
                share,
            } => network::strike(self, toxic, *route, *side, *share).await,
            What::Process { who, deed } => match deed {
                Deed::Kill { respawn } => kill::processes(self, *who, *respawn).await,
                Deed::Term { respawn } => term::processes(self, *who, *respawn).await,
                Deed::Stop => stop::processes(self, *who).await,
                Deed::Restart => restart::processes(self, *who).await,
                Deed::Scale(count) => scale::processes(self, who.role, *count).await,
            },
            What::Backend { backend, deed } => self.strike_backend(*backend, *deed).await,
        }
    }

    async fn strike_backend(&self, backend: Backend, deed: BackendDeed) -> Result<Struck, String> {
        match (deed, backend) {
            (BackendDeed::PowerCut, _) => power_off::backend(self, backend).await,
            (BackendDeed::Kill, _) => kill::backend(self, backend).await,
            (BackendDeed::Stop, _) => stop::backend(self, backend).await,
            (BackendDeed::Restart, _) => restart::backend(self, backend).await,
            (BackendDeed::Flush, Backend::Redis) => flush::redis(self).await,
            (BackendDeed::MaxMemory, Backend::Redis) => maxmemory::redis(self).await,
            (BackendDeed::ReadOnly, Backend::Redis) => read_only::redis(self).await,
            (BackendDeed::ReadOnly, Backend::Postgres) => read_only::postgres(self).await,
            (BackendDeed::MaxConnections, Backend::Redis) => max_connections::redis(self).await,
            (BackendDeed::MaxConnections, Backend::Postgres) => max_connections::postgres(self).await,
            (BackendDeed::HoldSnapshot, Backend::Postgres) => hold_snapshot::postgres(self).await,
            (
                BackendDeed::Flush
                | BackendDeed::MaxMemory
                | BackendDeed::ReadOnly
                | BackendDeed::MaxConnections
                | BackendDeed::HoldSnapshot,
                _,
            ) => Err(format!("{} does not know this fault", title::backend(backend))),
        }
    }

    fn stack(&self) -> Result<&Private, String> {
        let stack = self.running.stack.as_ref();
        stack.ok_or_else(|| "the target ran already, and its processes and backends are not the run's own".to_owned())
    }

    fn redis(&self) -> Result<Arc<eventflow_stack::Redis>, String> {
        self.stack()?
            .redis()
            .ok_or_else(|| "this stack has no Redis".to_owned())
    }

    fn postgres(&self) -> Result<Arc<eventflow_stack::Postgres>, String> {
        self.stack()?
            .postgres()
            .ok_or_else(|| "this stack has no PostgreSQL".to_owned())
    }

    /// The processes that are meant.
    fn members(&self, who: Who) -> Result<Vec<Member>, String> {
        let mut members = self.stack()?.members(who.role);
        let count = members.len();
        let chosen = match who.which {
            Which::All => return Ok(members),
            Which::Any if count == 0 => return Err(format!("there is no {}", title::role(who.role))),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the remainder is below a count of processes"
            )]
            Which::Any => (self.seed % count as u64) as usize,
            Which::Nth(index) => index,
        };
        if chosen >= count {
            return Err(format!(
                "there is no {}[{chosen}]: there are {count}",
                title::role(who.role)
            ));
        }
        Ok(vec![members.swap_remove(chosen)])
    }
}

impl Undo {
    /// What undoes a fault that stays ten seconds where the scenario does not say how long.
    fn new(done: impl Future<Output = Result<Undone, String>> + Send + 'static) -> Self {
        Self {
            usual: Fault::USUAL_WINDOW,
            done: Box::pin(done),
        }
    }
}

impl Struck {
    /// It is over, and touched so many.
    fn over(touched: u64) -> Self {
        Self {
            touched,
            ..Self::default()
        }
    }

    /// It touched so many, and stays until it is undone.
    fn until(touched: u64, undo: Undo) -> Self {
        Self {
            undo: Some(undo),
            ..Self::over(touched)
        }
    }

    /// With something to say.
    fn saying(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl Undone {
    fn touching(touched: u64) -> Self {
        Self {
            touched,
            notes: Vec::new(),
        }
    }

    fn saying(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Does all of it at once, each to its end also where another fails. How many were touched, or the first failure.
async fn all<D>(deeds: impl IntoIterator<Item = D>) -> Result<u64, String>
where
    D: Future<Output = Result<bool, String>>,
{
    let ended = futures_util::future::join_all(deeds).await;
    ended.into_iter().map(|touched| touched.map(u64::from)).sum()
}

/// The seed of a fault: so many steps from that of the scenario.
const fn draw(seed: u64, order: usize) -> u64 {
    chance::next(seed.wrapping_add(chance::STEP.wrapping_mul(order as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_fails_keeps_nobody_from_the_others() {
        let done = std::cell::Cell::new(0);
        let deed = |fails: bool, turns: u32| {
            let done = &done;
            async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                if fails {
                    return Err("it has been ended for good".to_owned());
                }
                done.set(done.get() + 1);
                Ok(true)
            }
        };
        assert_eq!(all([deed(false, 0), deed(false, 2)]).await, Ok(2));
        let failed = all([deed(false, 1), deed(true, 0), deed(false, 3)]).await;
        assert_eq!(failed, Err("it has been ended for good".to_owned()));
        assert_eq!(done.get(), 4);
    }

    #[test]
    fn each_fault_draws_by_itself_and_always_the_same() {
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
        assert_ne!(draw(7, 0), draw(8, 0));
        let of_three: Vec<u64> = (0..60).map(|order| draw(7, order) % 3).collect();
        for index in 0..3 {
            assert!(
                of_three.iter().filter(|drawn| **drawn == index).count() > 5,
                "{of_three:?}"
            );
        }
    }
}
