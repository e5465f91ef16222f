//! Judges what an acknowledged event survives on a server with these settings, and what is to be done where that is
//! less than was asked. Pure: a server is asked elsewhere.

use eventflow_core::{Durability, Finding};

use crate::settings::Settings;

/// What the settings are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// The level in force; unknown where the server does not tell enough.
    pub(crate) level: Option<Durability>,
    /// What forbids appending.
    pub(crate) findings: Vec<Finding>,
    /// What would forbid it if the level were not assumed.
    pub(crate) waived: Vec<String>,
}

impl Judgement {
    /// Why nothing may be appended, for a person to read; none where it may.
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.findings.is_empty() {
            return None;
        }
        let mut text = String::from("Redis takes no events until this is mended.");
        for finding in &self.findings {
            text.push('\n');
            text.push_str(&finding.problem);
            for line in &finding.remedy {
                text.push_str("\n  ");
                text.push_str(line);
            }
        }
        Some(text)
    }
}

/// Judges settings against the level that was asked for. `is_settled` says whether the append-only file is known to hold
/// everything: not before its first rewrite has ended.
pub(crate) fn judge(settings: &Settings, asked: Durability, assumed: bool, is_settled: bool) -> Judgement {
    let level = level(settings, is_settled);
    let mut judgement = Judgement {
        level,
        findings: Vec::new(),
        waived: Vec::new(),
    };
    if settings.major().is_some_and(|major| major < 7) {
        judgement.findings.push(Finding {
            problem: format!("{} is too old: EventFlow needs Redis 7.0 or newer.", settings.version()),
            remedy: vec!["Upgrade the server.".into()],
        });
    }
    if asked == Durability::Memory {
        return judgement;
    }
    if let Some(finding) = eviction(settings) {
        // What it keeps on disk it may throw away by itself.
        judgement.level = Some(Durability::Memory);
        judgement.findings.push(finding);
    }
    if level.is_none_or(|level| level < asked) {
        let problem = problem(settings, asked, is_settled);
        if assumed {
            judgement.waived.push(problem);
        } else {
            let remedy = ways_out(settings, asked, is_settled);
            judgement.findings.push(Finding { problem, remedy });
        }
    }
    judgement
}

fn level(settings: &Settings, is_settled: bool) -> Option<Durability> {
    if !settings.appendonly? || !is_settled || is_write_failing(settings) {
        return Some(Durability::Memory);
    }
    match settings.appendfsync.as_deref()? {
        "always" if settings.no_appendfsync_on_rewrite? => Some(Durability::Process),
        "always" => Some(Durability::Disk),
        "everysec" => Some(Durability::Process),
        _ => Some(Durability::Memory),
    }
}

fn is_write_failing(settings: &Settings) -> bool {
    settings
        .info
        .get("aof_last_write_status")
        .is_some_and(|status| status != "ok")
}

/// A policy that may throw away entries that wait. Under `volatile-*` only marks of settled events can go early.
fn eviction(settings: &Settings) -> Option<Finding> {
    let (problem, remedy) = match settings.policy.as_deref() {
        Some(policy) if policy.starts_with("allkeys-") => (
            format!("maxmemory-policy is {policy}: a full Redis would throw away events that wait, without an error."),
            commands(settings, &[("maxmemory-policy", "noeviction")]),
        ),
        _ => return None,
    };
    Some(Finding { problem, remedy })
}

