//! Steps that say what they do, and how long it took.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Writes a line to standard error. Nobody listening is no reason to stop.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Does one step between its name and its duration.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(&format!("==> {name}"));
    let began = now();
    work().with_context(|| format!("step `{name}`"))?;
    say(&format!("    {name}: fine, {}", seconds(began.elapsed())));
    Ok(())
}

/// Runs all steps of a task, which says at its end how long they took together.
pub(crate) fn task(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let began = now();
    work()?;
    say(&format!("cargo xtask {name}: fine, {}", seconds(began.elapsed())));
    Ok(())
}

/// Runs a command whose output goes where ours goes; it must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("could not start {}", program(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", program(command));
    }
    Ok(())
}

/// Whether a command runs and succeeds; its output is not shown.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|said| said.status.success())
}

/// The command as a person would type it.
fn program(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    format!(
        "`{}`",
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "a task says how long it really took")]
fn now() -> Instant {
    Instant::now()
}
