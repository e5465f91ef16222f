//! SIGSTOP, and SIGCONT at the end: connections stand, and nothing answers.

use super::{Field, Struck, Undo, Undone, all, title};
use crate::scenario::{Backend, Who};
use crate::target::{Member, blocking};

/// Freezes processes.
pub(super) async fn processes(field: &Field, who: Who) -> Result<Struck, String> {
    let members = field.members(who)?;
    let stopped = all(members.iter().map(Member::stop)).await;
    let go_on = async move { all(members.iter().map(Member::cont)).await };
    match stopped {
        Ok(touched) => {
            let undo = async move { go_on.await.map(|_| Undone::default()) };
            Ok(Struck::until(touched, Undo::new(undo)))
        }
        Err(why) => {
            // What did not strike is not undone at its end: those that are frozen go on at once.
            Err(match go_on.await {
                Ok(_) => why,
                Err(still) => format!("{why}; some may be frozen still: {still}"),
            })
        }
    }
}

/// Freezes a backend with all its processes.
pub(super) async fn backend(field: &Field, backend: Backend) -> Result<Struck, String> {
    let server = match backend {
        Backend::Redis => Frozen::Redis(field.redis()?),
        Backend::Postgres => Frozen::Postgres(field.postgres()?),
        Backend::Sqlite => return Err(format!("{} is a file: stop its process", title::backend(backend))),
    };
    let frozen = server.clone();
    let ran = blocking(move || {
        let ran = frozen.server().process().is_running();
        frozen.server().stop()?;
        Ok(ran)
    });
    let touched = u64::from(ran.await?);
    let undo = async move {
        blocking(move || server.server().cont()).await?;
        Ok(Undone::default())
    };
    Ok(Struck::until(touched, Undo::new(undo)))
}

#[derive(Clone)]
enum Frozen {
    Redis(std::sync::Arc<eventflow_stack::Redis>),
    Postgres(std::sync::Arc<eventflow_stack::Postgres>),
}

impl Frozen {
    fn server(&self) -> &eventflow_stack::Server {
        match self {
            Self::Redis(redis) => redis,
            Self::Postgres(postgres) => postgres,
        }
    }
}
