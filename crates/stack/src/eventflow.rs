//! A process of EventFlow of our own: an API, a worker, or both in one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Missing, Result};
use crate::folder::Folder;
use crate::probe;
use crate::process::Process;
use crate::server::Server;
use crate::spec::Spec;

/// How long an answer may take while readiness is awaited.
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// How long bringing a schema up to date may take.
const MIGRATE_WAIT: Duration = Duration::from_mins(1);
/// How many of its lines an error quotes.
const QUOTED: usize = 30;
/// The binary, where nobody names another.
const PROGRAM: &str = "eventflow";

/// What a process of EventFlow does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventflowCommand {
    /// API, worker and embedded ledger.
    Dev,
    /// API and worker, on whatever the settings say.
    Solo,
    /// The API.
    Api,
    /// A worker.
    Worker,
}

impl EventflowCommand {
    /// What one types.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Solo => "solo",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// How an [`Eventflow`] is started.
#[derive(Debug, Clone)]
pub struct EventflowSettings {
    /// The binary: `eventflow`, or one made with `eventflow::App`.
    pub program: PathBuf,
    /// What it does.
    pub command: EventflowCommand,
    /// What errors and lists call it: `worker-0`.
    pub name: String,
    /// Where its folder is made, in which it runs.
    pub parent: PathBuf,
    /// Its settings by their flat names. Where it listens is chosen here.
    pub settings: BTreeMap<String, String>,
    /// Further variables of its environment.
    pub env: BTreeMap<OsString, OsString>,
}

/// A process of EventFlow on a loopback port that it keeps over all restarts: of its API, or of a worker's probes.
///
/// Its folder holds what it stores, where it is embedded. What can be done to it stands at [`Server`].
#[derive(Debug)]
pub struct Eventflow {
    server: Server,
}

impl Eventflow {
    /// Starts it, and waits until it is ready: until it takes events, or has joined the list of workers.
    ///
    /// # Errors
    /// [`Error::Ended`] with what it said where it refuses to start, with exit code 78 where its settings are wrong;
    /// [`Error::Late`] where it does not become ready.
    pub fn start(settings: &EventflowSettings) -> Result<Self> {
        let folder = Folder::create_in(&settings.parent, &settings.name)?;
        let prepare = |folder: &Path, port: u16| Ok(spec(settings, folder, port));
        let server = Server::start(folder, prepare, |_, port| is_ready(port))?;
        Ok(Self { server })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The folder of its file, where it is embedded.
    pub fn data(&self) -> PathBuf {
        self.folder().join(DATA)
    }

    /// Brings the schema of the store up to date. The program is run in `folder`.
    ///
    /// # Errors
    /// [`Error::Failed`] with what it said.
    pub fn migrate(program: &Path, folder: &Path, settings: &BTreeMap<String, String>) -> Result<()> {
        let spec = with_settings(Spec::new(program).name("migrate").arg("migrate").dir(folder), settings);
        let process = Process::start(&spec)?;
        let status = process.wait(MIGRATE_WAIT)?;
        if status.success() {
            return Ok(());
        }
        // Complete by now: the process has ended.
        drop(process.lines());
        Err(Error::Failed {
            program: program.to_owned(),
            status,
            said: process.tail(QUOTED),
        })
    }
}

impl Deref for Eventflow {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Where an embedded ledger lives, in the folder of its process.
const DATA: &str = "data";

fn spec(settings: &EventflowSettings, folder: &Path, port: u16) -> Spec {
    let listen = match settings.command {
        EventflowCommand::Worker => "EVENTFLOW_WORKER_LISTEN",
        EventflowCommand::Dev | EventflowCommand::Solo | EventflowCommand::Api => "EVENTFLOW_LISTEN",
    };
    let spec = Spec::new(&settings.program)
        .name(&settings.name)
        .arg(settings.command.word())
        .dir(folder);
    let spec = with_settings(spec, &settings.settings)
        .env("EVENTFLOW_DATA_DIR", folder.join(DATA))
        .env(listen, format!("127.0.0.1:{port}"));
    settings
        .env
        .iter()
        .fold(spec, |spec, (name, value)| spec.env(name, value))
}

fn with_settings(spec: Spec, settings: &BTreeMap<String, String>) -> Spec {
    settings.iter().fold(spec, |spec, (name, value)| {
        spec.env(format!("EVENTFLOW_{}", name.to_ascii_uppercase()), value)
    })
}

fn is_ready(port: u16) -> bool {
    probe::status(port, "/readyz", PROBE_WAIT).is_ok_and(|status| status == 200)
}

/// Finds the server's binary: the one that is told, else `eventflow` beside the running program.
///
/// # Errors
/// [`Missing`], with what to type.
pub fn find_eventflow(told: Option<&Path>) -> std::result::Result<PathBuf, Missing> {
    let program = match told {
        Some(told) => absolute(told),
        None => beside(&std::env::current_exe().unwrap_or_default()),
    };
    if is_executable(&program) {
        return Ok(program);
    }
    let todo = match told {
        Some(_) => "name a binary that is there, and that may be executed".to_owned(),
        None => format!(
            "type one of\n  cargo build --release            (then use efctl of target/release)\n  \
             efctl load … --server PATH       (a binary made with eventflow::App, or {PROGRAM} elsewhere)"
        ),
    };
    Err(Missing {
        what: format!("the server's binary ({})", program.display()),
        todo,
    })
}

/// What is named from where we stand, as it is named from anywhere: its process runs in another folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The binary beside this program. A test lies one folder deeper, in `deps`.
fn beside(program: &Path) -> PathBuf {
    let folder = program.parent().unwrap_or(Path::new("/"));
    match folder.file_name() {
        Some(name) if name == "deps" => folder.with_file_name(PROGRAM),
        _ => folder.join(PROGRAM),
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_lies_beside_the_program_also_from_a_test() {
        assert_eq!(beside(Path::new("/t/release/efctl")), Path::new("/t/release/eventflow"));
        assert_eq!(
            beside(Path::new("/t/debug/deps/test-1")),
            Path::new("/t/debug/eventflow")
        );
    }

    #[test]
    fn a_binary_that_is_not_there_is_named() {
        let missing = find_eventflow(Some(Path::new("/no/such/server"))).expect_err("there is none");
        assert!(missing.to_string().contains("/no/such/server"), "{missing}");
        assert!(find_eventflow(Some(Path::new("/bin/sh"))).is_ok());
        find_eventflow(Some(Path::new("/etc/passwd"))).expect_err("it cannot be executed");
    }

    #[test]
    fn where_it_listens_is_ours_to_say() {
        let settings = EventflowSettings {
            program: "/bin/true".into(),
            command: EventflowCommand::Worker,
            name: "worker-0".to_owned(),
            parent: "/tmp".into(),
            settings: BTreeMap::from([("worker_listen".to_owned(), "0.0.0.0:1".to_owned())]),
            env: BTreeMap::from([("LD_PRELOAD".into(), "/x.so".into())]),
        };
        let spec = spec(&settings, Path::new("/f"), 4_711);
        let value = |name: &str| spec.env.get(std::ffi::OsStr::new(name)).cloned().flatten();
        assert_eq!(value("EVENTFLOW_WORKER_LISTEN"), Some("127.0.0.1:4711".into()));
        assert_eq!(value("EVENTFLOW_DATA_DIR"), Some("/f/data".into()));
        assert_eq!(value("EVENTFLOW_LISTEN"), None);
        assert_eq!(value("LD_PRELOAD"), Some("/x.so".into()));
    }
}
