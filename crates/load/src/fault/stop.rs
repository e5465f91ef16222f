//! SIGSTOP, and SIGCONT at the end: connections stand, and nothing answers.

use super::{Field, Struck, Undo, Undone, title};
use crate::scenario::{Backend, Who};
use crate::target::blocking;

/// Freezes processes.
pub(super) async fn processes(field: &Field, who: Who) -> Result<Struck, String> {
    let members = field.members(who)?;
    let mut touched = 0;
    for member in &members {
        touched += u64::from(member.stop().await?);
    }
    let undo = async move {
        for member in members {
            member.cont().await?;
        }
        Ok(Undone::default())
    };
    Ok(Struck::until(touched, Undo::new(undo)))
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