fn problem(settings: &Settings, asked: Durability, is_settled: bool) -> String {
    let mut causes = Vec::new();
    match settings.appendonly {
        None => causes.push("whether appendonly is set cannot be read".to_owned()),
        Some(false) => causes.push("appendonly is no".to_owned()),
        Some(true) if !is_settled => causes.push("the first rewrite of the append-only file has not ended".to_owned()),
        Some(true) => {}
    }
    match settings.appendfsync.as_deref() {
        None => causes.push("CONFIG GET is refused, so that appendfsync cannot be read".to_owned()),
        Some(fsync) if !is_enough(fsync, asked) => causes.push(format!("appendfsync is {fsync}")),
        Some(_) => {}
    }
    if asked == Durability::Disk && settings.no_appendfsync_on_rewrite == Some(true) {
        causes.push("no-appendfsync-on-rewrite is yes".to_owned());
    }
    if is_write_failing(settings) {
        causes.push("the last write to the append-only file failed".to_owned());
    }
    format!(
        "Redis does not show that it keeps acknowledged events at the level `{asked}`: {}.",
        causes.join("; ")
    )
}

fn is_enough(fsync: &str, asked: Durability) -> bool {
    fsync == "always" || (fsync == "everysec" && asked < Durability::Disk)
}

/// The three ways out, line by line.
fn ways_out(settings: &Settings, asked: Durability, is_settled: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if !settings.is_config_told {
        lines.push("Let this user read the settings: ACL SETUSER <user> +config|get, then ACL SAVE".to_owned());
    } else if is_write_failing(settings) {
        let dir = settings.dir.as_deref().unwrap_or("its folder");
        lines.push(format!(
            "Look into Redis' log and make room or mend the rights in {dir}."
        ));
    } else {
        lines.extend(commands(settings, &wrong(settings, asked)));
        if settings.appendonly == Some(true) && !is_settled {
            lines.push(
                "Wait until INFO persistence says aof_rewrite_in_progress:0 and aof_last_bgrewrite_status:ok."
                    .to_owned(),
            );
        }
    }
    lines.push(match asked {
        Durability::Disk => {
            "Or start with --durability process, for which appendonly yes and appendfsync everysec are enough."
                .to_owned()
        }
        _ => "Or start with --durability memory --allow-volatile.".to_owned(),
    });
    lines.push("Or start with --assume-durability, if you know that events are safe there.".to_owned());
    lines
}

fn wrong(settings: &Settings, asked: Durability) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let wanted = if asked == Durability::Disk {
        "always"
    } else {
        "everysec"
    };
    if !settings
        .appendfsync
        .as_deref()
        .is_some_and(|fsync| is_enough(fsync, asked))
    {
        wrong.push(("appendfsync", wanted));
    }
    if asked == Durability::Disk && settings.no_appendfsync_on_rewrite == Some(true) {
        wrong.push(("no-appendfsync-on-rewrite", "no"));
    }
    if settings.appendonly != Some(true) {
        wrong.push(("appendonly", "yes"));
    }
    wrong
}

