//! What a user types. Each command's own arguments stand in its file.

use clap::{Args, Parser, Subcommand};

use crate::{audit, completions, dlq, events, handlers, load, pause, send, why};

const EXITS: &str = "\
Exit codes: 0 fine; 1 the answer is no; 2 usage; 69 the API is unreachable or cannot serve now (429, 503); 77 not allowed; 130 interrupted; 3 to 5 are verdicts of `efctl load`.
stdout is data, stderr is talk. NO_COLOR is honoured.

Examples:
  efctl send --type order.created --data '{\"total\":7}'
  efctl why 01890a5d-ac96-8f08-888d-d19a20827245
  efctl status
  efctl load scenarios/smoke.toml
  efctl doctor";

/// Operates `EventFlow`: send events, look them up, explain them, and mend what went wrong.
#[derive(Debug, Parser)]
#[command(name = "efctl", version, about, after_help = EXITS, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// Where the API is
    #[arg(
        long,
        global = true,
        env = "EVENTFLOW_API",
        default_value = "http://127.0.0.1:8000",
        value_name = "URL"
    )]
    pub(crate) api: String,
    /// The token to present
    #[arg(long, global = true, env = "EVENTFLOW_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Write JSON: a list as one object a line, a single thing as one object
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send one event, many of the same, or a file of them
    #[command(after_help = send::EXAMPLES)]
    Send(send::SendArgs),
    /// Drive load and faults by a scenario, and prove that nothing was lost
    #[command(after_help = load::EXAMPLES)]
    Load(load::LoadArgs),
    /// Show one event, or list those that match
    #[command(after_help = events::EXAMPLES)]
    Events(events::EventsArgs),
    /// Explain one event: its life so far, where it is now, and what to do
    #[command(after_help = why::EXAMPLES)]
    Why(why::WhyArgs),
    /// How everything is, in ten lines
    #[command(after_help = "Examples:\n  efctl status\n  efctl status --json | jq .backlog")]
    Status,
    /// The workers on the list
    #[command(after_help = "Examples:\n  efctl workers\n  efctl workers --json | jq 'select(.living | not)'")]
    Workers,
    /// The handlers on the list; `retire` takes one off it
    #[command(after_help = handlers::EXAMPLES)]
    Handlers(handlers::HandlersArgs),
    /// Stop running one handler's events, or stop all running
    #[command(after_help = "Examples:\n  efctl pause 'order.*'\n  efctl pause")]
    Pause(pause::PauseArgs),
    /// End the pause of one handler, or the pause of all (single pauses stay)
    #[command(after_help = "Examples:\n  efctl resume 'order.*'\n  efctl resume")]
    Resume(pause::PauseArgs),
    /// Dead letters: list, inspect, requeue, discard, restore
    #[command(after_help = dlq::EXAMPLES)]
    Dlq(dlq::DlqArgs),
    /// What people have changed
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
    /// Look for what is wrong, and say what to do about it
    #[command(after_help = "Exits 1 when something is wrong, an unreachable API included.\n\n\
                            Examples:\n  efctl doctor\n  efctl doctor --json | jq 'select(.status == \"finding\")'")]
    Doctor,
    /// Write a completion script for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        fn look(command: &clap::Command) {
            for sub in command.get_subcommands() {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{}", sub.get_name());
                look(sub);
            }
        }
        look(&Cli::command());
    }
}
