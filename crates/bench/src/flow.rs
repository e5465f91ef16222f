//! EventFlow's own processes, as an operator starts them, and the rigs' beside them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use eventflow_stack::{Folder, Port, Process, Spec, free_port};

use crate::bench::Bench;
use crate::proc;
use crate::world::{POLL, World, await_until};

/// What a process gets to become ready.
const READY: Duration = Duration::from_secs(30);
/// More than any measurement lets wait.
const BACKLOG_CAP: &str = "100000000";

/// A process that takes events over HTTP.
pub(crate) struct Server {
    process: Process,
    port: Port,
    _folder: Folder,
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port.number()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn peak_memory(&self) -> Option<f64> {
        proc::peak_memory(self.pid())
    }

    pub(crate) fn cpu(&self) -> Option<Duration> {
        proc::cpu(self.pid())
    }

    /// Ends it in order, and waits for that.
    pub(crate) fn end(&self) -> Result<()> {
        let status = self.process.terminate(READY)?;
        if !status.success() {
            bail!("it ended with {status}:\n{}", self.process.tail(20));
        }
        Ok(())
    }
}

/// A process without HTTP.
pub(crate) struct Worker {
    process: Process,
    _folder: Folder,
}

impl Worker {
    pub(crate) fn peak_memory(&self) -> Option<f64> {
        proc::peak_memory(self.process.id())
    }

    pub(crate) fn cpu(&self) -> Option<Duration> {
        proc::cpu(self.process.id())
    }
}

/// Makes the ledger's tables.
pub(crate) fn migrate(bench: &Bench, world: &World) -> Result<()> {
    let folder = Folder::create("migrate")?;
    let spec = on_world(bench, world, "migrate", folder.path());
    let process = Process::start(&spec)?;
    if !process.wait(READY)?.success() {
        bail!("`eventflow migrate` failed:\n{}", process.tail(20));
    }
    Ok(())
}

/// An API on the servers of this world, ready and taking events where it should.
pub(crate) fn api(bench: &Bench, world: &World) -> Result<Server> {
    let (folder, port) = (Folder::create("api")?, free_port()?);
    let spec = on_world(bench, world, "api", folder.path())
        .env("EVENTFLOW_LISTEN", port.address())
        .env("EVENTFLOW_BACKLOG_CAP", BACKLOG_CAP);
    let taken_by = if world.redis.is_some() { "queue" } else { "ledger" };
    started(&spec, port, folder, Some(taken_by))
}

/// A worker with the simulated handler, ready. `settings` go over the defaults.
pub(crate) fn worker(bench: &Bench, world: &World, settings: &[(&str, &str)]) -> Result<Worker> {
    let folder = Folder::create("worker")?;
    let mut spec = on_world(bench, world, "worker", folder.path()).env("EVENTFLOW_SIMULATE", "true");
    for (name, value) in settings {
        spec = spec.env(name, value);
    }
    let process = Process::start(&spec)?;
    process.wait_for("said that it is ready", READY, |line| {
        line.text.contains("\"ready\"") || line.text.trim_end().ends_with("ready")
    })?;
    Ok(Worker {
        process,
        _folder: folder,
    })
}

/// All of it in one process, on one file in `data`.
pub(crate) fn dev(bench: &Bench, data: &Path) -> Result<Server> {
    let (folder, port) = (Folder::create("dev")?, free_port()?);
    let spec = Spec::new(&bench.eventflow)
        .arg("dev")
        .env("EVENTFLOW_LISTEN", port.address())
        .env("EVENTFLOW_DATA_DIR", data)
        .env("EVENTFLOW_BACKLOG_CAP", BACKLOG_CAP)
        .dir(folder.path());
    started(&spec, port, folder, Some("ledger"))
}

/// A part of a rig that listens.
pub(crate) fn rig_server(bench: &Bench, rig: &str, args: &[&str]) -> Result<Server> {
    let (folder, port) = (Folder::create("rig")?, free_port()?);
    let spec = Spec::new(&bench.own)
        .args(["rig", rig, "--listen", &port.address()])
        .args(args)
        .dir(folder.path());
    started(&spec, port, folder, None)
}

/// A part of a rig that works by itself.
pub(crate) fn rig_worker(bench: &Bench, part: &str, args: &[&str]) -> Result<Worker> {
    let folder = Folder::create("rig")?;
    let spec = Spec::new(&bench.own).args(["rig", part]).args(args).dir(folder.path());
    let process = Process::start(&spec)?;
    process.wait_for_line("ready", READY)?;
    Ok(Worker {
        process,
        _folder: folder,
    })
}

fn on_world(bench: &Bench, world: &World, role: &str, folder: &Path) -> Spec {
    let spec = Spec::new(&bench.eventflow)
        .name(format!("eventflow {role}"))
        .arg(role)
        .env("EVENTFLOW_STORE_URL", world.store_url())
        .dir(folder);
    match &world.redis {
        Some(redis) => spec.env("EVENTFLOW_QUEUE_URL", redis.url()),
        None => spec,
    }
}

fn started(spec: &Spec, port: Port, folder: Folder, taken_by: Option<&str>) -> Result<Server> {
    let process = Process::start(spec)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port.number()));
    let ready = await_until("a server to become ready", READY, POLL, || {
        if !process.is_running() {
            bail!("it ended:\n{}", process.tail(20));
        }
        Ok(is_ready(address, taken_by).unwrap_or(false))
    });
    ready.with_context(|| process.tail(20))?;
    Ok(Server {
        process,
        port,
        _folder: folder,
    })
}

/// Whether `/readyz` says yes, and that events go where they should.
fn is_ready(address: SocketAddr, taken_by: Option<&str>) -> Result<bool> {
    const WAIT: Duration = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let taken = taken_by.is_none_or(|taker| answer.contains(&format!("\"taken_by\":\"{taker}\"")));
    Ok(answer.starts_with("HTTP/1.1 200") && taken)
}
