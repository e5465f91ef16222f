//! `cargo xtask planted`: the test of the test. A bug is planted on purpose, and a shipped scenario must catch it.
//!
//! The bugs are in `crates/core/src/planted.rs` and where it is asked. A binary of its own has them, which the feature
//! `planted` builds; a script around it chooses one by a variable, since a stack hands none of ours on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Metadata;
use eventflow_stack::Folder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cargo::{cargo, metadata};
use crate::scenarios::meaning;
use crate::step::{run as run_command, say, step, task};
use crate::{install, leftovers};

/// Within this a bug has to be caught.
const WITHIN: Duration = Duration::from_mins(3);
/// What a run that took too long gets to end in order.
const END: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_millis(100);
/// Exit codes of a run that says something is wrong: a threshold missed, an invariant broken, inconclusive.
const WRONG: [i32; 3] = [1, 3, 4];
/// Exit codes after which a control is run once more: a busy machine is no defect.
const AGAIN: [i32; 2] = [4, 5];

/// A bug, and what must catch it.
struct Planted {
    bug: &'static str,
    run: Run,
    /// The checks by which it shows; one of them has to fail.
    by: &'static [&'static str],
}

/// A scenario as it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    scenario: &'static str,
    stack: Option<&'static str>,
}

const POSTGRES_OUTAGE: Run = on("postgres-outage");
const REDIS_RESTART: Run = on("redis-restart");
const REDIS_FLUSHED: Run = on("redis-flushed");
const ZOMBIE_WORKER: Run = on("zombie-worker");
/// Without a queue, so that every repeat reaches the ledger.
const DUPLICATES: Run = Run {
    scenario: "duplicates",
    stack: Some("postgres"),
};

const BUGS: [Planted; 10] = [
    planted("settle-before-commit", POSTGRES_OUTAGE, &["acked_lost"]),
    planted("ack-before-durable", REDIS_RESTART, &["acked_lost"]),
    planted("trim-by-length", POSTGRES_OUTAGE, &["acked_lost"]),
    planted("group-at-end", REDIS_FLUSHED, &["asleep/recovery"]),
    planted("delete-on-claim", POSTGRES_OUTAGE, &["acked_lost"]),
    planted(
        "dead-letter-on-outage",
        POSTGRES_OUTAGE,
        &["dead_letters", "dead_unasked"],
    ),
    planted("outcome-without-lease", ZOMBIE_WORKER, &["run_twice"]),
    planted("copy-is-run", DUPLICATES, &["run_twice"]),
    planted("reader-ends-silently", REDIS_RESTART, &["drained"]),
    planted("unsorted-batches", DUPLICATES, &["deadlocks"]),
];

const fn on(scenario: &'static str) -> Run {
    Run { scenario, stack: None }
}

const fn planted(bug: &'static str, run: Run, by: &'static [&'static str]) -> Planted {
    Planted { bug, run, by }
}

/// Which bugs, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bugs by their names
    names: Vec<String>,
    /// Shows the bugs, and what must catch each
    #[arg(long)]
    list: bool,
    /// The profile that the binaries are built with
    #[arg(long, default_value = "release", value_parser = ["release", "dev"])]
    profile: String,
}

/// Builds, runs every scenario in use without a bug, then each bug's with it; fails where one is missed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen = chosen(&args.names)?;
    if args.list {
        for one in &chosen {
            say(&format!(
                "{:<24} {:<36} {}",
                one.bug,
                one.run.words(),
                one.by.join(" or ")
            ));
        }
        return Ok(());
    }
    task("planted", || {
        let metadata = metadata()?;
        step("redis-server and PostgreSQL", install::servers)?;
        step("binaries", || build(&metadata, &args.profile))?;
        let place = Folder::create("planted")?;
        let field = Field::new(&metadata, &args.profile, place.path());
        let ends = field.controls(&chosen)?.into_iter().chain(field.bugs(&chosen)?);
        let (said, failed): (Vec<String>, Vec<bool>) = ends.unzip();
        say("");
        for line in said {
            say(&line);
        }
        step("nothing is left", || leftovers::none_in(place.path()))?;
        let failed = failed.into_iter().filter(|failed| *failed).count();
        if failed > 0 {
            bail!("{failed} runs did not end as they must; what they found stands in target/planted");
        }
        Ok(())
    })
}

