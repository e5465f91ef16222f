//! `efctl load check`: all that is wrong with scenarios, each with its line and column.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use eventflow_load::scenario::{Flaw, Scenario, Stretch};
use serde::Serialize;

use super::options::Options;
use crate::context::Context;
use crate::failure::Failure;
use crate::moment::{plural, span};
use crate::output::say;

pub(super) const EXAMPLES: &str = "\
Exits 2 where a file is not fine.

Examples:
  efctl load check scenarios/smoke.toml
  efctl load check scenarios/*.toml --json | jq 'select(.fine | not)'";

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Scenarios
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// One file as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    fine: bool,
    problems: Vec<Flaw>,
}

pub(super) fn run(context: &mut Context, args: &CheckArgs) -> Result<(), Failure> {
    let over = args.options.overrides();
    let mut bad = 0;
    for file in &args.files {
        let read = Scenario::read(file, &over);
        bad += u64::from(read.is_err());
        if context.out.json {
            let problems = read.as_ref().err().map(|invalid| invalid.problems.clone());
            context.out.record(&Checked {
                file: file.to_string_lossy().into_owned(),
                fine: read.is_ok(),
                problems: problems.unwrap_or_default(),
            })?;
            continue;
        }
        match read {
            Ok(scenario) => context.out.text(&fine(file, &scenario))?,
            Err(invalid) => say(&invalid.to_string()),
        }
    }
    match bad {
        0 => Ok(()),
        n => Err(Failure::Usage(format!(
            "{} not fine",
            plural(n, "file is", "files are")
        ))),
    }
}

fn fine(file: &Path, scenario: &Scenario) -> String {
    let of = |n: usize, one, many| plural(u64::try_from(n).unwrap_or(u64::MAX), one, many);
    let name = file.to_string_lossy();
    format!(
        "{}: fine: {}, {}, {} of load",
        eventflow_core::sanitize(&name),
        of(scenario.phases.len(), "phase", "phases"),
        of(scenario.faults.len(), "fault", "faults"),
        span(load_time(scenario))
    )
}

/// From the beginning of the load to the end of its last phase that sends.
pub(super) fn load_time(scenario: &Scenario) -> Duration {
    let ends = scenario.phases.iter().map(|phase| match phase.what {
        Stretch::Send { lasts, .. } => phase.begins + lasts,
        Stretch::Drain { .. } => phase.begins,
    });
    ends.max().unwrap_or_default()
}
