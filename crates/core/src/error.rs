//! What a port says when it cannot answer: whose fault it is decides what follows.

use std::error::Error;
use std::fmt;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event's own: a store refuses it for what it contains. Bisect to find it.
    Event,
    /// The infrastructure's or its operator's: pause, probe, resume, and count no attempt.
    Infrastructure,
    /// Nobody knows. Tried alone; it is the event's fault only if its neighbours succeed.
    Unknown,
}

/// An error of a queue or a ledger.
#[derive(Debug)]
pub struct PortError {
    fault: Fault,
    doing: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    /// An error met while `doing` something: "admitting a batch".
    pub fn new(fault: Fault, doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            fault,
            doing,
            source: source.into(),
        }
    }

    /// The infrastructure's fault.
    pub fn infrastructure(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Fault::Infrastructure, doing, source)
    }

    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether the same call may succeed later, unchanged.
    pub const fn is_transient(&self) -> bool {
        matches!(self.fault, Fault::Infrastructure)
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.source)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
