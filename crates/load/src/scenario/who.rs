//! Processes as a fault names them: `worker[any]`, `worker[0]`, `api[all]`, `worker`.

use std::str::FromStr;

use super::written::{Misread, Written};
use super::{Role, Which};

/// Processes as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Processes {
    /// What they do.
    pub(super) role: Role,
    /// Which of them; none where that was not said.
    pub(super) which: Option<Which>,
}

impl Written for Processes {
    const WHAT: &'static str = "processes such as \"worker[any]\", \"worker[0]\" or \"api[all]\"";
    const PATTERN: &'static str = r"^(worker|api)(\[(any|all|[0-9]+)\])?$";
    const EXAMPLES: &'static [&'static str] = &["worker[any]", "worker[0]", "worker[all]", "api[any]", "worker"];
}

impl FromStr for Processes {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let wrong = || {
            Misread(format!(
                "`{text}` names no processes, as `worker[any]`, `worker[0]`, `worker[all]` and the same of `api` do"
            ))
        };
        let (role, which) = match text.strip_suffix(']') {
            None => (text, None),
            Some(inside) => inside
                .split_once('[')
                .map(|(role, which)| (role, Some(which)))
                .ok_or_else(wrong)?,
        };
        let role = match role {
            "worker" => Role::Worker,
            "api" => Role::Api,
            _ => return Err(wrong()),
        };
        let which = match which {
            None => None,
            Some("any") => Some(Which::Any),
            Some("all") => Some(Which::All),
            Some(index) if index.bytes().all(|b| b.is_ascii_digit()) => {
                Some(Which::Nth(index.parse().map_err(|_| wrong())?))
            }
            Some(_) => return Err(wrong()),
        };
        Ok(Self { role, which })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_named_by_role_and_index() {
        let of = |role, which| Ok(Processes { role, which });
        assert_eq!("worker[any]".parse(), of(Role::Worker, Some(Which::Any)));
        assert_eq!("worker[all]".parse(), of(Role::Worker, Some(Which::All)));
        assert_eq!("api[12]".parse(), of(Role::Api, Some(Which::Nth(12))));
        assert_eq!("worker".parse(), of(Role::Worker, None));
        for text in [
            "",
            "workers",
            "worker[]",
            "worker[-1]",
            "worker[+1]",
            "worker[some]",
            "worker]",
            "redis[0]",
        ] {
            assert!(text.parse::<Processes>().is_err(), "{text}");
        }
    }
}
