//! Whose fault an error of PostgreSQL is, by its SQLSTATE.

use std::borrow::Cow;

use eventflow_core::{Fault, PortError};
use sqlx::error::BoxDynError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server, the connection to it, or a value that could not be read.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A value that has no form on the wire.
    #[error("a value cannot be sent")]
    Unsendable(#[source] BoxDynError),
    /// Every connection stayed in use.
    #[error("no connection became free within {0:?}")]
    Busy(std::time::Duration),
    /// No session could be opened in time.
    #[error("no connection within {0:?}")]
    ConnectTimedOut(std::time::Duration),
    /// A statement without an answer.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// Closed by its owner.
    #[error("the connections to the store are closed")]
    Closed,
    /// Below the level that was asked for.
    #[error("{0}")]
    Refused(std::sync::Arc<str>),
    /// The row that a statement must have seen kept changing.
    #[error("the rows kept changing under the statement")]
    Unsettled,
    /// Something stands in a row that this version does not know.
    #[error("{0} is not known to this version")]
    Unreadable(String),
}

impl Failure {
    /// The SQLSTATE, where the server gave one.
    pub(crate) fn code(&self) -> Option<String> {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.code().map(Cow::into_owned),
            _ => None,
        }
    }

    /// Whether the connection is of no more use.
    pub(crate) fn breaks_connection(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.code().is_none_or(|code| {
                matches!(&*code, "26000" | "0A000") || ["08", "57P"].iter().any(|c| code.starts_with(c))
            }),
            Self::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_)) => false,
            _ => true,
        }
    }

    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.code().map_or(Fault::Unknown, |code| fault_of(&code)),
            Self::Unsendable(_) | Self::Sql(sqlx::Error::Encode(_)) => Fault::Event,
            Self::Unreadable(_)
            | Self::Sql(
                sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnIndexOutOfBounds { .. }
                | sqlx::Error::TypeNotFound { .. },
            ) => Fault::Unknown,
            _ => Fault::Infrastructure,
        }
    }

    /// As the port says it.
    pub(crate) fn port(self, doing: &'static str) -> PortError {
        PortError::new(self.fault(), doing, self)
    }
}

/// Whose fault an SQLSTATE is.
pub(crate) fn fault_of(code: &str) -> Fault {
    match code {
        "22P05" | "22P02" | "22003" | "22008" | "22021" | "54000" | "54001" | "23502" | "23514" => Fault::Event,
        "55P03" | "25006" | "25P03" | "0A000" | "26000" | "40001" | "40P01" => Fault::Infrastructure,
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "42" | "28" | "3D" | "58" | "XX") => Fault::Infrastructure,
            _ => Fault::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_the_design_has_its_fault() {
        for code in [
            "22P05", "22P02", "22003", "22008", "22021", "54000", "54001", "23502", "23514",
        ] {
            assert_eq!(fault_of(code), Fault::Event, "{code}");
        }
        for code in [
            "08006", "08P01", "53100", "53300", "55P03", "57014", "57P01", "57P03", "25006", "25P03", "42501", "42P01",
            "28P01", "3D000", "58030", "XX001", "0A000", "26000", "40001", "40P01",
        ] {
            assert_eq!(fault_of(code), Fault::Infrastructure, "{code}");
        }
        for code in ["21000", "23505", "22023", "P0001", "", "é"] {
            assert_eq!(fault_of(code), Fault::Unknown, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_the_infrastructures() {
        let lost = Failure::Sql(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert_eq!(lost.fault(), Fault::Infrastructure);
        assert!(lost.breaks_connection());
        assert!(
            Failure::TimedOut(std::time::Duration::ZERO)
                .port("trying")
                .is_transient()
        );
    }
}
