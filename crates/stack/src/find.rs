//! Where the programs of the servers are on this machine, and what to type where they are not.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Missing;

/// Programs of Redis that are the server itself under another name where redis-tools is packaged apart, as in Debian.
const REDIS_TWINS: [&str; 2] = ["redis-check-rdb", "redis-check-aof"];
/// Folders whose entries hold a `bin` folder of PostgreSQL each, and what the names of those entries begin with.
const POSTGRES_HOMES: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
];

/// The program that is a Redis server when it is run under the name `redis-server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTool {
    /// Its path; the file's own name may be another.
    pub program: PathBuf,
}

/// The programs of one PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresTools {
    /// The folder with `initdb` and `postgres`.
    pub bin: PathBuf,
    /// Its version as it says it, such as `15.18`.
    pub version: String,
}

/// Finds a Redis server on the PATH.
///
/// # Errors
/// [`Missing`], with what to type.
pub fn find_redis() -> Result<RedisTool, Missing> {
    let twin = || {
        REDIS_TWINS
            .iter()
            .filter_map(|name| on_path(name))
            .find(|program| is_redis_server(program))
    };
    on_path("redis-server")
        .or_else(twin)
        .map(|program| RedisTool { program })
        .ok_or_else(|| Missing {
            what: "redis-server".to_owned(),
            todo:
                "type one of\n  apt-get install redis-tools      (Debian, Ubuntu; no system service comes with it)\n  \
               dnf install redis                (Fedora)\n  brew install redis               (macOS)"
                    .to_owned(),
        })
}

/// Finds PostgreSQL's programs: on the PATH, else the newest where packages put them.
///
/// # Errors
/// [`Missing`], with what to type.
pub fn find_postgres() -> Result<PostgresTools, Missing> {
    path_folders()
        .chain(postgres_homes())
        .find_map(|folder| postgres_in(&folder))
        .ok_or_else(|| Missing {
            what: "PostgreSQL's server (initdb and postgres)".to_owned(),
            todo:
                "type one of\n  apt-get install postgresql       (Debian, Ubuntu; or postgresql-NN for one version)\n  \
               dnf install postgresql-server    (Fedora)\n  brew install postgresql          (macOS)"
                    .to_owned(),
        })
}

/// Whether the program says that it is a Redis server when it is called so.
fn is_redis_server(program: &Path) -> bool {
    Command::new(program)
        .arg0("redis-server")
        .arg("--version")
        .output()
        .is_ok_and(|said| said.status.success() && said.stdout.starts_with(b"Redis server"))
}

fn postgres_in(folder: &Path) -> Option<PostgresTools> {
    let postgres = executable(folder.join("postgres"))?;
    executable(folder.join("initdb"))?;
    let said = Command::new(postgres)
        .arg("--version")
        .output()
        .ok()
        .filter(|said| said.status.success())?;
    let version = version_of(&String::from_utf8_lossy(&said.stdout))?;
    Some(PostgresTools {
        bin: folder.to_owned(),
        version,
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
fn version_of(said: &str) -> Option<String> {
    said.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// The `bin` folders of every PostgreSQL that a package installed, the newest first.
fn postgres_homes() -> impl Iterator<Item = PathBuf> {
    let mut homes: Vec<(u32, PathBuf)> = POSTGRES_HOMES
        .iter()
        .filter_map(|(folder, prefix)| Some((std::fs::read_dir(folder).ok()?, prefix)))
        .flat_map(|(entries, prefix)| entries.flatten().map(move |entry| (entry, prefix)))
        .filter(|(entry, prefix)| entry.file_name().to_string_lossy().starts_with(**prefix))
        .map(|(entry, _)| (major(&entry.file_name().to_string_lossy()), entry.path().join("bin")))
        .collect();
    homes.sort_by(|one, other| other.cmp(one));
    homes.into_iter().map(|(_, bin)| bin)
}

/// The version in a folder's name: 15 in `15`, in `pgsql-15` and in `postgresql@15`.
fn major(name: &str) -> u32 {
    let digits: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

/// The program of this name, if it is on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    path_folders().find_map(|folder| executable(folder.join(name)))
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect::<Vec<_>>()
        .into_iter()
}

fn executable(path: PathBuf) -> Option<PathBuf> {
    let found = path
        .metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    found.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_said() {
        assert_eq!(
            version_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(),
            Some("15.18")
        );
        assert_eq!(version_of("postgres (PostgreSQL) 19devel").as_deref(), Some("19devel"));
        assert_eq!(version_of("no such thing"), None);
    }

    #[test]
    fn the_newest_is_told_by_its_number() {
        assert!(major("9.6") < major("15"));
        assert_eq!(major("postgresql@17"), 17);
        assert_eq!(major("postgresql"), 0);
    }

    #[test]
    fn who_misses_a_program_is_told_what_to_type() {
        let missing = Missing {
            what: "redis-server".to_owned(),
            todo: "type apt-get install redis-tools".to_owned(),
        };
        assert_eq!(
            missing.to_string(),
            "redis-server is not installed; type apt-get install redis-tools"
        );
    }
}
