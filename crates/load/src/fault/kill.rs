//! SIGKILL, as a crash would end it.

use std::time::Duration;

use super::{Field, Struck, Undo, Undone, all, title};
use crate::scenario::{Backend, Who};
use crate::target::{Down, USUAL_REST, blocking};

/// Kills processes; each is started again after `respawn`, by default after the usual second.
pub(super) async fn processes(field: &Field, who: Who, respawn: Option<Duration>) -> Result<Struck, String> {
    let down = Down::For(respawn.unwrap_or(USUAL_REST));
    let members = field.members(who)?;
    let kills = members.iter().map(|member| member.kill(down));
    Ok(Struck::over(all(kills).await?))
}

/// Kills a backend with all its processes; it is started again at the fault's end, by default after the usual second.
pub(super) async fn backend(field: &Field, backend: Backend) -> Result<Struck, String> {
    let touched = match backend {
        Backend::Redis => {
            let redis = field.redis()?;
            blocking(move || {
                let ran = redis.process().is_running();
                redis.kill()?;
                Ok(ran)
            })
            .await?
        }
        Backend::Postgres => {
            let postgres = field.postgres()?;
            field.stack()?.keep_deadlocks().await;
            blocking(move || {
                let ran = postgres.process().is_running();
                postgres.kill()?;
                Ok(ran)
            })
            .await?
        }
        Backend::Sqlite => return Err(format!("{} is a file: kill its process", title::backend(backend))),
    };
    let field = field.clone();
    let undo = Undo::new(async move {
        start_again(&field, backend).await?;
        Ok(Undone::default())
    });
    Ok(Struck::until(
        u64::from(touched),
        Undo {
            usual: USUAL_REST,
            ..undo
        },
    ))
}

/// Starts a backend again that was ended, and waits until it takes requests.
pub(super) async fn start_again(field: &Field, backend: Backend) -> Result<(), String> {
    match backend {
        Backend::Redis => {
            let redis = field.redis()?;
            blocking(move || redis.restart()).await?;
        }
        Backend::Postgres => {
            let postgres = field.postgres()?;
            blocking(move || postgres.restart()).await?;
        }
        Backend::Sqlite => return Ok(()),
    }
    field.stack()?.note_backends();
    Ok(())
}
