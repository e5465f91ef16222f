//! A power cut of one backend: SIGKILL, and all that it had not synced is taken out of its files.

use std::path::PathBuf;
use std::sync::Arc;

use super::kill::start_again;
use super::power_cut::{Cut, Recorder};
use super::{Field, Struck, Undo, Undone};
use crate::scenario::{Backend, Role};
use crate::target::{Down, Member, USUAL_REST, blocking};

/// Cuts the power; it comes back at the fault's end, by default after the usual second. Touched: files that were watched.
pub(super) async fn backend(field: &Field, backend: Backend) -> Result<Struck, String> {
    let recorder = field.stack()?.recorder(backend)?;
    let cut = match backend {
        Backend::Redis => {
            let redis = field.redis()?;
            let killed = Arc::clone(&redis);
            blocking(move || killed.kill()).await?;
            take_away(recorder, redis.folder().to_owned()).await?
        }
        Backend::Postgres => {
            let postgres = field.postgres()?;
            field.stack()?.keep_deadlocks().await;
            let killed = Arc::clone(&postgres);
            blocking(move || killed.kill()).await?;
            take_away(recorder, postgres.data()).await?
        }
        Backend::Sqlite => {
            let member = embedded(field)?;
            member.kill(Down::UntilAsked).await?;
            take_away(recorder, member.server().data()).await?
        }
    };
    let field = field.clone();
    let undo = Undo::new(async move {
        match backend {
            Backend::Redis | Backend::Postgres => start_again(&field, backend).await?,
            Backend::Sqlite => drop(embedded(&field)?.start().await?),
        }
        Ok(Undone::default())
    });
    let undo = Undo {
        usual: USUAL_REST,
        ..undo
    };
    Ok(Struck::until(cut.watched, undo).saying(cut.to_string()))
}

/// The process with the embedded store.
fn embedded(field: &Field) -> Result<Member, String> {
    let member = field.stack()?.members(Role::Api).into_iter().next();
    member.ok_or_else(|| "the process of the stack is gone".to_owned())
}

async fn take_away(recorder: Arc<Recorder>, data: PathBuf) -> Result<Cut, String> {
    let cut = tokio::task::spawn_blocking(move || recorder.cut(&data)).await;
    cut.map_err(|error| error.to_string())?
        .map_err(|error| format!("what was not synced could not be taken away: {error}"))
}
