//! `efctl load compare`: what changed from one run to another.

use std::path::PathBuf;

use clap::Args;
use eventflow_load::report::{Change, Comparison, Judged, Summary, Unit, compare};

use crate::context::Context;
use crate::failure::Failure;
use crate::listing;
use crate::look::Look;
use crate::moment::{count, rate, span_s};
use crate::output::say;

pub(super) const EXAMPLES: &str = "\
A run is its folder, or the summary.json in it. Exits 1 where anything is worse beyond the noise.

Examples:
  efctl load compare before after --noise 5%
  efctl load compare before/summary.json after --all
  efctl load compare before after --json | jq '.changes[] | select(.judged == \"worse\")'";

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The earlier run
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The later run
    #[arg(value_name = "B")]
    after: PathBuf,
    /// What is no change: a part of the number
    #[arg(long, value_name = "PART", default_value = "5%", value_parser = part)]
    noise: f64,
    /// Show what stayed the same too
    #[arg(long)]
    all: bool,
}

/// `5%` or `0.05`.
fn part(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let value = number.parse::<f64>().ok().map(|value| value / scale);
    // Above that every run is like every other.
    value
        .filter(|value| (0.0..=10.0).contains(value))
        .ok_or_else(|| "not a part such as 5% or 0.05".to_owned())
}

pub(super) fn run(context: &mut Context, args: &CompareArgs) -> Result<(), Failure> {
    let read = |path: &PathBuf| {
        Summary::read(path).map_err(|error| Failure::Usage(eventflow_core::sanitize(&error.to_string()).into_owned()))
    };
    let comparison = compare(&read(&args.before)?, &read(&args.after)?, args.noise);
    let written = if context.out.json {
        context.out.record(&comparison)
    } else {
        context.out.text(&render(&comparison, args.all, context.out.look))
    };
    let written = written.and_then(|()| context.out.flush());
    for doubt in &comparison.doubts {
        say(&format!("beware: {}", eventflow_core::sanitize(doubt)));
    }
    say(&sum(&comparison));
    // Also where nobody reads it any more, what is worse is not fine.
    if comparison.regressed {
        Err(Failure::Told)
    } else {
        written
    }
}

/// A line for each change: the worse first, then the better; nothing where there is none.
fn render(comparison: &Comparison, all: bool, look: Look) -> String {
    let mut shown: Vec<&Change> = comparison.changes.iter().collect();
    shown.retain(|change| all || matches!(change.judged, Judged::Worse | Judged::Better));
    shown.sort_by_key(|change| match change.judged {
        Judged::Worse => 0,
        Judged::Better => 1,
        Judged::Unsaid => 2,
        Judged::Same => 3,
    });
    if shown.is_empty() {
        return String::new();
    }
    let rows = shown.into_iter().map(row).collect();
    listing::table(look, &["", "IN", "WHAT", "BEFORE", "AFTER", "CHANGE"], &[3, 4, 5], rows)
}

fn row(change: &Change) -> Vec<String> {
    let word = match change.judged {
        Judged::Worse => "WORSE",
        Judged::Better => "better",
        Judged::Same => "same",
        Judged::Unsaid => "-",
    };
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| number(value, change.unit));
    vec![
        word.to_owned(),
        change.scope.clone(),
        change.metric.clone(),
        shown(change.before),
        shown(change.after),
        by_how_much(change),
    ]
}

fn number(value: f64, unit: Unit) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts that were whole before"
    )]
    match unit {
        Unit::Seconds => span_s(value),
        Unit::PerSecond => rate(value),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Count => count(value as u64),
        Unit::Stands => match value as u8 {
            0 => "met",
            1 => "unknown",
            2 => "missed",
            _ => "BROKEN",
        }
        .to_owned(),
    }
}

fn by_how_much(change: &Change) -> String {
    match (change.before, change.after, change.unit) {
        (Some(before), Some(after), Unit::Seconds | Unit::PerSecond) if before > 0.0 => {
            format!("{:+.0} %", (after / before - 1.0) * 100.0)
        }
        _ => String::new(),
    }
}

fn sum(comparison: &Comparison) -> String {
    let of = |judged| {
        comparison
            .changes
            .iter()
            .filter(|change| change.judged == judged)
            .count()
    };
    format!(
        "{} worse, {} better, {} the same within {:.0} %",
        of(Judged::Worse),
        of(Judged::Better),
        of(Judged::Same),
        comparison.noise * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::summary;
    use super::*;
    use crate::testing::look_pipe;

    #[test]
    fn parts_are_percentages_or_fractions() {
        assert_eq!(part("5%"), Ok(0.05));
        assert_eq!(part("0.05"), Ok(0.05));
        assert_eq!(part("0"), Ok(0.0));
        for bad in ["", "-1%", "x", "inf", "NaN", "2000%"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_worse_is_first_and_what_is_the_same_only_on_demand() {
        let before = summary();
        let mut after = summary();
        let scopes = &mut after.facts.measures.scopes;
        scopes.get_mut("phase:steady").expect("a scope").accept.p50 = Some(0.004);
        scopes.get_mut("run").expect("a scope").accept.p50 = Some(0.001);
        let comparison = compare(&before, &after, 0.05);
        let text = render(&comparison, false, look_pipe());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("WORSE   phase:steady  accept.p50"), "{text}");
        assert!(lines[1].ends_with("+90 %"), "{text}");
        assert!(lines[2].starts_with("better  run"), "{text}");
        assert!(render(&comparison, true, look_pipe()).lines().count() > 10);
        assert!(
            sum(&comparison).starts_with("1 worse, 1 better, "),
            "{}",
            sum(&comparison)
        );
    }

    #[test]
    fn without_a_change_there_is_no_table() {
        let comparison = compare(&summary(), &summary(), 0.05);
        assert_eq!(render(&comparison, false, look_pipe()), "");
    }
}
