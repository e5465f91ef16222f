//! A PostgreSQL server of our own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::find::find_postgres;
use crate::folder::Folder;
use crate::pgwire::{self, Trouble};
use crate::runas::RunAs;
use crate::server::Server;
use crate::template;

/// How long a connection may take while the server is awaited.
const PING_WAIT: Duration = Duration::from_secs(5);
/// How long an order may take.
const ORDER_WAIT: Duration = Duration::from_mins(1);
/// Who may do anything.
const SUPERUSER: &str = "postgres";
/// What it gets to end in order before a restart kills it.
const END_WAIT: Duration = Duration::from_secs(15);
/// The longest folder of a Unix socket that every system takes, in bytes.
const LONGEST_SOCKET_FOLDER: usize = 85;

/// How a [`Postgres`] is started: by default as `initdb` sets it up, so with fsync and `synchronous_commit` on.
#[derive(Debug, Clone, Default)]
pub struct PostgresSettings {
    /// Where its folder is made; [`stack_dir`](crate::stack_dir) if none.
    pub parent: Option<PathBuf>,
    /// Lines of `postgresql.conf`: `max_connections` → `20`. ALTER SYSTEM goes over them.
    pub config: BTreeMap<String, String>,
    /// Further variables of its environment.
    pub env: BTreeMap<OsString, OsString>,
}

impl PostgresSettings {
    /// Sets a line of `postgresql.conf`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.config.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }
}

/// A PostgreSQL server on a loopback port and a Unix socket, ended when this is dropped and when its owner dies.
///
/// Its superuser is `postgres`, trusted without a password; encoding UTF8, locale C. What can be done to it stands at
/// [`Server`]; signals reach every backend.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    run_as: RunAs,
}

impl Postgres {
    /// Starts a server, and waits until it takes connections.
    ///
    /// # Errors
    /// [`Error::Missing`] where none is installed, [`Error::Ended`] with what it said where it does not start.
    pub fn start(settings: &PostgresSettings) -> Result<Self> {
        let tools = find_postgres()?;
        let run_as = RunAs::find()?;
        let parent = settings.parent.clone().unwrap_or_else(crate::stack_dir);
        let folder = Folder::create_in(&parent, "postgres")?;
        run_as
            .give(folder.path())
            .map_err(Error::os("give away the folder of PostgreSQL"))?;
        template::make_data(&tools, run_as, &crate::stack_dir(), &folder.path().join("data"))?;
        let prepare = |folder: &Path, port: u16| {
            let data = folder.join("data");
            append(&data.join("postgresql.conf"), &config(folder, port, &settings.config))?;
            let spec = run_as
                .spec(&tools.bin.join("postgres"))
                .name("postgres")
                .arg("-D")
                .arg(&data)
                .dir(folder);
            let spec = settings
                .env
                .iter()
                .fold(spec, |spec, (name, value)| spec.env(name, value));
            // Asked to, it frees its shared memory and reaps its backends before it goes.
            Ok(spec
                .env_remove("PGDATA")
                .terminated_by(Signal::INT)
                .ask_first(Signal::QUIT))
        };
        let server = Server::start(folder, prepare, is_ready)?;
        Ok(Self { server, run_as })
    }

    /// `postgres://postgres@127.0.0.1:PORT/DATABASE`. There is a database `postgres` from the start.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The folder of its Unix socket, unless the path would be too long for one.
    pub fn socket_folder(&self) -> Option<PathBuf> {
        socket_folder_in(self.folder())
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Makes a database and returns its URL. The name must be made of lower-case letters, digits and `_`.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(name))
    }

    /// Runs one or more statements as the superuser, on a connection of its own, and returns the rows of all of them:
    /// the text of each column, none for NULL.
    ///
    /// # Errors
    /// [`Error::Refused`] with SQLSTATE and message, [`Error::Os`] when it does not answer within a minute.
    pub fn sql(&self, database: &str, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.session(SUPERUSER, database)?.sql(statements)
    }

    /// A session that stays open.
    ///
    /// # Errors
    /// [`Error::Refused`] with SQLSTATE and message, [`Error::Os`] when it does not answer within a minute.
    pub fn session(&self, user: &str, database: &str) -> Result<PostgresSession> {
        let session = pgwire::Session::open(self.port(), user, database, ORDER_WAIT)
            .map_err(|trouble| error(trouble, &format!("a session of {user}")))?;
        Ok(PostgresSession { session })
    }

    /// Starts it again on the same port and data, and waits until it takes connections. One that still runs is ended
    /// in order first.
    pub fn restart(&self) -> Result<()> {
        self.server.end_within(END_WAIT)?;
        // Left by a killed server; its process id may be another's by now, and keep this one from starting.
        let file = pid_file(self.folder());
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::Os {
                doing: format!("remove {}", file.display()),
                source: error,
            }),
            _ => self.server.restart(),
        }
    }

    /// Frees the System V segment that a killed server left; one in a namespace has gone with it.
    fn free_shared_memory(&self) {
        let Some(segment) = fs::read_to_string(pid_file(self.folder()))
            .ok()
            .and_then(|text| segment_in(&text))
        else {
            return;
        };
        if !matches!(self.run_as, RunAs::Namespace(_)) && !self.process().is_running() {
            // Some bytes, which the next start would find: not worth an error while dropping.
            drop(Command::new("ipcrm").args(["-m", &segment]).output());
        }
    }
}

