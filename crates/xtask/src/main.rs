//! `cargo xtask`: what a person types before a push, and what CI runs.

mod bench;
mod cargo;
mod check;
mod fences;
mod graph;
mod house;
mod install;
mod leftovers;
mod planted;
mod scenarios;
mod step;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The checks and tests of EventFlow.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
#[command(
    after_help = "Examples:\n  cargo xtask check\n  cargo xtask test\n  cargo xtask test -- lease\n  \
                  cargo xtask bench --quick"
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Checks format, house rules, fences between rooms, clippy, documents, and what may be linked.
    ///
    /// Steps that need a tool which is not installed (cargo-deny, cargo-machete) say so and are skipped.
    #[command(after_help = "Example:\n  cargo xtask check")]
    Check,
    /// Runs every test on servers of its own, and leaves nothing running.
    ///
    /// redis-server and PostgreSQL's binaries are looked for; where they are missing, root gets them by apt-get, and
    /// everybody else is told what to type. All files are made in the target folder.
    #[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test -- lease\n  \
                            cargo xtask test -- -p eventflow-redis\n  cargo xtask test -- lease -- --nocapture")]
    Test {
        /// What is passed on to `cargo test`.
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Runs the shipped scenarios one after the other, and says how each ended.
    ///
    /// Without names: all but the long ones, some twenty minutes. What they find goes to target/scenarios/NAME.
    #[command(
        after_help = "Examples:\n  cargo xtask scenarios\n  cargo xtask scenarios worker-crash poison\n  \
                            cargo xtask scenarios --quick --profile dev\n  cargo xtask scenarios --all"
    )]
    Scenarios {
        #[command(flatten)]
        args: scenarios::Args,
    },
    /// Plants bugs on purpose, one at a time, and sees whether a shipped scenario catches each.
    ///
    /// First the scenarios run without a bug, and must pass. Some twenty minutes; without names all bugs. What the runs
    /// find goes to target/planted. Exit code 1 where a bug is missed.
    #[command(
        after_help = "Examples:\n  cargo xtask planted\n  cargo xtask planted copy-is-run trim-by-length\n  \
                            cargo xtask planted --list"
    )]
    Planted {
        #[command(flatten)]
        args: planted::Args,
    },
    /// Measures EventFlow against the limits of this machine, pair by pair, with release builds.
    ///
    /// Takes minutes, and wants the machine for itself. Exit code 1 where EventFlow stands below what it must.
    #[command(after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --quick\n  \
                            cargo xtask bench --only accept handled --json bench.json\n  \
                            cargo xtask bench --compare bench.json --noise 15%\n  cargo xtask bench --list")]
    Bench {
        /// What is passed on to the program that measures: `--list` shows the measurements.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Check => check::run(),
        Task::Test { args } => test::run(&args),
        Task::Scenarios { args } => scenarios::run(&args),
        Task::Planted { args } => planted::run(&args),
        Task::Bench { args } => bench::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            step::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