/// Features of packages that would plant bugs where nobody asks for them, as sentences.
pub(crate) fn by_default(metadata: &Metadata) -> Vec<String> {
    const FEATURE: &str = "planted";
    let mut said = Vec::new();
    for package in metadata.workspace_packages() {
        for (feature, enabled) in &package.features {
            let plants = |other: &String| other.rsplit('/').next() == Some(FEATURE);
            if feature != FEATURE && enabled.iter().any(plants) {
                said.push(format!("the feature `{feature}` of {} plants bugs", package.name));
            }
        }
        let plants = |features: &[String]| features.iter().any(|feature| feature == FEATURE);
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| plants(&dependency.features))
        {
            said.push(format!(
                "{} depends on {} with bugs planted",
                package.name, dependency.name
            ));
        }
    }
    said
}

fn chosen(names: &[String]) -> Result<Vec<&'static Planted>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| BUGS.iter().all(|one| one.bug != name.as_str()))
    {
        let known: Vec<_> = BUGS.iter().map(|one| one.bug).collect();
        bail!("there is no bug `{unknown}`; there are {}", known.join(", "));
    }
    let wanted = |one: &&Planted| names.is_empty() || names.iter().any(|name| name == one.bug);
    Ok(BUGS.iter().filter(wanted).collect())
}

fn build(metadata: &Metadata, profile: &str) -> Result<()> {
    let root = metadata.workspace_root.as_std_path();
    let eventflow = ["-p", "eventflow", "--features", "planted", "--bin", "eventflow-planted"];
    run_command(cargo(root).args(["build", "--profile", profile]).args(eventflow))?;
    run_command(cargo(root).args(["build", "--profile", profile, "-p", "efctl"]))
}

impl Run {
    /// As a person would type it.
    fn words(&self) -> String {
        let stack = self.stack.map(|stack| format!(" --stack {stack}"));
        format!("{}{}", self.scenario, stack.unwrap_or_default())
    }
}

/// Where runs are made.
struct Field {
    root: PathBuf,
    efctl: PathBuf,
    server: PathBuf,
    /// What the runs find.
    out: PathBuf,
    /// Their servers.
    stacks: PathBuf,
}

/// How a run ended.
struct End {
    code: Option<i32>,
    /// The checks that do not stand, by name.
    failed: Vec<String>,
    out: PathBuf,
}

impl Field {
    fn new(metadata: &Metadata, profile: &str, stacks: &Path) -> Self {
        let target = metadata.target_directory.as_std_path();
        let built = target.join(if profile == "dev" { "debug" } else { profile });
        Self {
            root: metadata.workspace_root.as_std_path().to_owned(),
            efctl: built.join("efctl"),
            server: built.join("eventflow-planted"),
            out: target.join("planted"),
            stacks: stacks.to_owned(),
        }
    }

    /// Every scenario that is used, once and without a bug: a line each, and whether it failed.
    fn controls(&self, chosen: &[&Planted]) -> Result<Vec<(String, bool)>> {
        let mut runs: Vec<Run> = Vec::new();
        for one in chosen {
            if !runs.contains(&one.run) {
                runs.push(one.run);
            }
        }
        runs.iter()
            .map(|run| {
                say(&format!("==> no bug: {}", run.words()));
                let mut end = self.once(*run, None)?;
                if end.code.is_some_and(|code| AGAIN.contains(&code)) {
                    say(&format!("    {}; once more", end.words()));
                    end = self.once(*run, None)?;
                }
                let passed = end.code == Some(0);
                let line = format!("{:<24} {:<36} {}", "(no bug)", run.words(), end.words());
                say(&format!("    {}", end.words()));
                Ok((line, !passed))
            })
            .collect()
    }

