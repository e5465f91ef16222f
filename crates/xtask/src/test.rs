//! `cargo xtask test`: every test, on servers of our own, with nothing left behind.

use std::fs;

use anyhow::{Context, Result};
use eventflow_stack::Folder;

use crate::cargo::{cargo, metadata};
use crate::step::{run as run_command, step, task};
use crate::{install, leftovers};

/// Runs `cargo test` with `args` on top, for the whole workspace unless they name a package.
pub(crate) fn run(args: &[String]) -> Result<()> {
    task("test", || {
        let metadata = metadata()?;
        step("redis-server and PostgreSQL", install::servers)?;
        // Everything that the tests write goes with this folder, temporary files of the system's kind too.
        let place = Folder::create("test")?;
        let temporary = place.path().join("tmp");
        fs::create_dir(&temporary).with_context(|| format!("making {}", temporary.display()))?;
        step("cargo test", || {
            let mut command = cargo(metadata.workspace_root.as_std_path());
            command.arg("test");
            if !names_packages(args) {
                command.arg("--workspace");
            }
            command
                .args(args)
                .env("EVENTFLOW_STACK_DIR", place.path())
                .env("TMPDIR", &temporary);
            run_command(&mut command)
        })?;
        step("nothing is left", || leftovers::none_in(place.path()))
    })
}

/// Whether the arguments of cargo, which end at `--`, choose packages themselves.
fn names_packages(args: &[String]) -> bool {
    let ours = args.iter().take_while(|arg| *arg != "--");
    ours.into_iter()
        .any(|arg| arg == "-p" || arg.starts_with("--package") || arg.starts_with("--workspace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_is_named_is_the_only_one() {
        let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(names_packages(&args(&["-p", "eventflow-core", "lease"])));
        assert!(names_packages(&args(&["--package=eventflow-core"])));
        assert!(!names_packages(&args(&["lease", "--", "-p"])));
        assert!(!names_packages(&[]));
    }
}
