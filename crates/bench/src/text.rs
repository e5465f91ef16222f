//! Words to people: data on standard output, talk on standard error, figures with their thousands apart.

use std::io::{ErrorKind, Write as _};

use anyhow::Result;

/// Writes a line to standard error. Nobody listening is no reason to stop.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Writes text to standard output; a closed pipe ends nothing, since the run has an exit code too.
pub(crate) fn out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A figure as a person reads it: `41,200`, `12.4`, `0.83`.
pub(crate) fn figure(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_long_as_they_mean_something() {
        assert_eq!(figure(0.8249), "0.82");
        assert_eq!(figure(41.26), "41.3");
        assert_eq!(figure(999.0), "999");
        assert_eq!(figure(1_234_567.0), "1,234,567");
        assert_eq!(figure(-1_000.0), "-1,000");
    }
}
