//! Writes are refused: Redis as a replica after a failover, PostgreSQL as a standby, or by an operator's setting.

use std::sync::Arc;

use eventflow_stack::{Port, free_port};

use super::refusals::{by_postgres, by_redis};
use super::{Field, Struck, Undo, Undone};
use crate::target::blocking;

/// What Redis answers then.
const REFUSAL: &str = "READONLY";
/// What PostgreSQL writes then.
const REFUSED: [&str; 1] = ["in a read-only transaction"];

/// Makes it the replica of a master that is not there: it keeps what it has, and takes no writes. Touched: commands that
/// were refused for it.
pub(super) async fn redis(field: &Field) -> Result<Struck, String> {
    let redis = field.redis()?;
    let demoted = Arc::clone(&redis);
    let (nobody, refused): (Port, u64) = blocking(move || {
        let nobody = free_port()?;
        let refused = by_redis(&demoted, REFUSAL)?;
        demoted.command(&["REPLICAOF", "127.0.0.1", &nobody.number().to_string()])?;
        Ok((nobody, refused))
    })
    .await?;
    let undo = async move {
        let touched = blocking(move || {
            redis.command(&["REPLICAOF", "NO", "ONE"])?;
            // Nobody may get this port while Redis looks for its master there.
            drop(nobody);
            Ok(by_redis(&redis, REFUSAL)?.saturating_sub(refused))
        });
        Ok(Undone::touching(touched.await?))
    };
    Ok(Struck::until(0, Undo::new(undo)))
}

/// Makes every transaction a reading one unless it says otherwise; sessions that are open follow with their next
/// statement. Touched: statements that were refused for it.
pub(super) async fn postgres(field: &Field) -> Result<Struck, String> {
    let postgres = field.postgres()?;
    let set = Arc::clone(&postgres);
    let refused = blocking(move || {
        let refused = by_postgres(&set, &REFUSED);
        let mut session = set.session("postgres", "postgres")?;
        session.sql("ALTER SYSTEM SET default_transaction_read_only = on")?;
        session.sql("SELECT pg_reload_conf()")?;
        Ok(refused)
    })
    .await?;
    let undo = async move {
        let touched = blocking(move || {
            let mut session = postgres.session("postgres", "postgres")?;
            session.sql("ALTER SYSTEM RESET default_transaction_read_only")?;
            session.sql("SELECT pg_reload_conf()")?;
            Ok(by_postgres(&postgres, &REFUSED).saturating_sub(refused))
        });
        Ok(Undone::touching(touched.await?))
    };
    Ok(Struck::until(0, Undo::new(undo)))
}
