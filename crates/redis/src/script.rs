//! Scripts: called by their hash, loaded where Redis does not know them.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

use crate::connection::Link;
use crate::error::QueueError;

/// A Lua script and its hash.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        let hash = redis::Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    /// The beginning of a call with so many keys: they follow, then the other arguments. `size` is that of all arguments
    /// in bytes, roughly.
    pub(crate) fn call(&self, keys: usize, arguments: usize, size: usize) -> Cmd {
        let mut command = Cmd::with_capacity(3 + keys + arguments, size + 64);
        command.arg("EVALSHA").arg(&self.hash).arg(keys);
        command
    }

    /// Runs a call that [`Script::call`] began.
    pub(crate) async fn run(&self, link: &Link, call: &Cmd) -> Result<Value, QueueError> {
        match link.send(call).await {
            Err(QueueError::Redis(error)) if is_unknown(&error) => {
                link.send(&self.load()).await?;
                link.send(call).await
            }
            answer => answer,
        }
    }

    /// Runs a call whose effect will be acknowledged: only where Redis keeps it as well as was asked.
    pub(crate) async fn run_to_keep(&self, link: &Link, call: &Cmd) -> Result<Value, QueueError> {
        match link.send_to_keep(call).await {
            Err(QueueError::Redis(error)) if is_unknown(&error) => {
                link.send(&self.load()).await?;
                link.send_to_keep(call).await
            }
            answer => answer,
        }
    }

    /// Runs a call over a connection of one's own.
    pub(crate) async fn run_on(
        &self,
        wire: &mut redis::aio::MultiplexedConnection,
        call: &Cmd,
    ) -> Result<Value, RedisError> {
        match call.query_async(wire).await {
            Err(error) if is_unknown(&error) => {
                self.load().exec_async(wire).await?;
                call.query_async(wire).await
            }
            answer => answer,
        }
    }

    fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Appends events unless marks stand for them.
pub(crate) static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/append.lua")));
/// Acknowledges and deletes entries and gives their marks an end.
pub(crate) static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/settle.lua")));
/// Takes over what was given to somebody too long ago.
pub(crate) static TAKE_OVER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take_over.lua")));
/// Finds the entry that a mark names.
pub(crate) static FIND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/find.lua")));
/// Measures a partition.
pub(crate) static DEPTH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/depth.lua")));
/// Takes up entries that nobody holds.
pub(crate) static GHOSTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/ghosts.lua")));
/// Removes marks whose entry is gone.
pub(crate) static MARKS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/marks.lua")));
/// Removes consumers of processes that are gone.
pub(crate) static CONSUMERS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/consumers.lua")));
