//! `cargo xtask bench`: how fast it is here, measured with release builds. Long, and no part of CI.

use anyhow::Result;

use crate::cargo::{cargo, metadata};
use crate::install;
use crate::step::{run as run_command, step, task};

/// Builds what is measured and what measures, then measures. `args` are the measuring program's.
pub(crate) fn run(args: &[String]) -> Result<()> {
    task("bench", || {
        let metadata = metadata()?;
        let root = metadata.workspace_root.as_std_path();
        step("redis-server and PostgreSQL", install::servers)?;
        step("release builds", || {
            run_command(cargo(root).args(["build", "--release", "-p", "eventflow", "-p", "eventflow-bench"]))
        })?;
        let program = metadata.target_directory.join("release").join("eventflow-bench");
        step("measuring", || {
            // Where it is called is where the files that it names are.
            run_command(std::process::Command::new(program.as_std_path()).args(args))
        })
    })
}
