//! Spans of time.

use std::str::FromStr;
use std::time::Duration;

use super::{Misread, Written};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Span(pub(in crate::scenario) Duration);

impl Written for Span {
    const WHAT: &'static str = "a span of time such as \"30s\", \"1m30s\" or \"250ms\"";
    const PATTERN: &'static str = r"^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+$";
    const EXAMPLES: &'static [&'static str] = &["30s", "1m30s", "250ms"];
}

impl FromStr for Span {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        span(text).map(Self)
    }
}

/// The longest span that means anything in a scenario.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads `1m30s`.
pub(in crate::scenario) fn span(text: &str) -> Result<Duration, Misread> {
    let wrong = || {
        Misread(format!(
            "`{text}` is no span of time, which is written as `30s`, `1m30s` or `250ms`"
        ))
    };
    let mut rest = text;
    let mut nanos = 0u128;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, behind) = cut(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, behind) = cut(behind, char::is_alphabetic);
        let unit = nanos_of(unit).ok_or_else(wrong)?;
        nanos = nanos.saturating_add(scaled(number, unit).ok_or_else(wrong)?);
        rest = behind;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    let below = u32::try_from(nanos % 1_000_000_000).unwrap_or_default();
    let span = Duration::new(seconds, below);
    if span > LONGEST {
        return Err(Misread(format!("`{text}` is longer than a year")));
    }
    Ok(span)
}

/// A shortest and a longest wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Backoff {
    pub(in crate::scenario) base: Duration,
    pub(in crate::scenario) cap: Duration,
}

impl Written for Backoff {
    const WHAT: &'static str = "a shortest and a longest wait such as \"100ms..2s\"";
    const PATTERN: &'static str =
        r"^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+(\.\.([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+)?$";
    const EXAMPLES: &'static [&'static str] = &["100ms..2s"];
}

impl FromStr for Backoff {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let (base, cap) = text.split_once("..").unwrap_or((text, text));
        let (base, cap) = (span(base)?, span(cap)?);
        if base > cap {
            return Err(Misread(format!("`{text}` ends below its beginning")));
        }
        Ok(Self { base, cap })
    }
}

/// Cuts off what fits.
pub(super) fn cut(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
}

const fn nanos_of(unit: &str) -> Option<u128> {
    Some(match unit.as_bytes() {
        b"us" => 1_000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60 * 1_000_000_000,
        b"h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

/// `1.5` of a unit, exactly.
pub(super) fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if part.is_empty() || part.len() > 9 || whole.len() > 12 {
        return None;
    }
    let (whole, part): (u128, (u128, u32)) = (whole.parse().ok()?, (part.parse().ok()?, part.len().try_into().ok()?));
    Some(whole * unit + part.0 * unit / 10u128.pow(part.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_exactly() {
        let read = |text: &str| span(text).expect("it is a span");
        assert_eq!(read("30s"), Duration::from_secs(30));
        assert_eq!(read("1m30s"), Duration::from_secs(90));
        assert_eq!(read("6m"), Duration::from_mins(6));
        assert_eq!(read("250ms"), Duration::from_millis(250));
        assert_eq!(read("1.5s"), Duration::from_millis(1_500));
        assert_eq!(read("0.1s"), Duration::from_millis(100));
        assert_eq!(read("2h"), Duration::from_hours(2));
        assert_eq!(read("70us"), Duration::from_micros(70));
        assert_eq!(read("0s"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_span_is_told_how_it_is_written() {
        for text in [
            "",
            "30",
            "s",
            "30 s",
            "30sek",
            "-3s",
            "1..2s",
            "1.s",
            ".5s",
            "1e3s",
            "٣s",
            "999999999999999s",
        ] {
            let error = span(text).expect_err(text);
            assert!(error.0.contains("`1m30s`"), "{error}");
        }
        assert_eq!(span("9999h").expect_err("too long").0, "`9999h` is longer than a year");
    }

    #[test]
    fn waits_have_two_ends() {
        let backoff = "100ms..2s".parse::<Backoff>().expect("it is one");
        assert_eq!(
            (backoff.base, backoff.cap),
            (Duration::from_millis(100), Duration::from_secs(2))
        );
        let backoff = "1s".parse::<Backoff>().expect("it is one");
        assert_eq!(
            (backoff.base, backoff.cap),
            (Duration::from_secs(1), Duration::from_secs(1))
        );
        assert!("2s..1s".parse::<Backoff>().is_err());
        assert!("100ms..".parse::<Backoff>().is_err());
    }
}
