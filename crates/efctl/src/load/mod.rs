//! `efctl load`: a scenario drives load and faults, and its verdict is the exit code.

mod adhoc;
mod bars;
mod check;
mod compare;
mod end;
mod face;
mod folder;
mod go;
mod lines;
mod options;
mod plan;
mod schema;
#[cfg(test)]
mod testing;
mod view;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::options::Options;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) const EXAMPLES: &str = "\
A scenario with faults starts a private stack of its own, and removes it: nothing has to run. Without faults it drives
the API of --api or EVENTFLOW_API, unless the file names a stack.

The verdict: 0 pass; 1 a threshold is missed; 2 a bad file, or something is not installed; 3 an invariant is broken;
4 nobody can say: a fault touched nothing or was skipped, not everything came to an end, or nothing was acknowledged;
5 not steady at the start, so nothing was injected; 69 the target is away or does not become ready; 77 not allowed; 130
interrupted, and what was found until then is told. ^C stops the load and undoes the faults; a second one ends at once.

Examples:
  efctl load scenarios/smoke.toml
  efctl load scenarios/worker-crash.toml --out crash --seed 42
  efctl load scenarios/steady.toml --server target/release/my-orders --json | jq .verdict.outcome
  efctl load --events 1000 --rate 100
  efctl load check scenarios/*.toml
  efctl load compare before after --noise 5%";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LoadArgs {
    #[command(subcommand)]
    command: Option<LoadCommand>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum LoadCommand {
    /// Say all that is wrong with scenarios, or that they are fine
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// Show what a scenario would do when, without doing it
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::PlanArgs),
    /// Say what changed from one run to another, and exit 1 where something is worse
    #[command(after_help = compare::EXAMPLES)]
    Compare(compare::CompareArgs),
    /// Write the JSON Schema of scenarios, for editors
    #[command(after_help = schema::EXAMPLES)]
    Schema,
}

/// What is run, and where its outputs go.
#[derive(Debug, Args)]
struct RunArgs {
    /// The scenario, a TOML file
    #[arg(value_name = "FILE", required_unless_present = "events")]
    file: Option<PathBuf>,
    #[command(flatten)]
    adhoc: adhoc::AdHocArgs,
    /// The folder for its outputs, made where it is not there (absent: a new one in .eventflow/load)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(context: &mut Context, args: LoadArgs) -> Result<(), Failure> {
    match args.command {
        Some(LoadCommand::Check(args)) => check::run(context, &args),
        Some(LoadCommand::Plan(args)) => plan::run(context, &args),
        Some(LoadCommand::Compare(args)) => compare::run(context, &args),
        Some(LoadCommand::Schema) => schema::run(context),
        None => go::run(context, &args.run).await,
    }
}
