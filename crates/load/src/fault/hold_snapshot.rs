//! A transaction that stays open, as a forgotten session or a long report: what is deleted meanwhile cannot be cleared away.

use std::sync::Arc;

use eventflow_stack::{Postgres, PostgresSession, Result};

use super::{Field, Struck, Undo, Undone};
use crate::target::{DATABASE, USER, blocking};

/// Begins it. Touched: 1, if it still holds its snapshot at the end.
pub(super) async fn postgres(field: &Field) -> std::result::Result<Struck, String> {
    let postgres = field.postgres()?;
    let holder = Arc::clone(&postgres);
    let (session, pid) = blocking(move || begin(&holder)).await?;
    let undo = async move {
        let undone = blocking(move || {
            let undone = look(&postgres, &pid)?;
            drop(session);
            Ok(undone)
        });
        undone.await
    };
    Ok(Struck::until(0, Undo::new(undo)))
}

/// The session that holds the snapshot, and the number of its process. It is EventFlow's own role: a superuser's would be
/// hidden from those who look for it.
fn begin(postgres: &Postgres) -> Result<(PostgresSession, String)> {
    let mut session = postgres.session(USER, DATABASE)?;
    session.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
    let rows = session.sql("SELECT pg_backend_pid()")?;
    Ok((session, first(rows).unwrap_or_default()))
}

fn look(postgres: &Postgres, pid: &str) -> Result<Undone> {
    let holds = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND backend_xmin IS NOT NULL");
    let holds = first(postgres.sql(DATABASE, &holds)?).is_some_and(|count| count == "1");
    let dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'work'";
    let dead = first(postgres.sql(DATABASE, dead)?).unwrap_or_else(|| "an unknown number of".to_owned());
    Ok(Undone::touching(u64::from(holds)).saying(format!("{dead} dead rows stood in `work` at its end")))
}

fn first(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    rows.into_iter().next()?.into_iter().next()?
}
