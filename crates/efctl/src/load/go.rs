//! Runs a scenario: shows it as it goes, hears interrupts, and ends as its verdict says.

use std::fs;
use std::path::{Path, PathBuf};

use eventflow_core::{Clock as _, SystemClock, sanitize};
use eventflow_load::report::Summary;
use eventflow_load::run::{self, Ended, Glance, RunError, RunJob};
use eventflow_load::scenario::Scenario;
use eventflow_load::verdict::Outcome;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::face::Face;
use super::view::Shape;
use super::{RunArgs, adhoc, end, folder};
use crate::context::{Context, interrupted};
use crate::failure::Failure;
use crate::output::say;

pub(super) async fn run(context: &mut Context, args: &RunArgs) -> Result<(), Failure> {
    let (scenario, text, out) = read(args)?;
    let shape = Shape::of(&scenario);
    let job = RunJob {
        scenario,
        scenario_text: text,
        out,
        api: Some(context.client.base().to_string()),
        token: context.token.clone(),
        server: args.options.server(),
    };
    let ended = drive(job, Face::of_stderr(shape)).await?;
    tell(context, &ended)
}

/// The scenario, its text, and the folder for its outputs.
fn read(args: &RunArgs) -> Result<(Scenario, String, PathBuf), Failure> {
    let over = args.options.overrides();
    let now = SystemClock.now();
    let Some(file) = &args.file else {
        let out = folder::make(args.out.as_deref(), adhoc::NAME, now)?;
        let made = args.adhoc.scenario(&out, &over);
        if made.is_err() && args.out.is_none() {
            // It is this run's own, and there will be no run. One that stays is empty.
            drop(fs::remove_dir_all(&out));
        }
        return made.map(|(scenario, text)| (scenario, text, out));
    };
    let scenario = Scenario::read(file, &over).map_err(|invalid| Failure::Usage(invalid.to_string()))?;
    let text = fs::read_to_string(file).map_err(|e| unreadable(file, &e))?;
    let out = folder::make(args.out.as_deref(), &scenario.name, now)?;
    Ok((scenario, text, out))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read {}: {error}", sanitize(&file.to_string_lossy())))
}

/// Runs it to its end. The first interrupt ends the load, and what was found is told; the second ends everything.
async fn drive(job: RunJob, face: Face) -> Result<Ended, Failure> {
    let stop = CancellationToken::new();
    let (glances, seen) = watch::channel(Glance::default());
    let run = async {
        // The face ends when the run has: it owns the only place that glances come from.
        let (ended, ()) = tokio::join!(run::run(job, glances, stop.clone()), face.follow(seen));
        ended
    };
    let twice = async {
        told_to_stop().await;
        stop.cancel();
        say("stopping: faults are undone, and what was found is told; another ^C ends at once");
        told_to_stop().await;
    };
    tokio::select! {
        ended = run => ended.map_err(|error| failed(&error)),
        () = twice => Err(Failure::Interrupted),
    }
}

/// Ends at ^C, and where a service manager ends the process.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Where nobody can listen for it, it ends the process by itself.
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupted() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    interrupted().await;
}

/// What could not be run, with the exit code that says why.
fn failed(error: &RunError) -> Failure {
    match error {
        RunError::Target(target) => {
            let words = lines_safe(&target.to_string());
            match target.code() {
                2 => Failure::Usage(words),
                77 => Failure::NotAllowed(words),
                130 => Failure::Interrupted,
                _ => Failure::Unreachable(words),
            }
        }
        // Without its journal or its summary nobody can say what became of a run.
        RunError::Load(_) | RunError::Written(_) => Failure::Inconclusive(lines_safe(&error.to_string())),
    }
}

/// What others have said, safe to show, its lines kept.
fn lines_safe(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| sanitize(line).into_owned()).collect();
    lines.join("\n")
}

/// Writes the verdict, and ends as it says.
fn tell(context: &mut Context, ended: &Ended) -> Result<(), Failure> {
    let summary = &ended.summary;
    let written = if context.out.json {
        context.out.record(summary)
    } else {
        let screen = end::render(summary, &ended.files, context.out.look);
        context.out.text(&screen)
    };
    let written = written.and_then(|()| context.out.flush());
    if context.out.json {
        say(&verdict(summary));
    }
    // Also where nobody reads it any more, the verdict stands.
    match summary.verdict.outcome {
        Outcome::Pass => written,
        outcome => Err(Failure::Judged(outcome.code())),
    }
}

fn verdict(summary: &Summary) -> String {
    format!(
        "{} {}: {}",
        summary.word(),
        sanitize(&summary.scenario),
        sanitize(&summary.sentence())
    )
}
