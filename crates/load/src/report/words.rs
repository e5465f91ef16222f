//! Numbers as the page shows them.

pub(super) use eventflow_core::grouped as count;

use crate::measure::float;

/// A span given in seconds, to three digits: `870 µs`, `1.23 ms`, `87.4 ms`, `1.24 s`, `312 s`.
pub(super) fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 0.001 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    // A µs is as fine as anything is measured here.
    let decimals = match value {
        _ if unit == "µs" => 0,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A span that may not be known.
pub(super) fn span_or_none(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), span)
}

/// A moment of a run: `0:05`, `12:34`, `1:02:03`.
pub(super) fn moment(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite and not negative, and a float cast saturates"
    )]
    let s = seconds.round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// A number of a chart's axis, or a rate: `0`, `0.5`, `250`, `1,500`, `12k`, `3M`.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        v if v >= 1e4 => format!("{}k", trimmed(value / 1e3)),
        v if v >= 1e3 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1,000 and 10,000"
            )]
            let whole = v.round() as u64;
            count(whole)
        }
        v if v >= 100.0 => format!("{value:.0}"),
        _ => trimmed(value),
    }
}

/// At most two decimals, and none that are 0.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `part` of `whole` as a share, `–` of nothing: `99.98 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => format!("{} %", trimmed(float(part) / float(whole) * 100.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_three_digits() {
        assert_eq!(span(0.0), "0 µs");
        assert_eq!(span(0.000_87), "870 µs");
        assert_eq!(span(0.001_234), "1.23 ms");
        assert_eq!(span(0.0874), "87.4 ms");
        assert_eq!(span(0.187), "187 ms");
        assert_eq!(span(1.24), "1.24 s");
        assert_eq!(span(312.4), "312 s");
        assert_eq!(span(f64::NAN), "?");
        assert_eq!(span_or_none(None), "–");
    }

    #[test]
    fn moments_are_those_of_a_stopwatch() {
        assert_eq!(moment(5.4), "0:05");
        assert_eq!(moment(754.0), "12:34");
        assert_eq!(moment(3723.0), "1:02:03");
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(short(239.76), "240");
        assert_eq!(
            [0.0, 0.5, 250.0, 1500.0, 12_000.0, 3e6].map(short),
            ["0", "0.5", "250", "1,500", "12k", "3M"]
        );
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(9998, 10_000), "99.98 %");
    }
}
