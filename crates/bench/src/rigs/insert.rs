//! Inserts events into PostgreSQL as sets: one UNNEST statement a batch, rows that are there already left alone.

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// The rigs' table.
pub(crate) const TABLE: &str = "rig";

const MAKE: &str = "CREATE TABLE IF NOT EXISTS rig (key uuid PRIMARY KEY, source text NOT NULL, type text NOT NULL, \
    time timestamptz NOT NULL, correlation_id text NOT NULL, data json)";
const INSERT: &str = "INSERT INTO rig (key, source, type, time, correlation_id, data) \
    SELECT u.key, u.source, u.type, u.time::timestamptz, u.correlation_id, u.data::json \
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) \
    AS u(key, source, type, time, correlation_id, data) ON CONFLICT (key) DO NOTHING";

/// A batch as the columns of the statement.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) keys: Vec<Uuid>,
    pub(super) sources: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) times: Vec<String>,
    pub(super) correlations: Vec<String>,
    pub(super) data: Vec<String>,
}

/// A session, and the table, made if need be.
pub(super) async fn connect(url: &str) -> Result<PgConnection> {
    let mut connection = PgConnection::connect(url).await.context("connecting to PostgreSQL")?;
    sqlx::query("SET jit = off").execute(&mut connection).await?;
    // Two sessions may make it at once, and the second fails although it is there then.
    if let Err(error) = sqlx::query(MAKE).execute(&mut connection).await {
        sqlx::query("SELECT FROM rig LIMIT 0")
            .execute(&mut connection)
            .await
            .context(error)?;
    }
    Ok(connection)
}

pub(super) async fn insert(connection: &mut PgConnection, columns: &Columns) -> Result<()> {
    sqlx::query(INSERT)
        .bind(&columns.keys)
        .bind(&columns.sources)
        .bind(&columns.types)
        .bind(&columns.times)
        .bind(&columns.correlations)
        .bind(&columns.data)
        .execute(connection)
        .await?;
    Ok(())
}
