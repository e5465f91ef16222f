//! The lifeline: how a child ends when its parent does.
//!
//! A child is first a shell that waits for one word on a pipe, and only then becomes the program, under the same
//! process id. Before it gets that word, a second shell, the guard, is watching a pipe of its own whose writing end
//! only the parent holds. The system closes it when the parent ends, whatever ended it; the guard then ends the whole
//! family and removes the folder. So there is no moment at which the parent's death leaves anything behind. (Linux's
//! PDEATHSIG would fire when the spawning *thread* ends; a shell is everywhere, and no binary of ours has to be found.)

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::error::{Error, Result};

/// Becomes the program given as arguments once it hears "go"; ends when the pipe closes first.
pub(crate) const START: &str = r#"IFS= read -r word && [ "$word" = go ] && exec "$@" </dev/null"#;

/// What the guard does; a variable carries it, so that lists of processes stay readable.
const GUARD: &str = include_str!("guard.sh");

/// The guard of one child, from the parent's side.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    lifeline: Option<ChildStdin>,
}

impl Guard {
    /// Sets a guard on the process: when this end of the lifeline closes, the process is ended.
    pub(crate) fn set(on: Pid, ask: Signal, folder: Option<&Path>) -> Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "eval \"$EVENTFLOW_GUARD\"", "eventflow-guard"])
            .arg(on.as_raw_nonzero().to_string())
            .arg(name(ask))
            .arg(folder.unwrap_or(Path::new("")))
            .env("EVENTFLOW_GUARD", GUARD)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Error::os("start the guard of a child process with /bin/sh"))?;
        let lifeline = shell.stdin.take();
        Ok(Self { shell, lifeline })
    }

    /// Ends the guard: its process has ended, and its number may soon be another's.
    pub(crate) fn release(mut self) -> io::Result<()> {
        if let Some(mut lifeline) = self.lifeline.take() {
            lifeline.write_all(b"released\n")?;
        }
        self.shell.wait().map(drop)
    }
}

/// The signal's name as `kill -s` takes it.
fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::QUIT => "QUIT",
        Signal::INT => "INT",
        Signal::TERM => "TERM",
        _ => "KILL",
    }
}
