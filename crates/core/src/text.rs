//! Outside text made safe to show: one rule for logs, terminals and problem bodies.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A whole number as people read it: `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text with every character that could steer a terminal or hide something written as a visible `\u{…}`: C0, DEL,
/// C1, bidirectional controls, zero-width and other invisible characters, line breaks and tabs.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_becomes_visible() {
        assert_eq!(sanitize("\u{1b}[2Jhi\r\n"), "\\u{1b}[2Jhi\\u{d}\\u{a}");
        assert_eq!(sanitize("a\u{7f}\u{9b}b"), "a\\u{7f}\\u{9b}b");
        assert_eq!(
            sanitize("\u{202e}txt\u{200b}\u{feff}\u{2066}"),
            "\\u{202e}txt\\u{200b}\\u{feff}\\u{2066}"
        );
    }

    #[test]
    fn honest_text_is_not_copied() {
        assert!(matches!(sanitize("Grüße, 世界 🙂"), Cow::Borrowed(_)));
    }
}
