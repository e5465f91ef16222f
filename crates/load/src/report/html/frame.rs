//! What all charts share: the moments below, the phases, and the faults as bands.

use std::fmt::Write as _;

use super::axis;
use crate::report::escape::markup;
use crate::report::words::moment;
use crate::report::{PhaseSpan, Summary};

/// Of a drawing, in its own units.
pub(super) const WIDTH: f64 = 960.0;
/// Left of the plot: the names of values.
pub(super) const LEFT: f64 = 64.0;
/// Right of the plot.
pub(super) const RIGHT: f64 = 14.0;
/// The plot's height.
pub(super) const PLOT: f64 = 170.0;
/// Below the plot: moments and phases.
const BELOW: f64 = 38.0;
/// One row of names of faults above the plot.
const ROW: f64 = 15.0;
/// Rows at most; names beyond them overlap.
const ROWS: usize = 4;
/// Room of a character, roughly.
const CHARACTER: f64 = 6.6;

/// The surroundings of every chart of a run.
pub(super) struct Frame<'a> {
    end_s: f64,
    phases: &'a [PhaseSpan],
    bands: Vec<Band<'a>>,
    rows: usize,
}

/// A fault as a band.
struct Band<'a> {
    id: &'a str,
    title: &'a str,
    from: f64,
    until: f64,
    /// Where it had recovered.
    recovered: Option<f64>,
    row: usize,
}

impl<'a> Frame<'a> {
    /// The frame of a run.
    pub(super) fn of(summary: &'a Summary) -> Self {
        let series = &summary.facts.measures.series;
        let last = series.points.last().map_or(0.0, |point| point.at_s + series.width_s);
        let mut frame = Self {
            end_s: summary.lasted_s.max(last).max(1.0),
            phases: &summary.phases,
            bands: Vec::new(),
            rows: 0,
        };
        let mut ends = Vec::new();
        for fault in &summary.facts.faults {
            let Some(from) = fault.struck_s else { continue };
            let until = fault.ended_s.unwrap_or(frame.end_s).max(from);
            let begins = frame.x(from);
            let row = free_row(&mut ends, begins, begins + name_width(&fault.id));
            frame.bands.push(Band {
                id: &fault.id,
                title: &fault.title,
                from,
                until,
                recovered: fault.recovery_s.map(|recovery| until + recovery),
                row,
            });
        }
        frame.rows = ends.len();
        frame
    }

    /// When the last chart ends, in seconds.
    pub(super) fn end_s(&self) -> f64 {
        self.end_s
    }

    /// Where a moment stands.
    pub(super) fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.end_s).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// Where the plot begins.
    pub(super) fn top(&self) -> f64 {
        let rows = u32::try_from(self.rows).unwrap_or(u32::MAX);
        8.0 + f64::from(rows) * ROW
    }

    /// Where the plot ends.
    pub(super) fn bottom(&self) -> f64 {
        self.top() + PLOT
    }

    /// The height of a drawing.
    pub(super) fn height(&self) -> f64 {
        self.bottom() + BELOW
    }

    /// What lies behind the lines of a chart.
    pub(super) fn draw(&self, svg: &mut String) {
        self.bands.iter().for_each(|band| self.band(svg, band));
        self.phases.iter().for_each(|phase| self.phase(svg, phase));
        let y = self.bottom();
        for at in axis::moments(self.end_s) {
            let x = self.x(at);
            let _ = write!(
                svg,
                "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"mark\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                y + 4.0,
                y + 16.0,
                moment(at)
            );
        }
    }

    fn band(&self, svg: &mut String, band: &Band<'_>) {
        let (top, bottom) = (self.top(), self.bottom());
        let (from, until) = (self.x(band.from), self.x(band.until));
        let _ = write!(
            svg,
            "<g class=\"fault\"><title>{}: {}</title>",
            markup(band.id),
            markup(band.title)
        );
        if let Some(recovered) = band.recovered {
            let _ = write!(
                svg,
                "<rect class=\"recovery\" x=\"{until:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{PLOT}\"/>",
                (self.x(recovered) - until).max(0.0)
            );
        }
        let _ = write!(
            svg,
            "<rect class=\"band\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{PLOT}\"/>\
             <line class=\"strike\" x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
            (until - from).max(1.5),
            row_y(band.row) - 9.0
        );
        let _ = write!(
            svg,
            "<text class=\"fault-name\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            from + 4.0,
            row_y(band.row),
            markup(band.id)
        );
    }

    fn phase(&self, svg: &mut String, phase: &PhaseSpan) {
        let (from, until) = (self.x(phase.begins_s), self.x(phase.ends_s));
        let _ = write!(
            svg,
            "<line class=\"phase\" x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            self.top(),
            self.bottom() + 34.0
        );
        let name = fitting(&phase.name, until - from - 6.0);
        let _ = write!(
            svg,
            "<text class=\"phase-name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            from + 4.0,
            self.bottom() + 32.0,
            markup(&name)
        );
    }
}

/// The baseline of a row of names above the plot.
fn row_y(row: usize) -> f64 {
    12.0 + f64::from(u32::try_from(row).unwrap_or(u32::MAX)) * ROW
}

fn name_width(name: &str) -> f64 {
    let characters = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
    f64::from(characters) * CHARACTER + 12.0
}

/// The first row that is free from there on; `ends` are where the rows are taken to.
fn free_row(ends: &mut Vec<f64>, from: f64, until: f64) -> usize {
    let row = match ends.iter().position(|end| *end <= from) {
        Some(row) => row,
        None if ends.len() < ROWS => {
            ends.push(0.0);
            ends.len() - 1
        }
        None => ROWS - 1,
    };
    ends[row] = ends[row].max(until);
    row
}

/// As much of a name as has room; nothing where that would be too little to know it.
fn fitting(name: &str, room: f64) -> String {
    let fits = name.chars().scan(0.0, |used, _| {
        *used += CHARACTER;
        Some(*used)
    });
    let fits = fits.take_while(|used| *used <= room).count();
    match name.chars().count() {
        all if all <= fits => name.to_owned(),
        _ if fits < 4 => String::new(),
        _ => name.chars().take(fits - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn faults_and_phases_are_drawn_where_they_were() {
        let summary = sample::summary();
        let frame = Frame::of(&summary);
        assert!((frame.x(20.0) - (LEFT + (WIDTH - LEFT - RIGHT) / 2.0)).abs() < 0.01);
        let mut svg = String::new();
        frame.draw(&mut svg);
        assert_eq!(svg.matches("class=\"band\"").count(), 2);
        assert_eq!(
            svg.matches("class=\"recovery\"").count(),
            1,
            "the other touched nothing"
        );
        assert_eq!(svg.matches("class=\"phase-name\"").count(), 3);
    }

    #[test]
    fn names_that_would_overlap_stand_in_rows() {
        let mut ends = Vec::new();
        let rows: Vec<usize> = [(0.0, 30.0), (10.0, 40.0), (35.0, 50.0), (36.0, 50.0)]
            .map(|(a, b)| free_row(&mut ends, a, b))
            .into();
        assert_eq!(rows, [0, 1, 0, 2]);
        for _ in 0..9 {
            assert!(free_row(&mut ends, 0.0, 99.0) < ROWS);
        }
    }

    #[test]
    fn a_name_without_room_is_cut_or_left_out() {
        assert_eq!(fitting("steady", 60.0), "steady");
        assert_eq!(fitting("steady-state", 60.0), "steady-s…");
        assert_eq!(fitting("steady", 20.0), "");
    }
}
