//! A restart in order, as an upgrade or a deployment does it.

use super::kill::start_again;
use super::{Field, Struck, title};
use crate::scenario::{Backend, Who};

/// Restarts processes, one after the other, each awaited until it is ready.
pub(super) async fn processes(field: &Field, who: Who) -> Result<Struck, String> {
    let mut touched = 0;
    for member in field.members(who)? {
        touched += u64::from(member.restart().await?);
    }
    Ok(Struck::over(touched))
}

/// Ends a backend in order, starts it again, and waits until it takes requests.
pub(super) async fn backend(field: &Field, backend: Backend) -> Result<Struck, String> {
    let ran = match backend {
        Backend::Redis => field.redis()?.process().is_running(),
        Backend::Postgres => field.postgres()?.process().is_running(),
        Backend::Sqlite => return Err(format!("{} is a file: restart its process", title::backend(backend))),
    };
    start_again(field, backend).await?;
    Ok(Struck::over(u64::from(ran)))
}
