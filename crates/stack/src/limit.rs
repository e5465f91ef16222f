//! The limit of open descriptors. Each connection that passes a proxy takes two of them, and the limit that most systems
//! begin with, 1,024, is for programs of another age.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// As many as anybody needs here. Some systems say "no limit" and refuse to be taken at their word.
const ENOUGH: u64 = 65_536;
/// What macOS takes at least, where its hard limit says more than it grants.
const MODEST: u64 = 10_240;

/// Raises the limit of open descriptors of this process, and of those that it starts from now on, as far as it may.
/// Says what it is now; `u64::MAX` where there is none.
///
/// # Errors
/// [`Error::Os`] where the system refuses.
pub fn raise_descriptor_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else {
        return Ok(u64::MAX);
    };
    let wanted = wanted(current, limit.maximum);
    if wanted <= current {
        return Ok(current);
    }
    let set = |to: u64| {
        let raised = Rlimit {
            current: Some(to),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).map(|()| to)
    };
    set(wanted)
        .or_else(|error| if current < MODEST { set(MODEST) } else { Err(error) })
        .map_err(|error| Error::os("raise the limit of open descriptors")(error.into()))
}

/// What to ask for: enough, as far as the hard limit allows, and never less than there is.
fn wanted(current: u64, maximum: Option<u64>) -> u64 {
    ENOUGH.min(maximum.unwrap_or(u64::MAX)).max(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_is_asked_for_and_nothing_is_given_up() {
        assert_eq!(wanted(1_024, Some(1_048_576)), ENOUGH);
        assert_eq!(wanted(1_024, None), ENOUGH);
        assert_eq!(wanted(1_024, Some(4_096)), 4_096);
        assert_eq!(wanted(1_048_576, Some(1_048_576)), 1_048_576);
    }

    #[test]
    fn the_limit_is_raised_once_and_stays() {
        let raised = raise_descriptor_limit().expect("the system lets us");
        let before = getrlimit(Resource::Nofile);
        assert_eq!(before.current.unwrap_or(u64::MAX), raised);
        assert_eq!(raise_descriptor_limit().expect("the system lets us"), raised);
    }
}
