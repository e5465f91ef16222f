//! A Redis server of our own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::find::find_redis;
use crate::folder::Folder;
use crate::resp::{self, Reply};
use crate::server::Server;
use crate::spec::Spec;

/// How long one PING may take while the server is awaited.
const PING_WAIT: Duration = Duration::from_secs(1);
/// How long an order may take.
const ORDER_WAIT: Duration = Duration::from_secs(30);
/// The longest path of a Unix socket that every system takes, in bytes.
const LONGEST_SOCKET: usize = 100;

/// How a [`Redis`] is started: by default with `appendonly yes` and `appendfsync always`, evicting nothing.
#[derive(Debug, Clone, Default)]
pub struct RedisSettings {
    /// Where its folder is made; [`stack_dir`](crate::stack_dir) if none.
    pub parent: Option<PathBuf>,
    /// Lines of its configuration by their first word, over the defaults: `maxmemory` → `10mb`.
    pub config: BTreeMap<String, String>,
    /// Further variables of its environment.
    pub env: BTreeMap<OsString, OsString>,
}

impl RedisSettings {
    /// Sets a line of the configuration.
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

/// A Redis server on a loopback port and a Unix socket, ended when this is dropped and when its owner dies.
///
/// What can be done to it stands at [`Server`].
#[derive(Debug)]
pub struct Redis {
    server: Server,
}

impl Redis {
    /// Starts a server, and waits until it answers.
    ///
    /// # Errors
    /// [`Error::Missing`] where none is installed, [`Error::Ended`] with what it said where it does not start.
    pub fn start(settings: &RedisSettings) -> Result<Self> {
        let tool = find_redis()?;
        let folder = match &settings.parent {
            Some(parent) => Folder::create_in(parent, "redis")?,
            None => Folder::create("redis")?,
        };
        // The name it is called by decides what it is; see `RedisTool`.
        let program = folder.path().join("redis-server");
        std::os::unix::fs::symlink(&tool.program, &program).map_err(Error::os("link redis-server"))?;
        let prepare = |folder: &Path, port: u16| {
            let file = folder.join("redis.conf");
            let text = config(folder, port, &settings.config);
            fs::write(&file, text).map_err(Error::os(format!("write {}", file.display())))?;
            let spec = Spec::new(&program).name("redis-server").arg(&file).dir(folder);
            Ok(settings
                .env
                .iter()
                .fold(spec, |spec, (name, value)| spec.env(name, value)))
        };
        let server = Server::start(folder, prepare, |_, port| answers(port))?;
        Ok(Self { server })
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Its Unix socket, unless the path would be too long for one.
    pub fn socket(&self) -> Option<PathBuf> {
        socket_in(self.folder())
    }

    /// The configuration file, which CONFIG REWRITE writes.
    pub fn config_file(&self) -> PathBuf {
        self.folder().join("redis.conf")
    }

    /// Gives it a command on a connection of its own, as `&["CONFIG", "SET", "appendonly", "no"]`.
    ///
    /// # Errors
    /// [`Error::Refused`] with its answer, [`Error::Os`] when it does not answer within half a minute.
    pub fn command(&self, words: &[&str]) -> Result<Reply> {
        self.session()?.command(words)
    }

    /// A connection that stays open, for what must be taken back when nobody else is let in.
    ///
    /// # Errors
    /// [`Error::Os`] when it cannot be reached within half a minute.
    pub fn session(&self) -> Result<RedisSession> {
        let connection = resp::Connection::open(self.port(), ORDER_WAIT).map_err(Error::os("reach Redis"))?;
        Ok(RedisSession { connection })
    }
}

/// An open connection to a [`Redis`], closed when this is dropped.
#[derive(Debug)]
pub struct RedisSession {
    connection: resp::Connection,
}

impl RedisSession {
    /// Gives a command.
    ///
    /// # Errors
    /// As [`Redis::command`].
    pub fn command(&mut self, words: &[&str]) -> Result<Reply> {
        refused(words, self.connection.ask(words).map_err(Error::os("talk to Redis"))?)
    }

    /// Gives several commands as one: MULTI, they, EXEC. The reply of each, in order.
    ///
    /// # Errors
    /// As [`Redis::command`], for the first that fails. What the others did is done.
    pub fn transaction(&mut self, commands: &[&[&str]]) -> Result<Vec<Reply>> {
        self.command(&["MULTI"])?;
        for words in commands {
            self.command(words)?;
        }
        match self.command(&["EXEC"])? {
            Reply::List(replies) => commands
                .iter()
                .zip(replies)
                .map(|(words, reply)| refused(words, reply))
                .collect(),
            other => Err(Error::Refused {
                server: "Redis",
                request: "EXEC".to_owned(),
                message: format!("{other:?}"),
            }),
        }
    }
}

/// An error that Redis answered, as an error.
fn refused(words: &[&str], reply: Reply) -> Result<Reply> {
    match reply {
        Reply::Error(message) => Err(Error::Refused {
            server: "Redis",
            request: words.join(" "),
            message,
        }),
        reply => Ok(reply),
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn answers(port: u16) -> bool {
    resp::Connection::open(port, PING_WAIT)
        .and_then(|mut connection| connection.ask(&["PING"]))
        .is_ok_and(|reply| reply == Reply::Text("PONG".to_owned()))
}

fn socket_in(folder: &Path) -> Option<PathBuf> {
    let socket = folder.join("redis.sock");
    (socket.as_os_str().len() <= LONGEST_SOCKET).then_some(socket)
}

/// The text of the configuration file.
fn config(folder: &Path, port: u16, over: &BTreeMap<String, String>) -> String {
    let mut lines = BTreeMap::from([
        ("bind", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("dir", quoted(&folder.display().to_string())),
        ("daemonize", "no".to_owned()),
        ("appendonly", "yes".to_owned()),
        ("appendfsync", "always".to_owned()),
        ("no-appendfsync-on-rewrite", "no".to_owned()),
        ("save", quoted("")),
        ("maxmemory-policy", "noeviction".to_owned()),
    ]);
    if let Some(socket) = socket_in(folder) {
        lines.insert("unixsocket", quoted(&socket.display().to_string()));
    }
    for (name, value) in over {
        lines.insert(name, if value.is_empty() { quoted("") } else { value.clone() });
    }
    lines
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

/// A value of the configuration that may hold blanks.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_over_the_defaults() {
        let settings = RedisSettings::default()
            .set("appendfsync", "everysec")
            .set("maxmemory", "10mb")
            .set("save", "");
        let text = config(Path::new("/some where"), 4_000, &settings.config);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.contains(&"appendfsync everysec"));
        assert!(lines.contains(&"maxmemory 10mb"));
        assert!(lines.contains(&"dir \"/some where\""));
        assert!(lines.contains(&"save \"\""));
        assert_eq!(lines.iter().filter(|line| line.starts_with("appendfsync ")).count(), 1);
    }

    #[test]
    fn a_path_that_is_too_long_has_no_socket() {
        assert_eq!(socket_in(Path::new(&format!("/{}", "x".repeat(120)))), None);
    }
}
