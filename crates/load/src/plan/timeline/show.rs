//! The timeline as text.

use std::fmt;
use std::time::Duration;

use super::{FaultLine, KindLine, PhaseLine, Timeline};
use crate::plan::words::span;

fn moment(seconds: f64) -> String {
    // Back to the millisecond: what stands in a file is hardly ever finer.
    span(Duration::from_secs_f64((seconds * 1_000.0).round() / 1_000.0))
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, seed {}: {} of load", self.name, self.seed, moment(self.lasts_s))?;
        match (self.sends, self.clients) {
            (Some(sends), _) => writeln!(f, ", {sends} sends")?,
            (None, Some(clients)) => writeln!(f, ", {clients} clients")?,
            (None, None) => writeln!(f)?,
        }
        let phases = self.phases.iter().map(PhaseLine::row).collect();
        table(f, &["PHASE", "FROM", "TO", "RATE", "SENDS", ""], phases)?;
        let faults: Vec<_> = self.faults.iter().map(FaultLine::row).collect();
        if !faults.is_empty() {
            table(f, &["FAULT", "AT", "FOR", "PHASE", "WHAT"], faults)?;
        }
        let kinds = self.kinds.iter().map(KindLine::row).collect();
        table(f, &["KIND", "SHARE", "EVENTS", "RESENT", "EXPECT", ""], kinds)
    }
}

impl PhaseLine {
    fn row(&self) -> Vec<String> {
        let notes: Vec<&str> = [
            self.arrivals.filter(|arrivals| *arrivals != "constant"),
            (!self.measured && !self.drains).then_some("not measured"),
            self.drains.then_some("until drained, at most"),
        ]
        .into_iter()
        .flatten()
        .collect();
        vec![
            self.name.clone(),
            moment(self.begins_s),
            moment(self.ends_s),
            self.rate.clone().unwrap_or_default(),
            self.sends.map(|sends| sends.to_string()).unwrap_or_default(),
            notes.join(", "),
        ]
    }
}

impl FaultLine {
    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            moment(self.at_s),
            self.lasts_s.map(moment).unwrap_or_default(),
            self.phase.clone().unwrap_or_default(),
            self.title.clone(),
        ]
    }
}

impl KindLine {
    fn row(&self) -> Vec<String> {
        let notes: Vec<String> = [
            (self.name != self.event_type).then(|| self.event_type.clone()),
            (self.client != "normal").then(|| format!("{} clients", self.client)),
        ]
        .into_iter()
        .flatten()
        .collect();
        vec![
            self.name.clone(),
            format!("{:.1} %", self.share * 100.0),
            self.events.map(|events| events.to_string()).unwrap_or_default(),
            self.resends
                .filter(|resends| *resends > 0)
                .map(|resends| resends.to_string())
                .unwrap_or_default(),
            self.expect.to_owned(),
            notes.join(", "),
        ]
    }
}

/// An empty line, then columns as wide as what stands in them.
fn table(f: &mut fmt::Formatter<'_>, head: &[&str], rows: Vec<Vec<String>>) -> fmt::Result {
    let mut lines = vec![head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()];
    lines.extend(rows);
    let wide = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).filter_map(wide).collect();
    writeln!(f)?;
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(f, "  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
