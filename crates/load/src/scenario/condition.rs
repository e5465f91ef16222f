//! Bounds of numbers: `< 150ms`, `== 0`, `>= 99.9%`.

use std::str::FromStr;

use super::written::{Misread, Written, decimal, seconds_of, span};
use super::{Comparison, Condition};

impl Condition {
    /// Whether a number is within the bound. What is no number is not.
    pub fn holds(&self, found: f64) -> bool {
        let bound = self.bound;
        match self.comparison {
            Comparison::Less => found < bound,
            Comparison::AtMost => found <= bound,
            Comparison::Equal => (found - bound).abs() < f64::EPSILON,
            Comparison::Not => (found - bound).abs() >= f64::EPSILON,
            Comparison::AtLeast => found >= bound,
            Comparison::More => found > bound,
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Span,
    /// A part of a whole.
    Share,
    /// Events a second.
    Rate,
}

impl Unit {
    /// How a bound of it is written.
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Count => "< 500",
            Self::Span => "< 150ms",
            Self::Share => ">= 99.9%",
            Self::Rate => ">= 1000/s",
        }
    }

    /// What it is, in words.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Count => "a plain number",
            Self::Span => "a span of time",
            Self::Share => "a share",
            Self::Rate => "a rate",
        }
    }
}

/// A condition with what its bound counts, as far as the text tells.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) condition: Condition,
    pub(super) unit: Unit,
}

impl Bound {
    /// Whether something that counts `unit` can be compared with it: a plain number stands for a rate and for a share too.
    pub(super) fn fits(&self, unit: Unit) -> bool {
        match unit {
            Unit::Rate => matches!(self.unit, Unit::Rate | Unit::Count),
            Unit::Share => self.unit == Unit::Share || self.unit == Unit::Count && self.condition.bound <= 1.0,
            Unit::Count | Unit::Span => self.unit == unit,
        }
    }
}

impl Written for Bound {
    const WHAT: &'static str = "a condition such as \"< 150ms\", \"== 0\" or \">= 99.9%\"";
    const PATTERN: &'static str = r"^\s*(<=|>=|==|!=|<|>)\s*[0-9].*$";
    const EXAMPLES: &'static [&'static str] = &["< 150ms", "== 0", ">= 99.9%"];
}

/// Longer signs first, since `<` begins `<=`.
const SIGNS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Not),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

impl FromStr for Bound {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let written = text.trim();
        let (comparison, rest) = SIGNS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, written.strip_prefix(sign)?)))
            .ok_or_else(|| {
                Misread(format!(
                    "`{text}` begins with none of `<`, `<=`, `==`, `!=`, `>=` and `>`, as `< 150ms`, `== 0` and `>= 99.9%` do"
                ))
            })?;
        let (bound, unit) = bound(rest.trim()).ok_or_else(|| {
            Misread(format!(
                "`{}` in `{text}` is no number that can be compared with, such as `150ms`, `0`, `99.9%` and `1000/s`",
                rest.trim()
            ))
        })?;
        let condition = Condition {
            comparison,
            bound,
            text: written.to_owned(),
        };
        Ok(Self { condition, unit })
    }
}

fn bound(text: &str) -> Option<(f64, Unit)> {
    if let Some(number) = decimal(text) {
        return Some((number, Unit::Count));
    }
    if let Some(percent) = text.strip_suffix('%') {
        return Some((decimal(percent.trim_end())? / 100.0, Unit::Share));
    }
    if let Some((number, unit)) = text.split_once('/') {
        return Some((decimal(number)? / seconds_of(unit)?, Unit::Rate));
    }
    Some((span(text).ok()?.as_secs_f64(), Unit::Span))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Bound {
        text.parse().expect("it is a condition")
    }

    #[test]
    fn conditions_are_read_with_their_units() {
        let bound = read("< 150ms");
        assert_eq!(bound.condition.comparison, Comparison::Less);
        assert!((bound.condition.bound - 0.15).abs() < 1e-12);
        assert_eq!(bound.unit, Unit::Span);
        assert_eq!(bound.condition.text, "< 150ms");

        assert_eq!((read("==0").condition.bound, read("==0").unit), (0.0, Unit::Count));
        assert!((read(">= 99.9%").condition.bound - 0.999).abs() < 1e-12);
        assert_eq!(read(">= 99.9 %").unit, Unit::Share);
        assert_eq!(
            (read("> 120/m").condition.bound, read("> 120/m").unit),
            (2.0, Unit::Rate)
        );
        assert_eq!(read("<= 1m30s").condition.comparison, Comparison::AtMost);
        assert_eq!(read("!= 3").condition.comparison, Comparison::Not);
    }

    #[test]
    fn what_is_no_condition_is_told_how_one_is_written() {
        for text in ["150ms", "= 0", "=< 5", "", "less than 3"] {
            let error = text.parse::<Bound>().expect_err(text);
            assert!(error.0.contains("`< 150ms`"), "{error}");
        }
        for text in ["<", "< fast", "< -1", "== nan", "< 5 apples", "< 5/d"] {
            let error = text.parse::<Bound>().expect_err(text);
            assert!(error.0.contains("no number"), "{error}");
        }
    }

    #[test]
    fn a_bound_holds_or_does_not() {
        assert!(read("< 5").condition.holds(4.9) && !read("< 5").condition.holds(5.0));
        assert!(read("<= 5").condition.holds(5.0) && !read("<= 5").condition.holds(5.1));
        assert!(read("== 100%").condition.holds(1.0) && !read("== 100%").condition.holds(0.999));
        assert!(read("!= 0").condition.holds(1.0) && !read("!= 0").condition.holds(0.0));
        assert!(read(">= 2").condition.holds(2.0) && !read(">= 2").condition.holds(1.9));
        assert!(read("> 2").condition.holds(2.1) && !read("> 2").condition.holds(2.0));
        for text in ["< 5", "<= 5", "== 5", "!= 5", ">= 5", "> 5"] {
            assert!(!read(text).condition.holds(f64::NAN), "{text}");
        }
    }

    #[test]
    fn units_are_not_mixed_up() {
        assert!(read("< 150ms").fits(Unit::Span) && !read("< 150").fits(Unit::Span));
        assert!(read(">= 99%").fits(Unit::Share) && read(">= 0.99").fits(Unit::Share));
        assert!(!read(">= 99").fits(Unit::Share));
        assert!(read("> 5/s").fits(Unit::Rate) && read("> 5").fits(Unit::Rate));
        assert!(!read("< 1%").fits(Unit::Count) && !read("< 1s").fits(Unit::Count));
    }
}
