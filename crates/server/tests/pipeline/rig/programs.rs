//! Where the programs are. Cargo builds them with the tests of the whole workspace; what only a part of it left out is built now.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A program that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// `eventflow`, without handlers of its own.
    Eventflow,
    /// The example that users copy.
    Orders,
    /// The handlers whose world a test can change.
    Errands,
    /// The command line of operators.
    Efctl,
}

impl Program {
    /// Its file.
    pub(crate) fn path(self) -> PathBuf {
        let eventflow = PathBuf::from(env!("CARGO_BIN_EXE_eventflow"));
        let example = |name: &str| eventflow.with_file_name("examples").join(name);
        match self {
            Self::Eventflow => eventflow,
            Self::Orders => present(example("orders"), &["--package", "eventflow", "--example", "orders"]),
            Self::Errands => present(example("errands"), &["--package", "eventflow", "--example", "errands"]),
            Self::Efctl => present(eventflow.with_file_name("efctl"), &["--package", "efctl"]),
        }
    }
}

/// One build at a time.
static BUILDING: Mutex<()> = Mutex::new(());

fn present(path: PathBuf, what: &[&str]) -> PathBuf {
    let one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    if !path.is_file() {
        build(&path, what);
    }
    drop(one);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

fn build(path: &Path, what: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]).args(what);
    if path.components().any(|part| part.as_os_str() == "release") {
        command.arg("--release");
    }
    // What cargo tells the programs that it runs makes another cargo build things anew.
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes == b"CARGO" || bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST") {
            command.env_remove(name);
        }
    }
    let status = tokio::task::block_in_place(|| command.status()).expect("cargo runs");
    assert!(status.success(), "cargo build {}: {status}", what.join(" "));
}