/// What to type; where no file stands behind the server, also what to write into one: a restart would forget it.
fn commands(settings: &Settings, wrong: &[(&str, &str)]) -> Vec<String> {
    if wrong.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<_> = wrong
        .iter()
        .map(|(name, value)| format!("redis-cli CONFIG SET {name} {value}"))
        .collect();
    if settings.has_file() {
        lines.push("redis-cli CONFIG REWRITE".to_owned());
    } else {
        lines.push(
            "This server was started without a redis.conf and forgets that at a restart. Write into one:".to_owned(),
        );
        lines.extend(wrong.iter().map(|(name, value)| format!("{name} {value}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    const FILE: (&str, &str) = ("config_file", "/etc/redis.conf");

    fn config<'a>(only: &'a str, fsync: &'a str, on_rewrite: &'a str, policy: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("appendonly", only),
            ("appendfsync", fsync),
            ("no-appendfsync-on-rewrite", on_rewrite),
            ("maxmemory-policy", policy),
        ]
    }

    fn level_of(only: &str, fsync: &str, on_rewrite: &str, is_settled: bool) -> Option<Durability> {
        let told = settings(&[FILE], Some(&config(only, fsync, on_rewrite, "noeviction")));
        judge(&told, Durability::Disk, false, is_settled).level
    }

    #[test]
    fn each_setting_counts() {
        assert_eq!(level_of("yes", "always", "no", true), Some(Durability::Disk));
        assert_eq!(level_of("yes", "always", "yes", true), Some(Durability::Process));
        assert_eq!(level_of("yes", "everysec", "no", true), Some(Durability::Process));
        assert_eq!(level_of("yes", "no", "no", true), Some(Durability::Memory));
        assert_eq!(level_of("no", "always", "no", true), Some(Durability::Memory));
        assert_eq!(level_of("yes", "always", "no", false), Some(Durability::Memory));
    }

    #[test]
    fn a_refusal_says_the_three_ways_out() {
        let told = settings(&[FILE], Some(&config("no", "everysec", "yes", "noeviction")));
        let refusal = judge(&told, Durability::Disk, false, true).refusal().expect("refused");
        for part in [
            "appendonly is no",
            "CONFIG SET appendonly yes",
            "CONFIG SET appendfsync always",
            "CONFIG SET no-appendfsync-on-rewrite no",
            "CONFIG REWRITE",
            "--durability process",
            "--assume-durability",
        ] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }

    #[test]
    fn without_a_file_the_lines_for_one_are_said() {
        let told = settings(
            &[("config_file", "")],
            Some(&config("no", "always", "no", "noeviction")),
        );
        let judgement = judge(&told, Durability::Disk, false, true);
        let remedy = &judgement.findings[0].remedy;
        assert!(remedy.contains(&"appendonly yes".to_owned()), "{remedy:?}");
        assert!(!remedy.iter().any(|line| line.contains("CONFIG REWRITE")));
    }

    #[test]
    fn a_level_is_met_by_a_better_one() {
        let told = settings(&[FILE], Some(&config("yes", "everysec", "yes", "volatile-lru")));
        for (asked, is_refused) in [
            (Durability::Disk, true),
            (Durability::Process, false),
            (Durability::Memory, false),
        ] {
            assert_eq!(
                judge(&told, asked, false, true).refusal().is_some(),
                is_refused,
                "{asked}"
            );
        }
    }

    #[test]
    fn what_evicts_streams_is_refused_even_if_the_level_is_assumed() {
        let told = settings(&[FILE], Some(&config("yes", "always", "no", "allkeys-lru")));
        assert!(judge(&told, Durability::Disk, true, true).refusal().is_some());
        assert!(judge(&told, Durability::Process, false, true).refusal().is_some());
        assert!(judge(&told, Durability::Memory, false, true).refusal().is_none());
        let judgement = judge(&told, Durability::Disk, false, true);
        assert_eq!(
            (judgement.level, judgement.findings.len()),
            (Some(Durability::Memory), 1)
        );
    }

    #[test]
    fn what_is_not_told_is_refused_unless_assumed() {
        let told = settings(&[("aof_enabled", "1"), ("maxmemory_policy", "noeviction")], None);
        let judgement = judge(&told, Durability::Disk, false, true);
        assert_eq!(judgement.level, None);
        assert!(judgement.refusal().expect("refused").contains("+config|get"));
        let assumed = judge(&told, Durability::Disk, true, true);
        assert_eq!(assumed.refusal(), None);
        assert_eq!(assumed.waived.len(), 1);
    }

    #[test]
    fn a_failing_file_is_no_level() {
        let told = settings(
            &[FILE, ("aof_last_write_status", "err")],
            Some(&config("yes", "everysec", "no", "noeviction")),
        );
        let judgement = judge(&told, Durability::Process, false, true);
        assert_eq!(judgement.level, Some(Durability::Memory));
        assert!(judgement.refusal().expect("refused").contains("the last write"));
    }

    #[test]
    fn an_old_server_is_refused_at_every_level() {
        let told = settings(&[("redis_version", "6.2.14")], None);
        assert!(judge(&told, Durability::Memory, true, true).refusal().is_some());
    }
}
