//! One chart as SVG: lines over time on the frame of the run.

use std::fmt::Write as _;

use super::axis::Axis;
use super::frame::{Frame, LEFT, RIGHT, WIDTH};
use crate::report::words::{short, span};

/// What the values of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Numbers from 0 on.
    Number,
    /// Spans in seconds, drawn by their logarithm.
    Span,
}

/// A chart.
pub(super) struct Chart {
    /// Its name.
    pub(super) title: &'static str,
    /// What it shows, in a sentence.
    pub(super) note: &'static str,
    /// What its values are.
    pub(super) unit: Unit,
    /// Its lines; each has as many values as there are moments.
    pub(super) lines: Vec<Line>,
}

/// A line of a chart.
pub(super) struct Line {
    /// Its name.
    pub(super) name: &'static str,
    /// Its colour and dashes, by a class of the style sheet.
    pub(super) class: &'static str,
    /// Its values; a gap where nobody knew.
    pub(super) values: Vec<Option<f64>>,
}

impl Chart {
    /// The drawing. `moments` are those of the values, in seconds.
    pub(super) fn draw(&self, frame: &Frame<'_>, moments: &[f64]) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}: {}\">",
            frame.height(),
            self.title,
            self.note
        );
        frame.draw(&mut svg);
        let axis = self.axis();
        self.grid(&mut svg, frame, axis);
        for line in &self.lines {
            let path = path(frame, axis, moments, &line.values);
            let _ = write!(svg, "<path class=\"line {}\" d=\"{path}\"/>", line.class);
        }
        let _ = write!(
            svg,
            "<line class=\"cross\" x1=\"0\" x2=\"0\" y1=\"{:.1}\" y2=\"{:.1}\"/></svg>",
            frame.top(),
            frame.bottom()
        );
        svg
    }

    /// The names of its lines, each with a place for its value under the pointer.
    pub(super) fn legend(&self) -> String {
        let keys = self.lines.iter().map(|line| {
            format!(
                "<span class=\"key\"><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H25\"/>\
                 </svg>{} <output></output></span>",
                line.class, line.name
            )
        });
        keys.collect()
    }

    fn axis(&self) -> Axis {
        let values = || self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        let most = values().fold(0.0, f64::max);
        match self.unit {
            Unit::Number => Axis::linear(most),
            Unit::Span => {
                let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                Axis::log(if least.is_finite() { least } else { 0.001 }, most)
            }
        }
    }

    fn grid(&self, svg: &mut String, frame: &Frame<'_>, axis: Axis) {
        for tick in axis.ticks() {
            let y = y(frame, axis, tick);
            let name = match self.unit {
                Unit::Number => short(tick),
                Unit::Span => round_span(tick),
            };
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"mark\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{name}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0
            );
        }
    }
}

/// A span that is a round number: `1 ms`, not `1.00 ms`.
fn round_span(seconds: f64) -> String {
    let text = span(seconds);
    match text.split_once(' ') {
        Some((value, unit)) if value.contains('.') => {
            format!("{} {unit}", value.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

fn y(frame: &Frame<'_>, axis: Axis, value: f64) -> f64 {
    frame.bottom() - axis.place(value) * (frame.bottom() - frame.top())
}

/// A path through the known values, broken where one is not known. A value between two gaps is a dot.
fn path(frame: &Frame<'_>, axis: Axis, moments: &[f64], values: &[Option<f64>]) -> String {
    let mut path = String::new();
    let mut open = false;
    for (i, (at, value)) in moments.iter().zip(values).enumerate() {
        let Some(value) = value else {
            open = false;
            continue;
        };
        let (x, y) = (frame.x(*at), y(frame, axis, *value));
        let alone = !open && values.get(i + 1).is_none_or(Option::is_none);
        let _ = write!(
            path,
            "{}{x:.1} {y:.1}{}",
            if open { 'L' } else { 'M' },
            if alone { "h0" } else { "" }
        );
        open = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn what_nobody_knew_is_a_gap() {
        let summary = sample::summary();
        let frame = Frame::of(&summary);
        let axis = Axis::linear(10.0);
        let of = |values: &[Option<f64>]| path(&frame, axis, &[0.0, 10.0, 20.0, 30.0], values);
        let whole = of(&[Some(0.0), Some(10.0), Some(5.0), Some(5.0)]);
        assert_eq!((whole.matches('M').count(), whole.matches('L').count()), (1, 3));
        let broken = of(&[Some(0.0), None, Some(5.0), None]);
        assert_eq!(broken.matches("h0").count(), 2, "{broken}");
        assert_eq!(of(&[None, None, None, None]), "");
    }

    #[test]
    fn a_chart_of_nothing_is_still_one() {
        let summary = sample::summary();
        let chart = Chart {
            title: "t",
            note: "n",
            unit: Unit::Span,
            lines: vec![Line {
                name: "p50",
                class: "c1",
                values: Vec::new(),
            }],
        };
        let svg = chart.draw(&Frame::of(&summary), &[]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn round_spans_have_no_decimals() {
        assert_eq!(
            [1e-4, 1e-3, 0.05, 2.0, 10.0].map(round_span),
            ["100 µs", "1 ms", "50 ms", "2 s", "10 s"]
        );
    }
}
