//! `cargo xtask scenarios`: the shipped scenarios on private stacks, each with its own verdict.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::Metadata;

use crate::cargo::{cargo, metadata};
use crate::install;
use crate::step::{run as run_command, say, step, task};

/// Long ones, which run only when they are named or with `--all`.
const LONG: [&str; 2] = ["soak", "ramp-to-limit"];
/// What CI runs: one for each kind of stack and each kind of fault, a few minutes in all.
const QUICK: [&str; 5] = ["smoke", "duplicates", "worker-crash", "redis-flushed", "power-cut"];
/// How often a run that is inconclusive or was not steady is made again: a busy machine is no defect.
const AGAIN: [i32; 2] = [4, 5];

/// Which scenarios, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenarios by their names, without `.toml`
    names: Vec<String>,
    /// Only a few short ones, as CI does
    #[arg(long, conflicts_with_all = ["names", "all"])]
    quick: bool,
    /// The long ones too
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// The profile that the binaries are built with
    #[arg(long, default_value = "release", value_parser = ["release", "dev"])]
    profile: String,
}

/// Builds both binaries, runs the scenarios, and fails where one did.
pub(crate) fn run(args: &Args) -> Result<()> {
    task("scenarios", || {
        let metadata = metadata()?;
        let root = metadata.workspace_root.as_std_path();
        let chosen = chosen(args, &shipped(root)?)?;
        step("redis-server and PostgreSQL", install::servers)?;
        step("binaries", || build(root, &args.profile))?;
        let mut ends = Vec::new();
        for name in &chosen {
            say(&format!("==> {name}"));
            ends.push((name.as_str(), end_of(&metadata, name, &args.profile)?));
        }
        say("");
        for (name, code) in &ends {
            say(&format!("{name:<18} {}", meaning(*code)));
        }
        let failed = ends.iter().filter(|(_, code)| *code != 0).count();
        if failed > 0 {
            bail!(
                "{failed} of {} did not pass; their reports stand in target/scenarios",
                ends.len()
            );
        }
        Ok(())
    })
}

/// Both binaries in the profile.
pub(crate) fn build(root: &Path, profile: &str) -> Result<()> {
    run_command(cargo(root).args(["build", "--profile", profile, "-p", "eventflow", "-p", "efctl"]))
}

/// The exit code of one scenario, run again once where nobody could say.
fn end_of(metadata: &Metadata, name: &str, profile: &str) -> Result<i32> {
    let code = once(metadata, name, profile)?;
    if !AGAIN.contains(&code) {
        return Ok(code);
    }
    say(&format!("    {name}: {}; once more", meaning(code)));
    once(metadata, name, profile)
}

fn once(metadata: &Metadata, name: &str, profile: &str) -> Result<i32> {
    let target = metadata.target_directory.as_std_path();
    let folder = target.join("scenarios").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let built = if profile == "dev" { "debug" } else { profile };
    let status = Command::new(target.join(built).join("efctl"))
        .current_dir(metadata.workspace_root.as_std_path())
        .args(["load", &format!("scenarios/{name}.toml"), "--out"])
        .arg(&folder)
        .status()
        .context("starting efctl")?;
    // By a signal: no exit code that means anything.
    Ok(status.code().unwrap_or(-1))
}

/// What an exit code of `efctl load` means.
pub(crate) fn meaning(code: i32) -> String {
    let words = match code {
        0 => "pass",
        1 => "a threshold is missed",
        2 => "a bad file, or something is missing",
        3 => "AN INVARIANT IS BROKEN",
        4 => "inconclusive",
        5 => "not steady at the start",
        69 => "unreachable",
        130 => "interrupted",
        _ => "ended badly",
    };
    format!("{words} ({code})")
}

/// The names of all shipped scenarios, sorted.
fn shipped(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("scenarios");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("reading scenarios")?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn chosen(args: &Args, shipped: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = args.names.iter().find(|name| !shipped.contains(name)) {
        bail!("there is no scenario `{unknown}`; there are {}", shipped.join(", "));
    }
    if !args.names.is_empty() {
        return Ok(args.names.clone());
    }
    let wanted = |name: &&String| match (args.quick, args.all) {
        (true, _) => QUICK.contains(&name.as_str()),
        (_, true) => true,
        _ => !LONG.contains(&name.as_str()),
    };
    Ok(shipped.iter().filter(wanted).cloned().collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Asked {
        #[command(flatten)]
        args: Args,
    }

    fn names(words: &[&str]) -> Result<Vec<String>> {
        let shipped: Vec<String> = ["poison", "smoke", "soak"].map(String::from).to_vec();
        let asked = Asked::try_parse_from(std::iter::once("x").chain(words.iter().copied()))?;
        chosen(&asked.args, &shipped)
    }

    #[test]
    fn long_ones_run_only_when_they_are_asked_for() {
        assert_eq!(names(&[]).expect("all short ones"), ["poison", "smoke"]);
        assert_eq!(names(&["soak"]).expect("a named one"), ["soak"]);
        assert_eq!(names(&["--all"]).expect("all").len(), 3);
        assert_eq!(names(&["--quick"]).expect("the quick ones"), ["smoke"]);
        assert!(names(&["smoek"]).is_err() && names(&["--quick", "smoke"]).is_err());
    }

    #[test]
    fn what_ci_and_the_long_list_name_is_shipped() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shipped = shipped(&root).expect("the scenarios");
        let missing: Vec<&&str> = QUICK
            .iter()
            .chain(&LONG)
            .filter(|name| !shipped.iter().any(|s| s == **name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
