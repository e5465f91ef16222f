//! Holds a run against an earlier one, within a band of noise.

use std::fmt::Write as _;

use crate::report::Report;
use crate::row::Row;
use crate::text::figure;

/// What differs, and whether anything is worse beyond the noise. A ratio is compared where there is one, since absolute
/// figures drift with the machine.
pub(crate) fn with(now: &Report, earlier: &Report, noise: f64) -> (String, bool) {
    let mut text = format!(
        "\nagainst the run of {}, noise {:.0}%\n",
        earlier.began_at,
        noise * 100.0
    );
    let mut any_worse = false;
    for row in &now.rows {
        let Some(before) = earlier.rows.iter().find(|other| other.name == row.name) else {
            let _ = writeln!(text, "  {}: not measured then", row.name);
            continue;
        };
        let change = worse_by(row, before);
        let worse = change > noise;
        any_worse |= worse;
        let word = match () {
            () if worse => "WORSE",
            () if change < -noise => "better",
            () => "the same within the noise",
        };
        let _ = writeln!(
            text,
            "  {}: {} then, {} now: {word}",
            row.name,
            figure(before.judgement()),
            figure(row.judgement())
        );
    }
    (text, any_worse)
}

/// By which share it is worse; negative where it is better.
fn worse_by(now: &Row, before: &Row) -> f64 {
    let less_is_better = now.bar.is_some_and(|bar| bar.less);
    let change = now.judgement() / before.judgement() - 1.0;
    if less_is_better { change } else { -change }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Bar, Shot, Side};

    fn report(rate: f64, wait: f64) -> Report {
        let side = |value: f64| Side::of("x", &[Shot::new(value)]);
        Report {
            began_at: "then".into(),
            version: "0".into(),
            processors: 2,
            quick: false,
            scale: 1.0,
            rows: vec![
                Row::ratio("a", "", "", side(100.0), side(rate), Some(Bar::at_least(1.0, 0.5))),
                Row::value("b", "", "ms", None, side(wait), Some(Bar::at_most(1.0, 9.0))),
            ],
        }
    }

    #[test]
    fn only_what_is_worse_beyond_the_noise_counts() {
        let before = report(80.0, 4.0);
        assert!(!with(&report(70.0, 4.4), &before, 0.15).1);
        assert!(with(&report(60.0, 4.0), &before, 0.15).1);
        assert!(with(&report(80.0, 5.0), &before, 0.15).1);
        assert!(!with(&report(180.0, 1.0), &before, 0.15).1);
    }
}
