//! Times, durations and counts as people read them.

use std::time::Duration;

use eventflow_core::Timestamp;
pub(crate) use eventflow_core::grouped as count;

/// `2024-05-01` and `12:00:00.123`, in UTC.
pub(crate) fn date_and_time(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    match (text.get(..10), text.get(11..23)) {
        (Some(date), Some(time)) => (date.to_owned(), time.to_owned()),
        _ => (text, String::new()),
    }
}

/// `2024-05-01 12:00:00Z`.
pub(crate) fn to_the_second(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(date), Some(time)) => format!("{date} {time}Z"),
        _ => text,
    }
}

/// `4 ms`, `1.2 s`, `12 s`, `4m 10s`, `2h 3m`, `5d 2h`.
pub(crate) fn span(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0 if time < Duration::from_millis(10) => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{s} s"),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A span given in seconds; what is no length of time is `?`.
pub(crate) fn span_s(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "?".to_owned(), span)
}

/// How long ago that was, clamped at 0: the two times may be of two clocks.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    let s = now.since(at).as_secs();
    match s {
        0..60 => format!("{s}s ago"),
        60..3600 => format!("{}m ago", s / 60),
        3600..172_800 => format!("{}h ago", s / 3600),
        _ => format!("{}d ago", s / 86_400),
    }
}

/// A count that may not be known: `?`, never 0.
pub(crate) fn count_or_unknown(n: Option<u64>) -> String {
    n.map_or_else(|| "?".to_owned(), count)
}

/// A rate, `1,998/s` or `0.4/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return "?/s".to_owned();
    }
    if per_second < 10.0 {
        return format!("{per_second:.1}/s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite and not negative, and a float cast saturates"
    )]
    let whole = per_second.round() as u64;
    format!("{}/s", count(whole))
}

/// `1 event`, `2 events`.
pub(crate) fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_two_units_at_most() {
        let of = |ms| span(Duration::from_millis(ms));
        assert_eq!(of(0), "0.0 ms");
        assert_eq!(of(41), "41 ms");
        assert_eq!(of(1_234), "1.2 s");
        assert_eq!(of(59_999), "59 s");
        assert_eq!(of(250_000), "4m 10s");
        assert_eq!(of(7_380_000), "2h 3m");
        assert_eq!(of(439_200_000), "5d 2h");
        assert_eq!(span_s(f64::NAN), "?");
        assert_eq!(span_s(-1.0), "?");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count_or_unknown(None), "?");
        assert_eq!(rate(0.44), "0.4/s");
        assert_eq!(rate(1998.4), "1,998/s");
        assert_eq!(rate(f64::INFINITY), "?/s");
    }

    #[test]
    fn a_future_time_is_0_ago() {
        let at = Timestamp::from_micros(7_200_000_000);
        assert_eq!(ago(Timestamp::from_micros(0), at), "0s ago");
        assert_eq!(ago(Timestamp::from_micros(7_205_000_000), at), "5s ago");
        assert_eq!(to_the_second(at), "1970-01-01 02:00:00Z");
        assert_eq!(date_and_time(at), ("1970-01-01".into(), "02:00:00.000".into()));
    }
}
