//! `efctl load plan`: what a scenario would do, and when.

use std::path::PathBuf;

use clap::Args;
use eventflow_load::plan::{Plan, RunId};
use eventflow_load::scenario::Scenario;

use super::options::Options;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Nothing is sent or started. All that is planned is counted, which takes a second for ten million events.

Examples:
  efctl load plan scenarios/worker-crash.toml
  efctl load plan scenarios/tour.toml --seed 3 --json | jq .faults";

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The scenario
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: Options,
}

pub(super) fn run(context: &mut Context, args: &PlanArgs) -> Result<(), Failure> {
    let scenario =
        Scenario::read(&args.file, &args.options.overrides()).map_err(|invalid| Failure::Usage(invalid.to_string()))?;
    let timeline = Plan::new(&scenario, RunId::new()).timeline();
    if context.out.json {
        context.out.record(&timeline)
    } else {
        context.out.text(&timeline.to_string())
    }
}
