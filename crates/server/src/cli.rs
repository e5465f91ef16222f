//! The command line: the commands by hand, the settings off the table.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{Role, SETTINGS, Setting, Sources};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Which command.
    pub(crate) command: Verb,
    /// Where its settings come from.
    pub(crate) sources: Sources,
}

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Serve events in this role.
    Run(Role),
    /// Bring the schema of the ledger up to date.
    Migrate,
    /// Print the configuration as this role would see it.
    Config {
        /// The role.
        role: Role,
        /// As JSON lines.
        json: bool,
    },
}

const DEV_EXAMPLES: &str = "Examples:
  eventflow dev                          API, worker and ledger in one process on 127.0.0.1:8000
  eventflow dev --listen 127.0.0.1:9000 --data-dir /tmp/try";
const SOLO_EXAMPLES: &str = "Examples:
  eventflow solo
  EVENTFLOW_STORE_URL=postgres://eventflow@db/eventflow eventflow solo --tokens-file tokens --listen 0.0.0.0:8000";
const API_EXAMPLES: &str = "Examples:
  EVENTFLOW_STORE_URL=postgres://eventflow@db/eventflow eventflow api
  EVENTFLOW_STORE_URL=postgres://eventflow@db/eventflow EVENTFLOW_QUEUE_URL=redis://queue:6379 eventflow api";
const WORKER_EXAMPLES: &str = "Examples:
  EVENTFLOW_STORE_URL=postgres://eventflow@db/eventflow eventflow worker --concurrency 128
  EVENTFLOW_STORE_URL=postgres://eventflow@db/eventflow eventflow worker --worker-listen 127.0.0.1:8001";
const MIGRATE_EXAMPLES: &str = "Examples:
  EVENTFLOW_STORE_URL=postgres://owner@db/eventflow eventflow migrate";
const CONFIG_EXAMPLES: &str = "Examples:
  eventflow config
  eventflow config --for worker --json";

/// The whole command line of `eventflow`, and of a binary of one's own.
pub(crate) fn command(name: &'static str, version: &'static str) -> Command {
    let role = |name: &'static str, about: &'static str, examples: &'static str| {
        Command::new(name).about(about).after_help(examples)
    };
    Command::new(name)
        .version(version)
        .about("Takes events over HTTP, keeps them safe, and runs each through its handler")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("EVENTFLOW_CONFIG")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help("The configuration file [default: eventflow.toml, if it is there]"),
        )
        .args(SETTINGS.iter().map(flag))
        .subcommand(role(
            "dev",
            "API, worker and an embedded ledger in one process; migrates by itself",
            DEV_EXAMPLES,
        ))
        .subcommand(role(
            "solo",
            "API and worker in one process, for production",
            SOLO_EXAMPLES,
        ))
        .subcommand(role("api", "The API alone", API_EXAMPLES))
        .subcommand(role("worker", "A worker alone", WORKER_EXAMPLES))
        .subcommand(role(
            "migrate",
            "Bring the ledger's schema up to date",
            MIGRATE_EXAMPLES,
        ))
        .subcommand(
            role(
                "config",
                "Print every setting, its value and where that came from",
                CONFIG_EXAMPLES,
            )
            .arg(
                Arg::new("for")
                    .long("for")
                    .value_name("ROLE")
                    .default_value("solo")
                    .value_parser(PossibleValuesParser::new(["dev", "solo", "api", "worker"]))
                    .help("Check the settings for this role"),
            )
            .arg(
                Arg::new("json")
                    .long("json")
                    .action(ArgAction::SetTrue)
                    .help("One JSON object a line"),
            ),
        )
}

fn flag(setting: &'static Setting) -> Arg {
    let default = if setting.default.is_empty() || setting.is_switch() {
        String::new()
    } else {
        format!(" [default: {}]", setting.default)
    };
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .global(true)
        .help(format!("{}{default}", setting.help))
        .help_heading("Settings");
    if setting.is_switch() {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL")
    } else {
        arg.value_name(setting.value)
    }
}

/// Reads the arguments that [`command`] matched.
pub(crate) fn read(matches: &ArgMatches) -> Option<Asked> {
    let (name, matches) = matches.subcommand()?;
    let command = match name {
        "migrate" => Verb::Migrate,
        "config" => Verb::Config {
            role: role_of(matches.get_one::<String>("for")?)?,
            json: matches.get_flag("json"),
        },
        role => Verb::Run(role_of(role)?),
    };
    let flags = SETTINGS
        .iter()
        .filter_map(|setting| {
            let text = matches.get_one::<String>(setting.name)?;
            Some((setting.name.to_owned(), text.clone()))
        })
        .collect();
    Some(Asked {
        command,
        sources: Sources {
            flags,
            environment: std::env::vars_os()
                .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
                .collect(),
            file: matches.get_one::<PathBuf>("config").cloned(),
        },
    })
}

fn role_of(name: &str) -> Option<Role> {
    match name {
        "dev" => Some(Role::Dev),
        "solo" => Some(Role::Solo),
        "api" => Some(Role::Api),
        "worker" => Some(Role::Worker),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Asked {
        let matches = command("eventflow", "0").try_get_matches_from(args).expect("arguments");
        read(&matches).expect("a command")
    }

    #[test]
    fn the_command_line_is_sound() {
        command("eventflow", "0").debug_assert();
    }

    #[test]
    fn settings_are_flags_before_and_behind_the_command() {
        for args in [&["x", "--lease", "3s", "dev"][..], &["x", "dev", "--lease=3s"]] {
            let asked = asked(args);
            assert_eq!(asked.command, Verb::Run(Role::Dev));
            assert_eq!(asked.sources.flags, [("lease".to_owned(), "3s".to_owned())]);
        }
    }

    #[test]
    fn a_switch_needs_no_value_and_takes_one() {
        assert_eq!(asked(&["x", "dev", "--insecure"]).sources.flags[0].1, "true");
        assert_eq!(asked(&["x", "dev", "--simulate=false"]).sources.flags[0].1, "false");
    }

    #[test]
    fn every_command_has_examples() {
        for sub in command("eventflow", "0").get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n  "), "{}", sub.get_name());
        }
    }
}