    /// Each bug with its scenario: a line each, and whether it was missed.
    fn bugs(&self, chosen: &[&Planted]) -> Result<Vec<(String, bool)>> {
        chosen
            .iter()
            .map(|one| {
                say(&format!("==> {}: {}", one.bug, one.run.words()));
                let end = self.once(one.run, Some(one.bug))?;
                let caught = is_caught(one, &end);
                let found = format!("{} {}", if caught { "caught:" } else { "MISSED:" }, end.words());
                say(&format!("    {found}"));
                Ok((format!("{:<24} {:<36} {found}", one.bug, one.run.words()), !caught))
            })
            .collect()
    }

    fn once(&self, run: Run, bug: Option<&str>) -> Result<End> {
        let name = bug.map_or_else(|| format!("no-bug-{}", run.scenario), str::to_owned);
        let out = self.out.join(&name);
        if out.exists() {
            fs::remove_dir_all(&out).with_context(|| format!("removing {}", out.display()))?;
        }
        fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
        let server = self.script(&name, bug)?;
        let said = fs::File::create(out.join("said.txt")).context("making said.txt")?;
        let mut command = Command::new(&self.efctl);
        command.args(["load", &format!("scenarios/{}.toml", run.scenario)]);
        command.arg("--server").arg(server).arg("--out").arg(&out);
        if let Some(stack) = run.stack {
            command.args(["--stack", stack]);
        }
        command
            .current_dir(&self.root)
            .env("EVENTFLOW_STACK_DIR", &self.stacks)
            .stdout(said.try_clone().context("said.txt")?)
            .stderr(said);
        let status = wait(command.spawn().context("starting efctl")?)?;
        Ok(End {
            code: status.and_then(|status| status.code()),
            failed: failed(&out.join("summary.json"))?,
            out,
        })
    }

