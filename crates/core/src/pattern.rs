//! Which handler takes an event: patterns over its type, the most specific wins.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A pattern over event types, and the name of the handler registered under it.
///
/// Segments are separated by dots. A segment `*` stands for any one segment, as the last one for one or more:
/// `order.*` takes `order.created` and `order.item.added`, `*` takes everything. Most specific is who has no `*`,
/// then who names more segments, then who has more segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Arc<str>);

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing between two dots.
    #[error("a handler's pattern has no empty segments: write `order.*` or `order.created`")]
    EmptySegment,
    /// A star inside a segment.
    #[error("`*` stands for a whole segment: write `order.*`, not `order.cr*`")]
    StarInSegment,
    /// More than 255 bytes, or a character that cannot stand in a type.
    #[error("a handler's pattern has at most 255 bytes and no control characters")]
    NotAType,
}

impl Pattern {
    /// The longest pattern, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of this type is its.
    pub fn matches(&self, event_type: &str) -> bool {
        let mut wanted = self.0.split('.').peekable();
        let mut given = event_type.split('.');
        while let Some(segment) = wanted.next() {
            let Some(found) = given.next() else { return false };
            let is_last = wanted.peek().is_none();
            if segment == "*" && is_last {
                return true;
            }
            if segment != "*" && segment != found {
                return false;
            }
        }
        given.next().is_none()
    }

    /// Orders by how specific two patterns are; `Greater` wins. Equal ones that can meet are a tie.
    pub fn specificity(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    /// Whether no rule says which of the two takes an event that both match.
    pub fn ties_with(&self, other: &Self) -> bool {
        self != other && self.specificity(other) == Ordering::Equal && self.meets(other)
    }

    fn rank(&self) -> (bool, usize, usize) {
        let segments = self.0.split('.').count();
        let named = self.0.split('.').filter(|s| *s != "*").count();
        (named == segments, named, segments)
    }

    /// Whether some type matches both.
    fn meets(&self, other: &Self) -> bool {
        let a: Vec<&str> = self.0.split('.').collect();
        let b: Vec<&str> = other.0.split('.').collect();
        let open = |p: &[&str]| p.last() == Some(&"*");
        let fits = match a.len().cmp(&b.len()) {
            Ordering::Less => open(&a),
            Ordering::Equal => true,
            Ordering::Greater => open(&b),
        };
        fits && a.iter().zip(&b).all(|(x, y)| x == y || *x == "*" || *y == "*")
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.len() > Self::MAX_BYTES || s.chars().any(char::is_control) {
            return Err(InvalidPattern::NotAType);
        }
        for segment in s.split('.') {
            if segment.is_empty() {
                return Err(InvalidPattern::EmptySegment);
            }
            if segment != "*" && segment.contains('*') {
                return Err(InvalidPattern::StarInSegment);
            }
        }
        Ok(Self(s.into()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_ref().to_owned()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The most specific of the patterns that match a type.
pub fn most_specific<'a>(patterns: impl IntoIterator<Item = &'a Pattern>, event_type: &str) -> Option<&'a Pattern> {
    patterns
        .into_iter()
        .filter(|pattern| pattern.matches(event_type))
        .max_by(|a, b| a.specificity(b))
}

/// The first two of the patterns between which nothing decides.
pub fn first_tie<'a>(patterns: &[&'a Pattern]) -> Option<(&'a Pattern, &'a Pattern)> {
    patterns.iter().enumerate().find_map(|(i, a)| {
        let b = patterns[i + 1..].iter().find(|b| a.ties_with(b))?;
        Some((*a, *b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(s: &str) -> Pattern {
        s.parse().expect("a pattern")
    }

    #[test]
    fn a_star_is_one_segment_and_at_the_end_one_or_more() {
        assert!(p("order.*").matches("order.created"));
        assert!(p("order.*").matches("order.item.added"));
        assert!(!p("order.*").matches("order"));
        assert!(!p("order.*").matches("orders.created"));
        assert!(p("order.*.paid").matches("order.eu.paid"));
        assert!(!p("order.*.paid").matches("order.eu.de.paid"));
        assert!(p("*").matches("anything.at.all"));
        assert!(p("order").matches("order"));
        assert!(!p("order").matches("order.created"));
    }

    #[test]
    fn the_most_specific_wins_whatever_the_order() {
        let patterns = [
            p("*"),
            p("order.*"),
            p("order.*.paid"),
            p("order.eu.paid"),
            p("order.*.*"),
        ];
        let winner = |t: &str| most_specific(&patterns, t).map(Pattern::as_str);
        assert_eq!(winner("order.eu.paid"), Some("order.eu.paid"));
        assert_eq!(winner("order.us.paid"), Some("order.*.paid"));
        assert_eq!(winner("order.us.sent"), Some("order.*.*"));
        assert_eq!(winner("order.sent"), Some("order.*"));
        assert_eq!(winner("user.sent"), Some("*"));
    }

    #[test]
    fn two_that_meet_without_a_rule_between_them_are_a_tie() {
        for (a, b) in [("a.*", "*.b"), ("a.*.c", "a.b.*"), ("*.a.*", "*.*.a")] {
            assert!(p(a).ties_with(&p(b)), "{a} {b}");
        }
        for (a, b) in [
            ("a.*", "b.*"),
            ("a.*", "a.*"),
            ("a.*", "a.b"),
            ("*.a", "*.b"),
            ("a.*", "*.b.c"),
        ] {
            assert!(!p(a).ties_with(&p(b)), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        assert_eq!("".parse::<Pattern>(), Err(InvalidPattern::EmptySegment));
        assert_eq!("a..b".parse::<Pattern>(), Err(InvalidPattern::EmptySegment));
        assert_eq!("order.cr*".parse::<Pattern>(), Err(InvalidPattern::StarInSegment));
        assert_eq!("a\u{1b}".parse::<Pattern>(), Err(InvalidPattern::NotAType));
    }
}
