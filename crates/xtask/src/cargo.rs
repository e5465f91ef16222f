//! Cargo as it would run without us in between.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// How the names of variables begin by which cargo tells a program that it runs who it is. Build scripts depend on some
/// of them, and would all run again whenever `cargo xtask` and a plain cargo take turns.
const TOLD: [&str; 4] = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// A cargo command in the folder `root`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_told) {
            command.env_remove(name);
        }
    }
    command
}

/// What cargo knows of the workspace that we are called in.
pub(crate) fn metadata() -> Result<Metadata> {
    MetadataCommand::new().exec().context("cargo metadata")
}

fn is_told(name: &str) -> bool {
    name == "CARGO" || TOLD.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_tells_a_program_is_taken_from_its_environment() {
        for name in ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            assert!(is_told(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_INCREMENTAL",
            "RUSTUP_TOOLCHAIN",
            "PATH",
        ] {
            assert!(!is_told(name), "{name}");
        }
    }
}
