//! What comes from outside, made safe where it is written: in pages, in XML, in tables and as the name of a file.

use eventflow_core::sanitize;

/// Text within HTML or XML, also within a quoted attribute. What could hide or steer something is made visible first; it
/// would not be XML either.
pub(super) fn markup(text: &str) -> String {
    let text = sanitize(text);
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No characters of XML, and no text either.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// The same of several lines, which stay lines.
pub(super) fn markup_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| markup(&line.replace('\t', "    "))).collect();
    lines.join("\n")
}

/// A field of a CSV file (RFC 4180). One that a spreadsheet would take for a formula is kept from it.
pub(super) fn csv_field(text: &str) -> String {
    let mut text = sanitize(text).into_owned();
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"']) {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// A name as that of a file: letters, digits, `.`, `_` and `-` as they are, anything else as `-`.
pub(super) fn file_name(name: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(120).map(safe).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_cannot_be_left() {
        assert_eq!(
            markup("<script>&\"'\u{1b}\u{202e}"),
            "&lt;script&gt;&amp;&quot;&#39;\\u{1b}\\u{202e}"
        );
        assert_eq!(markup("\u{ffff}"), "\u{fffd}");
        assert_eq!(markup_lines("a <b>\n\tc"), "a &lt;b&gt;\n    c");
    }

    #[test]
    fn a_field_is_one_field_and_no_formula() {
        assert_eq!(csv_field("plain"), "plain");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("=1+1"), "'=1+1");
        assert_eq!(csv_field("a\nb"), "a\\u{a}b");
    }

    #[test]
    fn a_file_stays_in_its_folder() {
        assert_eq!(file_name("phase:steady/accept"), "phase-steady-accept");
        assert_eq!(file_name("../../x"), "x");
        assert_eq!(file_name("…"), "unnamed");
    }
}
