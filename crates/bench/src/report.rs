//! The report of a run: what was measured, on what, and how it stands. Written as JSON, and read again to compare.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use eventflow_core::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::row::{Judged, Row, Standing, spread};
use crate::text::figure;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When it began, RFC 3339.
    pub(crate) began_at: String,
    /// The version of the program that measured.
    pub(crate) version: String,
    /// Processors that all of it shared.
    pub(crate) processors: usize,
    /// Whether it was only a look.
    pub(crate) quick: bool,
    /// The part of the full size at which the long measurements were taken.
    pub(crate) scale: f64,
    /// The lines of the table.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    pub(crate) fn begin(bench: &Bench) -> Self {
        Self {
            began_at: SystemClock.now().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            quick: bench.quick,
            scale: bench.scale,
            rows: Vec::new(),
        }
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report of this program", file.display()))
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
    }

    pub(crate) fn any_missed(&self) -> bool {
        self.rows.iter().any(|row| row.standing == Standing::Missed)
    }

    /// All rows at a glance.
    pub(crate) fn table(&self) -> String {
        let head = [
            "",
            "limit",
            "EventFlow",
            "unit",
            "min",
            "median",
            "max",
            "goal",
            "at least",
            "stands",
        ];
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(self.rows.iter().map(line));
        let widths: Vec<usize> = (0..head.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!(
            "\n{} processors shared by all, medians; min, median and max are those of what is judged: a ratio (×) or the figure itself\n",
            self.processors
        );
        for line in lines {
            let mut cells = line.iter().zip(&widths).map(|(cell, width)| {
                let gap = " ".repeat(width - cell.chars().count());
                format!("{cell}{gap}")
            });
            let row = cells.by_ref().collect::<Vec<_>>().join("  ");
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }
}

fn line(row: &Row) -> [String; 10] {
    let judged = match row.judged {
        Judged::Ratio => row.ratios(),
        Judged::Value => row.flow.values.clone(),
    };
    let (min, median, max) = spread(&judged);
    let limit = row.limit.as_ref().map(|limit| figure(spread(&limit.values).1));
    let mark = if row.judged == Judged::Ratio { "×" } else { "" };
    let (goal, least) = row.bars();
    [
        row.name.clone(),
        limit.unwrap_or_default(),
        figure(spread(&row.flow.values).1),
        row.unit.clone(),
        format!("{}{mark}", figure(min)),
        format!("{}{mark}", figure(median)),
        format!("{}{mark}", figure(max)),
        goal,
        least,
        row.standing.word().to_owned(),
    ]
}
