//! Rates of events.

use std::str::FromStr;

use super::{Misread, Written};

/// Events a second at the beginning and at the end of a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Rate {
    pub(in crate::scenario) from: f64,
    pub(in crate::scenario) to: f64,
}

/// The highest rate that a scenario may ask for, in events a second.
const HIGHEST_RATE: f64 = 1_000_000.0;

impl Written for Rate {
    const WHAT: &'static str = "a rate such as \"2000/s\", \"60/m\" or \"0..2000/s\"";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?(\.\.[0-9]+(\.[0-9]+)?)?/(s|m|h)$";
    const EXAMPLES: &'static [&'static str] = &["2000/s", "60/m", "0..2000/s"];
}

impl FromStr for Rate {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let wrong = || {
            Misread(format!(
                "`{text}` is no rate, which is written as `2000/s`, `60/m` or `0..2000/s`"
            ))
        };
        let (numbers, unit) = text.rsplit_once('/').ok_or_else(wrong)?;
        let seconds = seconds_of(unit).ok_or_else(wrong)?;
        let (from, to) = numbers.split_once("..").unwrap_or((numbers, numbers));
        let (from, to) = (decimal(from).ok_or_else(wrong)?, decimal(to).ok_or_else(wrong)?);
        let rate = Self {
            from: from / seconds,
            to: to / seconds,
        };
        if rate.from.max(rate.to) > HIGHEST_RATE {
            return Err(Misread(format!(
                "`{text}` is more than {HIGHEST_RATE} events a second, the highest rate"
            )));
        }
        Ok(rate)
    }
}

/// How many seconds `s`, `m` and `h` are.
pub(in crate::scenario) fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3_600.0),
        _ => None,
    }
}

/// A number without sign, exponent or names such as `inf`.
pub(in crate::scenario) fn decimal(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_may_ramp() {
        let read = |text: &str| text.parse::<Rate>().expect("it is a rate");
        assert_eq!(
            read("2000/s"),
            Rate {
                from: 2_000.0,
                to: 2_000.0
            }
        );
        assert_eq!(read("60/m"), Rate { from: 1.0, to: 1.0 });
        assert_eq!(read("0..2000/s"), Rate { from: 0.0, to: 2_000.0 });
        assert_eq!(read("0.5..1.5/s"), Rate { from: 0.5, to: 1.5 });
        for text in [
            "2000",
            "2000/d",
            "/s",
            "..5/s",
            "5../s",
            "-1/s",
            "inf/s",
            "nan/s",
            "1e3/s",
            "2 000/s",
            "1000001/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
