//! `eventflow config`: every setting, its value with secrets masked, and where it came from.

use std::io::{self, Write};

use super::{Values, masked};

/// Writes a table.
pub(crate) fn table(values: &Values, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = values
        .iter()
        .map(|(setting, found)| (setting.name, masked(&found.text), found.origin.to_string()))
        .collect();
    let width = |column: fn(&(&str, String, String)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (name, text) = (width(|row| row.0.len()), width(|row| row.1.len()));
    for row in &rows {
        writeln!(out, "{:name$}  {:text$}  {}", row.0, row.1, row.2)?;
    }
    Ok(())
}

/// Writes one JSON object a line.
pub(crate) fn lines(values: &Values, out: &mut impl Write) -> io::Result<()> {
    for (setting, found) in values.iter() {
        let line = serde_json::json!({
            "name": setting.name,
            "value": masked(&found.text),
            "origin": found.origin.to_string(),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
