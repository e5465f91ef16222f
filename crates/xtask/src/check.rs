//! `cargo xtask check`: everything that can be judged without running the product.

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::Metadata;

use crate::cargo::{cargo, metadata};
use crate::fences;
use crate::graph::Graph;
use crate::house;
use crate::planted;
use crate::step::{run as run_command, say, step, task, works};

/// Runs all checks, the quick ones first, and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    task("check", || {
        let metadata = metadata()?;
        rules(&metadata)?;
        lints(metadata.workspace_root.as_std_path())
    })
}

/// What needs no compiler.
fn rules(metadata: &Metadata) -> Result<()> {
    let root = metadata.workspace_root.as_std_path();
    step("format", || run_command(cargo(root).args(["fmt", "--all", "--check"])))?;
    step("house rules", || none_of(&house::breaches(metadata)?))?;
    step("no bug is planted by default", || {
        none_of(&planted::by_default(metadata))
    })?;
    step("fences between rooms", || {
        none_of(&fences::violations(&Graph::of(metadata)?))
    })
}

/// What needs one: clippy and the documents, and what other tools say where there are any.
fn lints(root: &Path) -> Result<()> {
    step("clippy", || {
        run_command(cargo(root).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("documents", || {
        run_command(
            cargo(root)
                .args(["doc", "--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    // Advisories need a download; the release workflow asks for them.
    let deny = ["--offline", "check", "bans", "licenses", "sources"];
    with_tool(root, "deny", "cargo-deny: licences, bans and sources", &deny)?;
    with_tool(root, "machete", "cargo-machete: unused dependencies", &[])
}

/// Runs a step that needs a cargo subcommand which not everybody has.
fn with_tool(root: &Path, tool: &str, name: &str, args: &[&str]) -> Result<()> {
    if !works(cargo(root).args([tool, "--version"])) {
        say(&format!("==> {name}: skipped, cargo-{tool} is not installed"));
        return Ok(());
    }
    step(name, || run_command(cargo(root).arg(tool).args(args)))
}

fn none_of(complaints: &[String]) -> Result<()> {
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{} to mend:\n  {}", complaints.len(), complaints.join("\n  "))
}
