//! `efctl`: every operator command of `EventFlow`. It knows the HTTP contract and nothing behind it.
//!
//! stdout is data, stderr is talk. Exit codes are in [`failure`].

mod audit;
mod cli;
mod completions;
mod context;
mod dlq;
mod doctor;
mod events;
mod failure;
mod handlers;
mod listing;
mod load;
mod look;
mod moment;
mod name;
mod output;
mod pause;
mod prompt;
mod records;
mod send;
mod status;
#[cfg(test)]
mod testing;
mod why;
mod workers;

use std::process::ExitCode;

use clap::Parser as _;
use eventflow_core::sanitize;
use tokio::runtime::Builder;

use crate::cli::{Cli, Command};
use crate::context::{Context, interrupted};
use crate::failure::Failure;
use crate::output::say;

fn main() -> ExitCode {
    // Fails only where a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return misused(&error),
        Err(help) => help.exit(),
    };
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return end(&Failure::No(format!("cannot start: {e}"))),
    };
    let ended = runtime.block_on(run(cli));
    // A call that still blocks some thread, after a second interrupt, does not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let mut context = Context::new(&cli.globals)?;
    // They tell what was acknowledged, or found, before they end, also when they are interrupted.
    let hears_interrupts = matches!(cli.command, Command::Send(_) | Command::Load(_));
    let outcome = tokio::select! {
        outcome = dispatch(&mut context, cli.command) => outcome,
        () = interrupted(), if !hears_interrupts => Err(Failure::Interrupted),
    };
    // What was written before a failure is true, and shown; the failure itself matters more than a second one here.
    let flushed = context.out.flush();
    outcome.and(flushed)
}

async fn dispatch(context: &mut Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Send(args) => send::run(context, args).await,
        Command::Load(args) => load::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Why(args) => why::run(context, &args).await,
        Command::Status => status::run(context).await,
        Command::Workers => workers::run(context).await,
        Command::Handlers(args) => handlers::run(context, args).await,
        Command::Pause(args) => pause::run(context, args, pause::Order::Pause).await,
        Command::Resume(args) => pause::run(context, args, pause::Order::Resume).await,
        Command::Dlq(args) => dlq::run(context, args).await,
        Command::Audit(args) => audit::run(context, &args).await,
        Command::Doctor => doctor::run(context).await,
        Command::Completions(args) => completions::run(context, &args),
    }
}

/// Says what is wrong with the command line, which may bear outside text, as behind xargs.
fn misused(error: &clap::Error) -> ExitCode {
    for line in error.render().to_string().lines() {
        say(&sanitize(line));
    }
    ExitCode::from(Failure::Usage(String::new()).code())
}

/// The last words, and the exit code.
fn end(failure: &Failure) -> ExitCode {
    if let Some(words) = failure.words() {
        say(&format!("efctl: {words}"));
    }
    ExitCode::from(failure.code())
}
