//! Numbers and keys as people read them.

use std::fmt::Write as _;

use super::Class;

/// A whole number.
pub(super) fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// Events a second.
pub(super) fn rate(value: f64) -> String {
    format!("{}/s", significant(value))
}

/// A share as a percentage; what is not all never reads as all.
pub(super) fn share(value: f64) -> String {
    let text = format!("{:.3}", value * 100.0);
    let text = if value < 1.0 && text.starts_with("100") {
        "99.999"
    } else {
        &text
    };
    format!("{} %", trimmed(text))
}

/// A span in seconds: `850µs`, `87.3ms`, `2.41s`, `3m20s`.
pub(super) fn span(seconds: f64) -> String {
    if seconds < 0.000_999_5 {
        format!("{}µs", whole(seconds * 1e6))
    } else if seconds < 0.999_5 {
        format!("{}ms", significant(seconds * 1e3))
    } else if seconds < 119.5 {
        format!("{}s", significant(seconds))
    } else {
        let minutes = (seconds / 60.0).floor();
        let rest = (seconds - minutes * 60.0).floor();
        format!("{minutes:.0}m{rest:02.0}s")
    }
}

/// The keys of a class that are named, and how many are not; none of an empty one.
pub(super) fn keys(class: &Class) -> Option<String> {
    let mut text = String::new();
    for key in &class.keys {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String does not fail.
        let _ = write!(text, "{comma}{key}");
    }
    let unnamed = class
        .count
        .saturating_sub(u64::try_from(class.keys.len()).unwrap_or(u64::MAX));
    if unnamed > 0 {
        let _ = write!(text, " and {unnamed} more");
    }
    (!text.is_empty()).then_some(text)
}

/// Three digits that say something, whole ones all of them.
fn significant(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    trimmed(&format!("{value:.digits$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Tally;
    use crate::verdict::testing::key;

    #[test]
    fn spans_bear_the_unit_that_suits_them() {
        for (seconds, text) in [
            (0.0, "0µs"),
            (0.000_85, "850µs"),
            (0.001, "1ms"),
            (0.087_345, "87.3ms"),
            (0.15, "150ms"),
            (0.999_9, "1s"),
            (2.408, "2.41s"),
            (119.0, "119s"),
            (200.4, "3m20s"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn a_share_is_all_only_where_it_is() {
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(0.999_999_9), "99.999 %");
        assert_eq!(share(0.5), "50 %");
        assert_eq!(rate(1998.4), "1998/s");
        assert_eq!(rate(9.5), "9.5/s");
    }

    #[test]
    fn keys_are_named_up_to_a_number() {
        assert_eq!(keys(&Class::default()), None);
        let mut class = Class::default();
        class.add(key("a"));
        assert_eq!(keys(&class), Some(key("a").to_string()));
        (0..Tally::NAMED + 3).for_each(|i| class.add(key(&i.to_string())));
        assert!(keys(&class).expect("some").ends_with(" and 4 more"));
    }
}
