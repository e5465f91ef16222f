//! The words of scenario files, for people.

use std::time::Duration;

use crate::scenario::{Arrivals, Behaviour, Fate};

pub(super) const fn arrivals_word(arrivals: Arrivals) -> &'static str {
    match arrivals {
        Arrivals::Constant => "constant",
        Arrivals::Poisson => "poisson",
    }
}

pub(super) const fn client_word(client: Behaviour) -> &'static str {
    match client {
        Behaviour::Normal => "normal",
        Behaviour::Slow => "slow",
        Behaviour::Abandon => "abandon",
    }
}

pub(super) const fn fate_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Stored => "stored",
        Fate::Dead => "dlq",
        Fate::Rejected => "rejected",
    }
}

/// A span as files write it: `1m30s`, `250ms`.
pub(super) fn span(span: Duration) -> String {
    let (hours, minutes) = (span.as_secs() / 3_600, span.as_secs() / 60 % 60);
    let rest = Duration::new(span.as_secs() % 60, span.subsec_nanos());
    let unit = |count: u64, unit: &str| {
        if count > 0 {
            format!("{count}{unit}")
        } else {
            String::new()
        }
    };
    let whole = unit(hours, "h") + &unit(minutes, "m");
    if whole.is_empty() && !rest.is_zero() && rest < Duration::from_secs(1) {
        return format!("{}ms", rest.as_secs_f64() * 1_000.0);
    }
    if whole.is_empty() || !rest.is_zero() {
        return format!("{whole}{}s", rest.as_secs_f64());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_files_have_them() {
        let cases = [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_mins(6), "6m"),
            (Duration::from_millis(61_500), "1m1.5s"),
            (Duration::from_secs(3_605), "1h5s"),
        ];
        for (given, wanted) in cases {
            assert_eq!(span(given), wanted);
        }
    }
}
