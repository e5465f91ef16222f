//! Numbers: their grammar, and whether a 64-bit float can hold them.

use super::{Findings, Malformed, Scanner};
use crate::problem::Slug;

/// A number of so few characters without an exponent is always in range.
const SURELY_IN_RANGE: usize = 300;

impl Scanner<'_> {
    pub(super) fn number(&mut self, findings: &mut Findings) -> Result<(), Malformed> {
        let start = self.at;
        if self.next() == Some(b'-') {
            self.at += 1;
        }
        match self.next() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Malformed),
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.next(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if let Some(b'+' | b'-') = self.next() {
                self.at += 1;
            }
            self.digits()?;
        }
        let is_plain = !has_exponent && self.at - start <= SURELY_IN_RANGE;
        if !is_plain && is_out_of_range(&self.text[start..self.at]) {
            findings.note(Slug::NumberOutOfRange);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.next() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }
}

/// Infinite as a 64-bit float, or 0 with a digit that is not 0.
fn is_out_of_range(number: &str) -> bool {
    let Ok(value) = number.parse::<f64>() else {
        return true;
    };
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let has_digit = mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b));
    value.is_infinite() || (value == 0.0 && has_digit)
}
