//! Handlers whose world a test can change, with all of `eventflow`'s commands.
//!
//! `EVENTFLOW_TEST_CARRIES` names the patterns to carry, with commas between them; `EVENTFLOW_TEST_RUNS` the file that
//! each run is noted in, a line `key attempt process outcome`. That file is the runs' own witness: it does not go through
//! the ledger. An event's data may say `{"gate": PATH, "otherwise": "retry" | "dead" | "unavailable"}`: it is done once
//! that file is there, and the other until then.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use eventflow::{App, Context, Event, Handler, Outcome, async_trait};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Errand {
    gate: Option<PathBuf>,
    otherwise: Option<Otherwise>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Otherwise {
    Retry,
    Dead,
    Unavailable,
}

struct Errands {
    runs: Option<PathBuf>,
}

#[async_trait]
impl Handler for Errands {
    async fn handle(&self, event: &Event, context: &Context) -> Outcome {
        let outcome = match context.data::<Errand>(event) {
            Ok(errand) => errand.outcome(),
            Err(misfit) => misfit,
        };
        match self.note(event, context, &outcome) {
            Ok(()) => outcome,
            Err(error) => Outcome::retry(format_args!("the run could not be noted: {error}")),
        }
    }
}

impl Errand {
    fn outcome(&self) -> Outcome {
        match (&self.gate, self.otherwise) {
            (Some(gate), Some(otherwise)) if !gate.exists() => match otherwise {
                Otherwise::Retry => Outcome::retry("the gate is shut"),
                Otherwise::Dead => Outcome::dead("the gate is shut"),
                Otherwise::Unavailable => Outcome::unavailable("the gate is shut"),
            },
            _ => Outcome::Done,
        }
    }
}

impl Errands {
    /// One write of one line, so that the lines of several processes do not mix.
    fn note(&self, event: &Event, context: &Context, outcome: &Outcome) -> std::io::Result<()> {
        let Some(path) = &self.runs else { return Ok(()) };
        let word = match outcome {
            Outcome::Done => "done",
            Outcome::Retry { .. } => "retry",
            Outcome::Dead { .. } => "dead",
            Outcome::Unavailable { .. } => "unavailable",
        };
        let line = format!("{} {} {} {word}\n", event.key, context.attempt, std::process::id());
        appended(path)?.write_all(line.as_bytes())
    }
}

fn appended(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}

fn main() -> ExitCode {
    let carries = std::env::var("EVENTFLOW_TEST_CARRIES").unwrap_or_default();
    let runs = std::env::var_os("EVENTFLOW_TEST_RUNS").map(PathBuf::from);
    carries
        .split(',')
        .filter(|pattern| !pattern.is_empty())
        .fold(App::new(), |app, pattern| {
            app.handle(pattern, Errands { runs: runs.clone() })
        })
        .main()
}
