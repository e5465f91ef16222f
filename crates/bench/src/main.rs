//! Measures EventFlow against what the machine can do: a limit, EventFlow, the limit again, in one run.
//!
//! `cargo xtask bench` builds and starts it. A limit is a bare rig of the same shape, or one step of the way alone; it
//! and EventFlow get the same events from the same generator, so that their ratio means something where absolute figures
//! drift. Servers are private ones on loopback; the rigs run in processes of their own, as EventFlow's roles do.

mod bench;
mod cases;
mod compare;
mod event;
mod fill;
mod flow;
mod load;
mod proc;
mod report;
mod rigs;
mod row;
mod text;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::report::Report;
use crate::text::say;

#[derive(Debug, Parser)]
#[command(
    name = "eventflow-bench",
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
#[command(about = "Measures EventFlow against the limits of the machine, pair by pair")]
struct Cli {
    #[command(subcommand)]
    rig: Option<Part>,
    /// Fewer and shorter repetitions: a look, not a measurement.
    #[arg(long)]
    quick: bool,
    /// Only these measurements; the long ones are measured only if they are named.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// How often each side of a pair is measured, at least 3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=50))]
    repeat: Option<u32>,
    /// Sizes and times of the long measurements, as a part of the full ones.
    #[arg(long, value_name = "PART", default_value_t = 1.0)]
    scale: f64,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Compare with the report of an earlier run; what is worse beyond the noise fails.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// What may differ between two runs.
    #[arg(long, value_name = "PERCENT", default_value = "15%", value_parser = percent)]
    noise: f64,
    /// The binary to measure [default: `eventflow` beside this one].
    #[arg(long, value_name = "FILE")]
    eventflow: Option<PathBuf>,
    /// List the measurements.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A part of a bare rig, in a process of its own.
    #[command(hide = true)]
    Rig {
        #[command(subcommand)]
        rig: rigs::Rig,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.rig {
        Some(Part::Rig { rig }) => rigs::run(rig).map(|()| true),
        None => run(&cli),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// False where EventFlow stands below what it must.
fn run(cli: &Cli) -> Result<bool> {
    if cli.list {
        text::out(&cases::list())?;
        return Ok(true);
    }
    let chosen = cases::choose(&cli.only)?;
    // Read first, so that a wrong name costs no run.
    let earlier = cli.compare.as_deref().map(Report::read).transpose()?;
    let bench = Bench::new(cli)?;
    let mut report = Report::begin(&bench);
    for case in chosen {
        say(&format!("==> {}: {}", case.name, case.about));
        let rows = (case.run)(&bench).with_context(|| format!("measuring `{}`", case.name))?;
        for row in &rows {
            text::out(&row.show())?;
        }
        report.rows.extend(rows);
    }
    text::out(&report.table())?;
    if let Some(file) = &cli.json {
        report.write(file)?;
    }
    let mut fine = !report.any_missed();
    if let Some(earlier) = earlier {
        let (said, worse) = compare::with(&report, &earlier, cli.noise);
        text::out(&said)?;
        fine &= !worse;
    }
    Ok(fine)
}

/// `15%` or `15` as 0.15.
fn percent(text: &str) -> Result<f64> {
    let number: f64 = text.trim_end_matches('%').trim().parse()?;
    if !(0.0..=100.0).contains(&number) {
        bail!("write a share from 0% to 100%");
    }
    Ok(number / 100.0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["x", "--only", "accept,handled", "--noise", "20%"]);
        assert_eq!(cli.only, ["accept", "handled"]);
        assert!((cli.noise - 0.2).abs() < 1e-9);
        assert!(percent("many").is_err() && percent("200%").is_err());
    }
}
