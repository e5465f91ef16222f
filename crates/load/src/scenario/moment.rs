//! Moments of a run: `steady+60s`, `steady`, `90s`.

use std::str::FromStr;
use std::time::Duration;

use super::written::{Misread, Name, Written, span};

/// A moment as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The phase from whose beginning it counts; none: from the beginning of the load.
    pub(super) phase: Option<String>,
    /// How much later it is.
    pub(super) plus: Duration,
}

impl Written for Moment {
    const WHAT: &'static str = "a moment such as \"steady+60s\", \"steady\" or \"90s\"";
    const PATTERN: &'static str = r"^([A-Za-z][A-Za-z0-9_.-]*(\s*\+\s*([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+)?|([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+)$";
    const EXAMPLES: &'static [&'static str] = &["steady+60s", "steady", "90s"];
}

impl FromStr for Moment {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let plus = span(text)?;
            return Ok(Self { phase: None, plus });
        }
        let (phase, plus) = text
            .split_once('+')
            .map_or((text, None), |(phase, plus)| (phase, Some(plus)));
        let Name(phase) = phase.trim_end().parse().map_err(|_| {
            Misread(format!(
                "`{text}` is no moment, which is written as `steady+60s`, `steady` or `90s`"
            ))
        })?;
        Ok(Self {
            phase: Some(phase),
            plus: plus.map_or(Ok(Duration::ZERO), |plus| span(plus.trim_start()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, u64) {
        let moment: Moment = text.parse().expect("it is a moment");
        (moment.phase, moment.plus.as_secs())
    }

    #[test]
    fn moments_count_from_a_phase_or_from_the_beginning() {
        let steady = || Some("steady".to_owned());
        assert_eq!(read("steady+60s"), (steady(), 60));
        assert_eq!(read("steady + 1m30s"), (steady(), 90));
        assert_eq!(read("steady"), (steady(), 0));
        assert_eq!(read("90s"), (None, 90));
    }

    #[test]
    fn what_is_no_moment_is_told_how_one_is_written() {
        for text in ["", "+5s", "steady-5s+1s-", "steady/5s", "steady+", "steady+5", "12"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