    /// The server with a bug, as a program.
    fn script(&self, name: &str, bug: Option<&str>) -> Result<PathBuf> {
        let path = self.out.join(format!("{name}.sh"));
        let server = self.server.display().to_string().replace('\'', r"'\''");
        let export = bug.map_or_else(String::new, |bug| format!("export EVENTFLOW_PLANTED={bug}\n"));
        fs::write(&path, format!("#!/bin/sh\n{export}exec '{server}' \"$@\"\n"))
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

impl End {
    fn words(&self) -> String {
        let code = self.code.map_or_else(|| format!("not within {WITHIN:?}"), meaning);
        if self.failed.is_empty() {
            return if self.code == Some(0) {
                code
            } else {
                format!("{code}; see {}", self.out.join("said.txt").display())
            };
        }
        format!("{code}: {}", self.failed.join(", "))
    }
}

/// Whether the run says that something is wrong, and by the check by which this bug shows.
fn is_caught(one: &Planted, end: &End) -> bool {
    let shows = end.failed.iter().any(|failed| one.by.contains(&failed.as_str()));
    shows && end.code.is_some_and(|code| WRONG.contains(&code))
}

/// The checks that do not stand; none where there is no summary.
fn failed(summary: &Path) -> Result<Vec<String>> {
    if !summary.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(summary).with_context(|| format!("reading {}", summary.display()))?;
    let summary: Value = serde_json::from_str(&text).context("summary.json")?;
    failed_in(&summary).context("summary.json has no checks: has its form changed?")
}

fn failed_in(summary: &Value) -> Option<Vec<String>> {
    let checks = summary.pointer("/verdict/checks")?.as_array()?;
    let failed = checks.iter().filter(|check| check["stands"] != "met");
    failed.map(|check| check["name"].as_str().map(str::to_owned)).collect()
}

/// Waits for the end of a run, and ends it where it takes too long: then there is no status.
fn wait(mut child: Child) -> Result<Option<ExitStatus>> {
    if let Some(status) = within(&mut child, WITHIN)? {
        return Ok(Some(status));
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).context("ending efctl")?;
    if within(&mut child, END)?.is_none() {
        child.kill().context("killing efctl")?;
        child.wait().context("waiting for efctl")?;
    }
    Ok(None)
}

#[expect(clippy::disallowed_methods, reason = "a run has as long as it really takes")]
fn within(child: &mut Child, time: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < time {
        if let Some(status) = child.try_wait().context("waiting for efctl")? {
            return Ok(Some(status));
        }
        std::thread::sleep(REST);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &str = include_str!("../../core/src/planted.rs");

    fn end(code: Option<i32>, failed: &[&str]) -> End {
        End {
            code,
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            out: PathBuf::from("out"),
        }
    }

    #[test]
    fn every_bug_of_core_is_in_the_table_and_no_other() {
        let (_, names) = CORE.split_once("pub const fn name(self)").expect("bugs have names");
        let (names, _) = names.split_once("\n    }\n").expect("the function ends");
        let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
        let ours: Vec<&str> = BUGS.iter().map(|one| one.bug).collect();
        assert_eq!(ours, names);
    }

    #[test]
    fn every_scenario_of_the_table_is_shipped() {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        for one in &BUGS {
            let file = scenarios.join(one.run.scenario).with_extension("toml");
            assert!(file.is_file(), "{}", file.display());
        }
    }

    /// A check that a scenario has only where its file asks for it, as it is asked for there.
    fn asked_for_by(check: &str) -> Option<String> {
        match check {
            "acked_lost" | "run_twice" | "dead_unasked" | "drained" => None,
            "dead_letters" => Some("\ndlq = { at_most = ".to_owned()),
            "deadlocks" => Some("\ndeadlocks = 0\n".to_owned()),
            threshold => Some(format!("\n\"{threshold}\" = ")),
        }
    }

    #[test]
    fn every_scenario_asks_for_what_its_bugs_show_by() {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        for one in &BUGS {
            let file = scenarios.join(one.run.scenario).with_extension("toml");
            let text = fs::read_to_string(&file).expect("the scenario is there");
            let shows = |check: &&str| asked_for_by(check).is_none_or(|asked| text.contains(&asked));
            let blind: Vec<_> = one.by.iter().filter(|check| !shows(check)).collect();
            assert!(
                blind.len() < one.by.len(),
                "{} does not ask for {blind:?}: {}",
                one.run.scenario,
                one.bug
            );
        }
    }

    #[test]
    fn a_bug_is_caught_by_its_own_check_alone() {
        let bug = &BUGS[0];
        assert!(is_caught(bug, &end(Some(3), &["acked_lost", "drained"])));
        assert!(is_caught(bug, &end(Some(4), &["acked_lost"])));
        assert!(!is_caught(bug, &end(Some(4), &["drained"])), "for another reason");
        assert!(!is_caught(bug, &end(Some(0), &[])));
        assert!(!is_caught(bug, &end(Some(2), &[])), "it never ran");
        assert!(!is_caught(bug, &end(None, &["acked_lost"])), "too late");
    }

    #[test]
    fn checks_are_read_from_a_summary() {
        let text = r#"{"verdict":{"outcome":"broken","checks":[
            {"name":"acked_lost","stands":"broken"},{"name":"drained","stands":"met"},{"name":"progress","stands":"unknown"}]}}"#;
        let summary: Value = serde_json::from_str(text).expect("it is JSON");
        let failed = failed_in(&summary).expect("it has checks");
        assert_eq!(failed, ["acked_lost", "progress"]);
        assert_eq!(failed_in(&serde_json::json!({"verdict": {}})), None);
    }

    #[test]
    fn bugs_are_chosen_by_name() {
        assert_eq!(chosen(&[]).expect("all").len(), BUGS.len());
        let one = chosen(&["copy-is-run".to_owned()]).expect("one");
        assert_eq!(
            (one.len(), one[0].run.words().as_str()),
            (1, "duplicates --stack postgres")
        );
        assert!(chosen(&["copy-is-ran".to_owned()]).is_err());
    }

    #[test]
    fn no_package_of_ours_plants_bugs_by_default() {
        let metadata = metadata().expect("cargo's metadata");
        assert_eq!(by_default(&metadata), Vec::<String>::new());
    }
}
