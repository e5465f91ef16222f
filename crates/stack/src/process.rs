//! A child process from its start to its sure end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::family;
use crate::guard::{Guard, START};
use crate::output::{Line, Output, Stream};
use crate::spec::Spec;

/// What the system needs at most to end processes that were killed.
const KILL_WAIT: Duration = Duration::from_secs(10);
/// What a process that is asked to end gets before it is killed, where its owner drops it.
const ASK_WAIT: Duration = Duration::from_secs(2);
/// How many of its last lines an error quotes.
const QUOTED: usize = 30;

/// A running child process, ended with all its descendants when this is dropped, and when its parent dies.
///
/// Its standard input is empty. What it writes is kept in a bounded buffer: the last 20,000 lines or 8 MiB.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    ask: Signal,
    terminate: Signal,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    life: Mutex<Life>,
    ended: Condvar,
    output: Arc<Output>,
}

/// While this is locked and `status` is none, the process id is certainly the child's: it is reaped under the lock.
#[derive(Debug)]
struct Life {
    child: Child,
    guard: Option<Guard>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts the command. It runs when this returns; whether it is of any use by then is for the caller to await.
    pub fn start(spec: &Spec) -> Result<Self> {
        let mut child = command(spec)
            .spawn()
            .map_err(Error::os(format!("start {}", spec.name)))?;
        let output = Arc::new(Output::default());
        let reading = || Error::os(format!("read what {} writes", spec.name));
        if let Some(pipe) = child.stdout.take() {
            output.follow(Stream::Out, pipe).map_err(reading())?;
        }
        if let Some(pipe) = child.stderr.take() {
            output.follow(Stream::Err, pipe).map_err(reading())?;
        }
        let pid = Pid::from_child(&child);
        let guard = Guard::set(pid, spec.ask, spec.folder.as_deref())?;
        let start = child.stdin.take();
        let life = Mutex::new(Life {
            child,
            guard: Some(guard),
            status: None,
        });
        let shared = Arc::new(Shared {
            life,
            ended: Condvar::new(),
            output,
        });
        let process = Self {
            name: spec.name.clone(),
            pid,
            ask: spec.ask,
            terminate: spec.terminate,
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("stack-wait".to_owned())
            .spawn(move || shared.reap(pid))
            .map_err(Error::os("start a thread"))?;
        if let Some(mut start) = start {
            start
                .write_all(b"go\n")
                .map_err(Error::os(format!("let {} begin", spec.name)))?;
        }
        Ok(process)
    }

    /// The name that errors call it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// How it ended, or `None` while it runs.
    pub fn status(&self) -> Option<ExitStatus> {
        self.shared.life().status
    }

    /// Whether it has not ended. A frozen process is running.
    pub fn is_running(&self) -> bool {
        self.status().is_none()
    }

    /// Sends a signal to the process alone, not to its descendants. Once it has ended this does nothing.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let life = self.shared.life();
        if life.status.is_some() {
            return Ok(());
        }
        family::send(self.pid, signal).map_err(self.os("signal"))
    }

    /// Freezes it and all its descendants (SIGSTOP).
    pub fn stop(&self) -> Result<()> {
        let life = self.shared.life();
        if life.status.is_some() {
            return Ok(());
        }
        let frozen = family::freeze(self.pid).map(drop);
        if frozen.is_err() {
            // Whoever has stopped already would stay so, since nobody undoes what did not come about.
            let members = family::family(self.pid).map_err(self.os("find"))?;
            family::send_all(&members, Signal::CONT).map_err(self.os("let run on"))?;
        }
        frozen.map_err(self.os("freeze"))
    }

    /// Lets it and all its descendants run on (SIGCONT).
    pub fn cont(&self) -> Result<()> {
        let life = self.shared.life();
        if life.status.is_some() {
            return Ok(());
        }
        let members = family::family(self.pid).map_err(self.os("find"))?;
        family::send_all(&members, Signal::CONT).map_err(self.os("let run on"))
    }

    /// Kills it and all its descendants (SIGKILL), and waits until they are gone.
    pub fn kill(&self) -> Result<ExitStatus> {
        let life = self.shared.life();
        if let Some(status) = life.status {
            return Ok(status);
        }
        // Who cannot be stopped, since the system holds it, can be killed all the same.
        let members = family::freeze(self.pid)
            .or_else(|_| family::family(self.pid))
            .map_err(self.os("find"))?;
        family::send_all(&members, Signal::KILL).map_err(self.os("kill"))?;
        drop(life);
        let status = self.wait(KILL_WAIT)?;
        let gone = Deadline::after(KILL_WAIT).poll(|| {
            let left = family::living(&members)?;
            Ok::<_, std::io::Error>(left.is_empty().then_some(()))
        });
        match gone.map_err(self.os("look for the descendants of"))? {
            Some(()) => Ok(status),
            None => Err(self.late("ended with all its descendants", KILL_WAIT)),
        }
    }

