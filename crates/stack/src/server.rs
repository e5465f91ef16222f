//! What a Redis and a PostgreSQL of ours have in common: a process on a port, in a folder, that can be hurt and mended.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::port::{Port, free_port};
use crate::process::Process;
use crate::spec::Spec;

/// What a server gets to become ready; a recovery after a kill is part of it.
const READY_WAIT: Duration = Duration::from_mins(1);
/// What a server gets to end in order before a restart kills it.
const END_WAIT: Duration = Duration::from_secs(15);
/// How often a start is tried when somebody else was quicker at the port.
const STARTS: u32 = 3;

/// Says whether the server takes requests.
pub(crate) type Ready = Box<dyn Fn() -> bool + Send + Sync>;

/// A server that runs as our child. It ends, and its folder goes, when this is dropped or its owner dies.
pub struct Server {
    spec: Spec,
    process: Mutex<Arc<Process>>,
    ready: Ready,
    folder: Folder,
    port: Port,
}

impl Server {
    /// Starts a server and waits until it is ready. `prepare` writes its configuration and says what to start.
    pub(crate) fn start(
        folder: Folder,
        prepare: impl Fn(&Path, u16) -> Result<Spec>,
        ready: impl Fn(&Path, u16) -> bool + Send + Sync + Clone + 'static,
    ) -> Result<Self> {
        let mut tried = 1;
        loop {
            let port = free_port()?;
            let number = port.number();
            let spec = prepare(folder.path(), number)?.owning(folder.path());
            let ready: Ready = {
                let (ready, path) = (ready.clone(), folder.path().to_owned());
                Box::new(move || ready(&path, number))
            };
            match launch(&spec, &ready) {
                Ok(process) => {
                    return Ok(Self {
                        spec,
                        process: Mutex::new(Arc::new(process)),
                        ready,
                        folder,
                        port,
                    });
                }
                Err(Error::Ended { said, .. }) if said.contains("in use") && tried < STARTS => tried += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The process that runs now, or ran last.
    pub fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The folder with its configuration and data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The loopback port it listens on, the same over all restarts.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Kills it (SIGKILL), with all its processes, and waits until they are gone.
    pub fn kill(&self) -> Result<()> {
        self.process().kill().map(drop)
    }

    /// Freezes all its processes (SIGSTOP): connections stand, nothing answers.
    pub fn stop(&self) -> Result<()> {
        self.process().stop()
    }

    /// Lets all its processes run on (SIGCONT).
    pub fn cont(&self) -> Result<()> {
        self.process().cont()
    }

    /// Ends it in order, and waits until it has ended.
    pub fn terminate(&self) -> Result<()> {
        self.process().terminate(END_WAIT).map(drop)
    }

    /// Ends it in order if it runs, and kills it if that takes longer than `within`. It has ended when this returns.
    pub fn end_within(&self, within: Duration) -> Result<()> {
        let process = self.process();
        if process.is_running() && process.terminate(within).is_err() {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts it again on the same port and in the same folder, and waits until it is ready. One that still runs is
    /// ended in order first.
    pub fn restart(&self) -> Result<()> {
        self.end_within(END_WAIT)?;
        let process = launch(&self.spec, &self.ready)?;
        self.put(process);
        Ok(())
    }

    /// Starts it again on the same port and in the same folder, and waits for nothing: what it needs may be away still.
    /// One that runs already is left alone.
    pub fn launch(&self) -> Result<()> {
        if !self.process().is_running() {
            self.put(Process::start(&self.spec)?);
        }
        Ok(())
    }

    /// Whether it takes requests now.
    pub fn is_ready(&self) -> bool {
        self.process().is_running() && (self.ready)()
    }

    /// Waits until it takes requests.
    ///
    /// # Errors
    /// [`Error::Ended`] when it ended before, [`Error::Late`] after `within`.
    pub fn wait_until_ready(&self, within: Duration) -> Result<()> {
        await_ready(&self.process(), &self.ready, within)
    }

    fn put(&self, process: Process) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Somebody may hold the process still; it must end before its folder does.
        self.process().end();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port())
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}

/// Starts the process and waits until it is ready.
fn launch(spec: &Spec, ready: &Ready) -> Result<Process> {
    let process = Process::start(spec)?;
    await_ready(&process, ready, READY_WAIT)?;
    Ok(process)
}

fn await_ready(process: &Process, ready: &Ready, within: Duration) -> Result<()> {
    let awaited = "become ready";
    let found = Deadline::after(within).poll(|| match process.status() {
        Some(status) => Err(process.ended(status, awaited)),
        None => Ok(ready().then_some(())),
    })?;
    found.ok_or_else(|| process.late(awaited, within))
}