/// An open session of a [`Postgres`], closed when this is dropped.
#[derive(Debug)]
pub struct PostgresSession {
    session: pgwire::Session,
}

impl PostgresSession {
    /// Runs one or more statements, and returns the rows of all of them: the text of each column, none for NULL.
    ///
    /// # Errors
    /// As [`Postgres::sql`].
    pub fn sql(&mut self, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.session
            .query(statements)
            .map_err(|trouble| error(trouble, statements))
    }
}

fn error(trouble: Trouble, request: &str) -> Error {
    match trouble {
        Trouble::Refused(message) => Error::Refused {
            server: "PostgreSQL",
            request: request.to_owned(),
            message,
        },
        Trouble::Io(source) => Error::Os {
            doing: "talk to PostgreSQL".to_owned(),
            source,
        },
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process().end();
        self.free_shared_memory();
    }
}

/// Whether the postmaster has written into its file that it takes connections.
fn is_ready(folder: &Path, port: u16) -> bool {
    let state = fs::read_to_string(pid_file(folder)).unwrap_or_default();
    state.lines().any(|line| line.trim_end() == "ready") && answers(port)
}

fn answers(port: u16) -> bool {
    pgwire::Session::open(port, SUPERUSER, "postgres", PING_WAIT).is_ok()
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("data").join("postmaster.pid")
}

/// The id of the shared memory segment: the second word of the seventh line.
fn segment_in(pid_file: &str) -> Option<String> {
    let id = pid_file.lines().nth(6)?.split_whitespace().nth(1)?;
    id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.to_owned())
}

fn socket_folder_in(folder: &Path) -> Option<PathBuf> {
    (folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER).then(|| folder.to_owned())
}

/// The lines that are added to `postgresql.conf`; the last one of a name counts.
fn config(folder: &Path, port: u16, over: &BTreeMap<String, String>) -> String {
    let socket_folder = socket_folder_in(folder).map_or(String::new(), |folder| folder.display().to_string());
    let mut lines = BTreeMap::from([
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", socket_folder),
        // Otherwise files in /dev/shm outlive a kill.
        ("dynamic_shared_memory_type", "mmap".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
    ]);
    for (name, value) in over {
        lines.insert(name, value.clone());
    }
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name} = '{}'", value.replace('\'', "''")));
    lines.collect::<Vec<_>>().join("\n")
}

fn append(file: &Path, text: &str) -> Result<()> {
    let doing = || format!("write {}", file.display());
    let mut file = fs::File::options()
        .append(true)
        .open(file)
        .map_err(Error::os(doing()))?;
    file.write_all(format!("\n{text}\n").as_bytes())
        .map_err(Error::os(doing()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_over_the_defaults_and_are_quoted() {
        let settings = PostgresSettings::default()
            .set("fsync", "off")
            .set("search_path", "it's");
        let text = config(Path::new("/x"), 5_000, &settings.config);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.contains(&"fsync = 'off'"));
        assert!(lines.contains(&"port = '5000'"));
        assert!(lines.contains(&"search_path = 'it''s'"));
        assert!(lines.contains(&"unix_socket_directories = '/x'"));
    }

    #[test]
    fn the_segment_is_read_from_the_file_of_the_postmaster() {
        let file = "42\n/data\n1700000000\n5432\n/x\n127.0.0.1\n  5505025    131072\nready   \n";
        assert_eq!(segment_in(file).as_deref(), Some("131072"));
        assert_eq!(segment_in("42\n/data\n"), None);
    }
}