    /// Asks it to end in order, and waits until it has. A frozen process is let run on first.
    ///
    /// # Errors
    /// [`Error::Late`] when it still runs after `within`; it is not killed then.
    pub fn terminate(&self, within: Duration) -> Result<ExitStatus> {
        self.signal(self.terminate)?;
        self.cont()?;
        self.wait(within)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`Error::Late`] when it still runs after `within`.
    pub fn wait(&self, within: Duration) -> Result<ExitStatus> {
        let (life, _) = self
            .shared
            .ended
            .wait_timeout_while(self.shared.life(), within, |life| life.status.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let status = life.status;
        drop(life);
        status.ok_or_else(|| self.late("ended", within))
    }

    /// Waits for a line that contains `part`, looking at the kept lines from the first on.
    ///
    /// # Errors
    /// [`Error::Ended`] when the process ended without it, [`Error::Late`] after `within`.
    pub fn wait_for_line(&self, part: &str, within: Duration) -> Result<Line> {
        self.wait_for(&format!("written a line with `{part}`"), within, |line| {
            line.text.contains(part)
        })
    }

    /// Waits for a line that satisfies `wanted`; `awaited` is what errors say about it, as the end of "it has not …".
    ///
    /// # Errors
    /// As [`Process::wait_for_line`].
    pub fn wait_for(&self, awaited: &str, within: Duration, wanted: impl Fn(&Line) -> bool) -> Result<Line> {
        let deadline = Deadline::after(within);
        if let Some(line) = self.shared.output.wait_for(wanted, within) {
            return Ok(line);
        }
        // Its pipes close a moment before it can be reaped.
        match self.wait(deadline.left().min(KILL_WAIT)) {
            Ok(status) => Err(self.ended(status, awaited)),
            Err(_) => Err(self.late(awaited, within)),
        }
    }

    /// The lines it wrote, the oldest kept first. After its end they are complete once this returns.
    pub fn lines(&self) -> Vec<Line> {
        if !self.is_running() {
            self.shared.output.wait_for_end(ASK_WAIT);
        }
        self.shared.output.kept()
    }

    /// Its last `count` lines as one text.
    pub fn tail(&self, count: usize) -> String {
        self.shared.output.tail(count)
    }

    /// The error that it has ended too early.
    pub(crate) fn ended(&self, status: ExitStatus, awaited: &str) -> Error {
        self.shared.output.wait_for_end(ASK_WAIT);
        let (name, awaited) = (self.name.clone(), awaited.to_owned());
        Error::Ended {
            name,
            status,
            awaited,
            said: self.tail(QUOTED),
        }
    }

    /// The error that it has not done something in time.
    pub(crate) fn late(&self, awaited: &str, within: Duration) -> Error {
        let (name, awaited) = (self.name.clone(), awaited.to_owned());
        Error::Late {
            name,
            awaited,
            within,
            said: self.tail(QUOTED),
        }
    }

    /// Ends it, kindly where the command says how, and surely.
    pub(crate) fn end(&self) {
        if self.ask != Signal::KILL && self.is_running() {
            // Whoever does not end when asked is killed next.
            drop(
                self.signal(self.ask)
                    .and_then(|()| self.cont())
                    .and_then(|()| self.wait(ASK_WAIT)),
            );
        }
        if self.kill().is_err() {
            // The lifeline closes, and its guard tries once more.
            self.shared.life().guard = None;
        }
    }

    fn os(&self, doing: &str) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::os(format!("{doing} {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Waits for the end of the process, and takes note of it.
    fn reap(&self, pid: Pid) {
        // Not reaped here yet, so that nobody signals a number that is another's by then.
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {
        }
        let mut life = self.life();
        life.status = life.child.wait().ok();
        let guard = life.guard.take();
        drop(life);
        self.ended.notify_all();
        if let Some(guard) = guard {
            // That a guard is gone already makes no difference: there is nothing left to be guarded.
            drop(guard.release());
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shell that becomes the program, in a process group of its own.
fn command(spec: &Spec) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", START, "eventflow-start"])
        .arg(&spec.program)
        .args(&spec.args);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"EVENTFLOW_") {
            command.env_remove(name);
        }
    }
    for (name, value) in &spec.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(dir) = &spec.dir {
        command.current_dir(dir);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}
