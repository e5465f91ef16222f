//! serde's errors as what is wrong with a file.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::scenario::flaw::{Bytes, Problem};

impl Problem {
    /// The same, at these bytes unless it knows better.
    pub(super) fn or_at(mut self, at: Bytes) -> Self {
        self.at.get_or_insert(at);
        self
    }

    pub(super) fn hinted(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            at: None,
            message: message.to_string(),
            hint: None,
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Seq => Self::custom(format_args!("{expected} belongs here, not an array")),
            Unexpected::Map => Self::custom(format_args!("{expected} belongs here, not a table")),
            _ => Self::custom(format_args!("{expected} belongs here, not the {found}")),
        }
    }
}
