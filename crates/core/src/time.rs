//! Moments, to the microsecond, and the clock that tells them.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01T00:00:00Z. Shown as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Why a text is not a moment that an event can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with an offset between the years 1970 and 2200")]
pub struct InvalidTimestamp;

/// 2200-01-01T00:00:00Z, in microseconds.
const END: i64 = 7_258_118_400_000_000;

impl Timestamp {
    /// A moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this moment, 0 where that lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This moment, `wait` later.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment, `wait` earlier.
    #[must_use]
    pub fn minus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339 between 1970 and 2200, cut to the microsecond. A leap second, 24:00 and a missing offset are refused.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let Some(beyond) = finer_than_nanoseconds(s.as_bytes()) else {
            return Err(InvalidTimestamp);
        };
        let mut cut = s.to_owned();
        cut.replace_range(beyond, "");
        let time: jiff::Timestamp = cut.parse().map_err(|_| InvalidTimestamp)?;
        let micros = time.as_microsecond();
        if time.as_nanosecond() < 0 || micros >= END {
            return Err(InvalidTimestamp);
        }
        Ok(Self(micros))
    }
}

/// Digits of a fraction of a second that the date library reads.
const FRACTION: usize = 9;

/// The grammar of RFC 3339 (section 5.6), which is stricter than what the date library reads, but for the length of the
/// fraction. None where the text does not obey it, otherwise the place of the digits that are too many.
fn finer_than_nanoseconds(s: &[u8]) -> Option<Range<usize>> {
    let digits = |range: Range<usize>| s.get(range).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    let at = |i: usize, set: &[u8]| s.get(i).is_some_and(|b| set.contains(b));
    let shape = digits(0..4)
        && at(4, b"-")
        && digits(5..7)
        && at(7, b"-")
        && digits(8..10)
        && at(10, b"Tt")
        && digits(11..13)
        && at(13, b":")
        && digits(14..16)
        && at(16, b":")
        && digits(17..19);
    if !shape || &s[11..13] == b"24" || &s[17..19] == b"60" {
        return None;
    }
    let mut rest = &s[19..];
    let mut beyond = 0..0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if n == 0 {
            return None;
        }
        rest = &fraction[n..];
        beyond = 20 + n.min(FRACTION)..20 + n;
    }
    let offset = match rest {
        b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit) && (*h1, *h2) < (b'2', b'4') && *m1 < b'6'
        }
        _ => false,
    };
    offset.then_some(beyond)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Tells the time to whoever has no store to ask.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let time: Timestamp = "2024-05-01T12:00:00.123456Z".parse().expect("a time");
        assert_eq!(time.to_string(), "2024-05-01T12:00:00.123456Z");
        assert_eq!("2024-05-01T14:00:00.1234569+02:00".parse(), Ok(time));
        assert_eq!("2024-05-01T12:00:00.1234569999999999z".parse(), Ok(time));
    }

    #[test]
    fn what_no_store_keeps_alike_is_refused() {
        for text in [
            "infinity",
            "2024-05-01T24:00:00Z",
            "2024-05-01T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "294277-01-01T00:00:00Z",
            "2024-05-01T12:00:00",
            "2024-05-01",
            "1969-12-31T23:59:59.999999999Z",
            "2200-01-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-05-01T12:00:00+0200",
            "2024-05-01T12:00:00Z[UTC]",
            "2024-05-01T12:00:00.Z",
            "2024-05-01 12:00:00Z",
            "2024-05-01T12:00:00+24:00",
            "2024-05-01T12:00:00+02:60",
            "",
        ] {
            assert_eq!(Timestamp::from_str(text), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn a_difference_is_never_negative() {
        let (a, b) = (Timestamp::from_micros(5), Timestamp::from_micros(9));
        assert_eq!(b.since(a), Duration::from_micros(4));
        assert_eq!(a.since(b), Duration::ZERO);
    }
}
