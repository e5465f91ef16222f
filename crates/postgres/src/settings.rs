//! What is claimed at the first start and holds from then on.

use eventflow_core::PortError;
use sqlx::Row;

use crate::call::Statement;
use crate::error::Failure;
use crate::postgres::Postgres;

/// $1 name, $2 value.
const CLAIM: &str = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const READ: &str = "SELECT value FROM settings WHERE name = $1";

impl Postgres {
    /// Claims a setting for this value, unless it has one. Returns the value in force.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn claim_setting(&self, name: &str, value: &str) -> Result<String, PortError> {
        const DOING: &str = "claiming a setting";
        let claim = async {
            self.rows(Statement::write(DOING, CLAIM), |binds| {
                binds.put(name).put(value);
            })
            .await?;
            let row = self
                .row(Statement::read(DOING, READ), |binds| {
                    binds.put(name);
                })
                .await?;
            Ok::<String, Failure>(row.try_get("value")?)
        };
        claim.await.map_err(|failure| failure.port(DOING))
    }
}
