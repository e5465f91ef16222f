//! The servers that the tests need: found, or installed where we may.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use eventflow_stack::{find_postgres, find_redis};

use crate::step::{run, say, works};

/// A folder that every Debian has. It is locked, not changed: two tasks of two checkouts must not install at once.
const LOCKED: &str = "/var/lib/dpkg";
/// apt-get waits for its own lock when it installs, but not when it updates.
const UPDATES: u32 = 8;
/// How long after a failed update the next is tried.
const UPDATE_WAIT: Duration = Duration::from_secs(10);
/// Where Debian's packages of PostgreSQL are told whether to make a cluster, which would run as a service.
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// Makes sure that redis-server and PostgreSQL's binaries are there.
pub(crate) fn servers() -> Result<()> {
    if missing().is_empty() {
        return found();
    }
    if !rustix::process::geteuid().is_root() || !works(Command::new("apt-get").arg("--version")) {
        bail!("{}", missing().join("\n"));
    }
    let lock = File::open(LOCKED).with_context(|| format!("opening {LOCKED}"))?;
    lock.lock().with_context(|| format!("locking {LOCKED}"))?;
    // Whoever held the lock may have installed them.
    if find_redis().is_err() || find_postgres().is_err() {
        update()?;
    }
    if find_redis().is_err() {
        install("redis-tools")?;
    }
    if find_postgres().is_err() {
        install_postgres()?;
    }
    drop(lock);
    match missing() {
        nothing if nothing.is_empty() => found(),
        still => bail!("the packages are installed, and yet:\n{}", still.join("\n")),
    }
}

fn found() -> Result<()> {
    let (redis, postgres) = (find_redis()?, find_postgres()?);
    say(&format!("    redis-server: {}", redis.program.display()));
    say(&format!(
        "    PostgreSQL {}: {}",
        postgres.version,
        postgres.bin.display()
    ));
    Ok(())
}

/// What is missing, with what to type.
fn missing() -> Vec<String> {
    [find_redis().err(), find_postgres().err()]
        .into_iter()
        .flatten()
        .map(|missing| missing.to_string())
        .collect()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "DPkg::Lock::Timeout=300", "--quiet=2"]);
    command
}

fn update() -> Result<()> {
    for left in (0..UPDATES).rev() {
        match run(apt_get().args(["-o", "Acquire::Retries=3", "update"])) {
            Ok(()) => break,
            Err(error) if left == 0 => return Err(error),
            Err(error) => {
                say(&format!("    {error:#}; trying again in {} s", UPDATE_WAIT.as_secs()));
                std::thread::sleep(UPDATE_WAIT);
            }
        }
    }
    Ok(())
}

fn install(package: &str) -> Result<()> {
    say(&format!("    installing {package}"));
    run(apt_get().args(["install", "--yes", "--no-install-recommends", package]))
}

/// Installs the newest PostgreSQL that is packaged, without a cluster, so that no server of the system is started.
fn install_postgres() -> Result<()> {
    let listed = Command::new("apt-cache")
        .args(["search", "--names-only", "^postgresql-[0-9]+$"])
        .output();
    let listed = listed.context("asking apt-cache for PostgreSQL")?;
    let package = newest(&String::from_utf8_lossy(&listed.stdout)).context("apt has no package of PostgreSQL")?;
    install("postgresql-common")?;
    let changed = NoClusters::set(Path::new(CLUSTERS))?;
    let installed = install(&package);
    changed.undo()?;
    installed
}

/// `postgresql-17`, if that is the highest of lines such as `postgresql-15 - The World's Most Advanced …`.
fn newest(listed: &str) -> Option<String> {
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let versions = names.filter_map(|name| name.strip_prefix("postgresql-")?.parse::<u32>().ok());
    versions.max().map(|version| format!("postgresql-{version}"))
}

/// The setting that no cluster is made, as long as a package is being installed.
struct NoClusters {
    file: PathBuf,
    before: String,
}

impl NoClusters {
    fn set(file: &Path) -> Result<Self> {
        let before = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let text = format!("{}\ncreate_main_cluster = false\n", before.trim_end());
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self {
            file: file.to_owned(),
            before,
        })
    }

    fn undo(self) -> Result<()> {
        fs::write(&self.file, self.before).with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_package_is_told_by_its_number() {
        let listed = "postgresql-9 - old\npostgresql-17 - new\npostgresql-15 - older\npostgresql-15-cron - no\n";
        assert_eq!(newest(listed).as_deref(), Some("postgresql-17"));
        assert_eq!(newest(""), None);
    }

    #[test]
    fn the_setting_against_clusters_is_taken_back() {
        let folder = eventflow_stack::Folder::create("install").expect("a folder is made");
        let file = folder.path().join("createcluster.conf");
        fs::write(&file, "ssl = on\n").expect("it is written");
        let changed = NoClusters::set(&file).expect("it is set");
        assert_eq!(
            fs::read_to_string(&file).expect("it is there"),
            "ssl = on\ncreate_main_cluster = false\n"
        );
        changed.undo().expect("it is taken back");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "ssl = on\n");
    }
}
