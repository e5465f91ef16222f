//! Strings: their grammar, their escapes, and what no store can keep.

use std::borrow::Cow;
use std::ops::Range;

use super::{Findings, Malformed, Scanner};
use crate::problem::Slug;

impl Scanner<'_> {
    /// A string, from its opening quote on. Gives where its inside stands.
    pub(super) fn string(&mut self, findings: &mut Findings) -> Result<Range<usize>, Malformed> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.next().ok_or(Malformed)? {
                b'"' => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(start..end);
                }
                b'\\' => self.escape(findings)?,
                0..=0x1f => return Err(Malformed),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self, findings: &mut Findings) -> Result<(), Malformed> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = unit(self.bytes, self.at).ok_or(Malformed)?;
                self.at += 6;
                match unit {
                    0xd800..=0xdbff => match unit_behind(self.bytes, self.at) {
                        Some(0xdc00..=0xdfff) => self.at += 6,
                        _ => findings.note(Slug::UnstorableText),
                    },
                    0 | 0xdc00..=0xdfff => findings.note(Slug::UnstorableText),
                    _ => {}
                }
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

/// The code unit of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at + 2..at + 6)?;
    digits.iter().try_fold(0u16, |unit, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

fn unit_behind(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.starts_with(b"\\u").then(|| unit(bytes, at)).flatten()
}

/// The text that the inside of a scanned string stands for. A lone surrogate, which the scan has noted, becomes U+FFFD.
pub(crate) fn decode(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let bytes = inside.as_bytes();
    let mut text = String::with_capacity(inside.len());
    let mut at = 0;
    while let Some(found) = inside.get(at..).and_then(|rest| rest.find('\\')) {
        text.push_str(&inside[at..at + found]);
        at += found;
        let (c, width) = escaped(bytes, at);
        text.push(c);
        at += width;
    }
    text.push_str(inside.get(at..).unwrap_or_default());
    Cow::Owned(text)
}

/// The character of the escape at `at`, and how many bytes it takes.
fn escaped(bytes: &[u8], at: usize) -> (char, usize) {
    let simple = match bytes.get(at + 1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(bytes, at),
        Some(other) => char::from(*other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

fn unicode(bytes: &[u8], at: usize) -> (char, usize) {
    let high = unit(bytes, at).unwrap_or(0xdfff);
    let low = unit_behind(bytes, at + 6).filter(|low| (0xdc00..=0xdfff).contains(low));
    match (high, low) {
        (0xd800..=0xdbff, Some(low)) => {
            let code = 0x1_0000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (
            char::from_u32(u32::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER),
            6,
        ),
    }
}
